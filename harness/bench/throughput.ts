/** Compared steps per second: how fast steps are predicted, played in a guest, and held against the prediction. */
import { Comparison } from "../check/comparison.ts";
import type { PredictedAction } from "../check/two_models.ts";
import type { Action } from "../scenario/action.ts";
import type { BenchGuest } from "./bench_guest.ts";
import { requireMatch } from "./mismatch.ts";

/** What it took to compare some steps. */
export interface Throughput {
  /** One MAP or UNMAP, its answer and the read-back after it compared. */
  readonly steps: number;
  /** Requests that were answered and compared: a step is two. */
  readonly actions: number;
  readonly durationMs: number;
  /** Time for predictions. */
  readonly predictMs: number;
  /** Time for comparisons. */
  readonly compareMs: number;
  /** Time in which there was nothing to do but wait for the guest. */
  readonly waitMs: number;
}

/** Whoever predicts and plays the steps. */
export type Player = Pick<BenchGuest, "baselinePages" | "predict" | "send">;

/** Steps that travel together: enough that the guest never waits for the harness, few enough that it begins soon. */
const BATCH_STEPS = 100;

/**
 * Plays steps in batches. While the guest works on one, the next is predicted and the last is compared.
 * @throws MismatchError, GuestLost
 */
export async function measureThroughput(guest: Player, steps: readonly Action[]): Promise<Throughput> {
  const clock = new Clock();
  const comparison = new Comparison(guest.baselinePages);
  let actions = 0;
  let running: { predicted: readonly PredictedAction[]; replies: Promise<readonly string[]> } | undefined;
  for (let first = 0; first < steps.length + BATCH_STEPS; first += BATCH_STEPS) {
    const batch = steps.slice(first, first + BATCH_STEPS);
    const predicted = clock.time("predictMs", () => guest.predict(batch));
    const replies = running && await clock.wait("waitMs", running.replies);
    const earlier = running?.predicted ?? [];
    running = { predicted, replies: sent(guest, predicted) };
    clock.time("compareMs", () => requireMatch(comparison, earlier, replies ?? []));
    actions += earlier.length;
  }
  return { steps: steps.length, actions, ...clock.read() };
}

/** Replies that nobody waits for any more when an earlier comparison has failed: then that is what is told. */
function sent(guest: Player, predicted: readonly PredictedAction[]): Promise<readonly string[]> {
  const replies = guest.send(predicted);
  replies.catch(() => {});
  return replies;
}

type Part = "predictMs" | "compareMs" | "waitMs";

/** Where the time goes. */
class Clock {
  readonly #begin = performance.now();
  readonly #spent = { predictMs: 0, compareMs: 0, waitMs: 0 };

  time<T>(part: Part, work: () => T): T {
    const begin = performance.now();
    const result = work();
    this.#spent[part] += performance.now() - begin;
    return result;
  }

  async wait<T>(part: Part, work: Promise<T>): Promise<T> {
    const begin = performance.now();
    const result = await work;
    this.#spent[part] += performance.now() - begin;
    return result;
  }

  read(): Record<Part | "durationMs", number> {
    return { durationMs: performance.now() - this.#begin, ...this.#spent };
  }
}
