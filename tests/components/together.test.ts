import t from "#tap";
import { together } from "../../harness/components/together.ts";

const CONTEXT = { cacheDir: "/none", progress: () => {} };

/** Ends when it is told to, as a program does. */
const untilAborted = (signal: AbortSignal | undefined): Promise<never> =>
  new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));

t.test("all results, in the order of the items", async (t) => {
  t.same(await together(CONTEXT, [1, 2, 3], (item) => Promise.resolve(item * 2)), [2, 4, 6]);
  t.same(await together(CONTEXT, [], () => Promise.resolve(1)), []);
});

t.test("one failure ends the others, and is the one that is told", async (t) => {
  let ended = false;
  const attempt = together(CONTEXT, ["fails", "goes on"], async (item, { signal }) => {
    if (item === "fails") throw new Error("no space");
    try {
      return await untilAborted(signal);
    } finally {
      ended = true;
    }
  });
  await t.rejects(attempt, { message: "no space" });
  t.ok(ended, "before that");
});

t.test("the caller's signal ends all", async (t) => {
  const controller = new AbortController();
  const attempt = together(
    { ...CONTEXT, signal: controller.signal },
    [1, 2],
    (_, { signal }) => untilAborted(signal),
  );
  controller.abort();
  await t.rejects(attempt, { name: "AbortError" });
});
