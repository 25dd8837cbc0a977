import t from "#tap";
import { MismatchError } from "../../harness/bench/mismatch.ts";
import { measureThroughput, type Player } from "../../harness/bench/throughput.ts";
import { ok } from "../../harness/model/answer.ts";
import type { Action } from "../../harness/scenario/action.ts";

const ACTION: Action = {
  text: "ping",
  apply: (state) => ({ state, answer: ok() }),
  command: () => "ping",
  changes: "nothing",
};

/** Answers the batches like this, one after the other. */
const player = (batches: readonly (() => Promise<readonly string[]>)[]): Player => {
  const waiting = batches.values();
  return {
    baselinePages: 0n,
    predict: (actions) => actions.map((action) => ({ action, stepIndex: 0, right: ok(), real: ok() })),
    send: () => waiting.next().value?.() ?? Promise.resolve([]),
  };
};

const all = (reply: string) => () => Promise.resolve(Array<string>(100).fill(reply));

t.test("every answer is compared", async (t) => {
  const steps = Array<Action>(250).fill(ACTION);
  const measured = await measureThroughput(player([all("ok"), all("ok"), all("ok")]), steps);
  t.match(measured, { steps: 250, actions: 250 });
  for (const wrong of [0, 1, 2]) {
    const batches = [all("ok"), all("ok"), all("ok")].with(wrong, all("err EINVAL"));
    await t.rejects(measureThroughput(player(batches), steps), MismatchError, `batch ${wrong}`);
  }
});

t.test("of a guest that ends because an answer was wrong, the wrong answer is told", async (t) => {
  const ended = Promise.withResolvers<readonly string[]>();
  const steps = Array<Action>(200).fill(ACTION);
  await t.rejects(measureThroughput(player([all("err EINVAL"), () => ended.promise]), steps), MismatchError);
  // A rejection that nobody handles would end this process.
  ended.reject(new Error("the guest is gone"));
  await new Promise((resolve) => setTimeout(resolve));
});
