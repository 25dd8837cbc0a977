/** A limit to waiting. */

/** No reply came for too long. */
export class SilenceError extends Error {
  override readonly name: string = "SilenceError";
}

/** Time for what has arrived already to be read, when a stopped harness wakes up to an overdue timer. */
const GRACE_MS = 500;

/**
 * The value, unless it takes too long.
 * @throws SilenceError after the limit
 */
export async function within<T>(limitMs: number, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    const giveUp = () => reject(new SilenceError(`no reply for ${limitMs} ms`));
    timer = setTimeout(() => timer = setTimeout(giveUp, GRACE_MS), limitMs);
  });
  try {
    return await Promise.race([promise, silence]);
  } finally {
    clearTimeout(timer);
  }
}
