/** Work that is going on in this process, by what it is about. */
export type InFlight = Map<string, Promise<unknown>>;

/**
 * Joins the work on `key` if it is going on, starts it otherwise: callers that ask for the same at the same time
 * share one effort and one outcome.
 */
export function joinInFlight<Result>(
  running: InFlight,
  key: string,
  start: () => Promise<Result>,
): Promise<Result> {
  const present = running.get(key) as Promise<Result> | undefined;
  if (present !== undefined) return present;
  const started = start().finally(() => running.delete(key));
  running.set(key, started);
  return started;
}
