import type { Context } from "./types.ts";

/**
 * Does things at the same time. When one fails the others are ended, and only then the failure is told: nothing
 * goes on behind the caller's back.
 *
 * @throws what the first one to fail threw
 */
export async function together<Item, Result>(
  context: Context,
  items: readonly Item[],
  action: (item: Item, context: Context) => Promise<Result>,
): Promise<Result[]> {
  const failed = new AbortController();
  const signal = AbortSignal.any([failed.signal, ...(context.signal === undefined ? [] : [context.signal])]);
  let first: { error: unknown } | undefined;
  const attempts = items.map(async (item) => {
    try {
      return await action(item, { ...context, signal });
    } catch (error) {
      first ??= { error };
      failed.abort();
      throw error;
    }
  });
  const ends = await Promise.allSettled(attempts);
  if (first !== undefined) throw first.error;
  return ends.flatMap((end) => end.status === "fulfilled" ? [end.value] : []);
}
