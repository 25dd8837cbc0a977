/** The name of an error number; the probe writes `E` and the number for one it has no name for. */
export type Errno = `E${string}`;

/**
 * What a call answered, predicted and observed alike: the errno, or null and the values that came back,
 * each in the one way it is written (see the probe's protocol).
 */
export interface Answer {
  readonly errno: Errno | null;
  readonly values: Readonly<Record<string, string>>;
}

/** Success, with the values that the call returns. */
export const ok = (values: Record<string, string> = {}): Answer => ({ errno: null, values });

/** Refusal. */
export const refused = (errno: Errno): Answer => ({ errno, values: {} });

/** `ok size=0x1000` or `EINVAL`. */
export function answerText({ errno, values }: Answer): string {
  if (errno !== null) return errno;
  return ["ok", ...Object.entries(values).map(([key, value]) => `${key}=${value}`)].join(" ");
}
