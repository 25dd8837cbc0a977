/**
 * Linearizability: whether calls that two threads made at the same time were answered as if they had been made one
 * after the other, in some order that keeps each thread's own.
 */
import { isDeepStrictEqual } from "node:util";
import { type Difference, difference } from "../../check/observation.ts";
import type { Answer, RuleText } from "../../model/answer.ts";
import type { State } from "../../model/state.ts";
import type { AnyAction } from "../../scenario/action.ts";

/** Something that was asked, and the kernel's answer to it. */
export interface Observed {
  readonly action: Pick<AnyAction, "text" | "apply">;
  readonly answer: Answer;
}

/** One thing for each of the two threads. */
export type Both<T> = readonly [first: T, second: T];

export interface History {
  /** Asked one after the other, before the threads. */
  readonly before: readonly Observed[];
  readonly threads: Both<readonly Observed[]>;
  /** Asked one after the other when both threads had ended. */
  readonly after: readonly Observed[];
}

/** The thread of each call in turn: `1221`. */
export type Order = string;

/** An answer that doesn't fit what was before it. */
export interface Misfit extends Difference {
  /** `thread 1, call 2` */
  readonly place: string;
  readonly text: string;
  /** What decided the prediction, in SPEC.md. */
  readonly rule: RuleText | undefined;
}

/** Why no order explains a history. */
export interface Unexplained {
  /** The order that leads farthest, up to where it ends. */
  readonly farthest: Order;
  /** What could come next, and would have been answered otherwise. */
  readonly misfits: readonly Misfit[];
  /** Calls of the threads whose answers fit nowhere, whatever the order of all others: the likeliest culprits. */
  readonly fitNowhere: readonly string[];
}

export type Linearization = { readonly order: Order } | { readonly unexplained: Unexplained };

/**
 * An order that explains all answers, the threads' and those of what was asked afterwards. One thread after the other
 * is tried first, so that threads take turns in it only as far as they have to.
 *
 * @param initial what the model knew before anything was asked
 */
export function linearize(initial: State, history: History): Linearization {
  const search = new Search(history);
  const start = search.serially(initial, history.before, "before");
  const order = start && (search.oneAfterTheOther(start) ?? search.from(start, [0, 0], ""));
  return order === undefined ? { unexplained: search.unexplained() } : { order };
}

/** Whether threads take turns in an order: otherwise all of one thread's calls come before the other's. */
export const takesTurns = (order: Order): boolean => !/^(1*2*|2*1*)$/.test(order);

/** How many calls of each thread have been made. */
type Made = Both<number>;

const THREADS = [0, 1] as const;
type Thread = typeof THREADS[number];

class Search {
  readonly #history: History;
  /** States that lead to no explanation, by how many calls of each thread led to them. */
  readonly #hopeless = new Map<string, State[]>();
  readonly #tried = new Set<Observed>();
  readonly #fitting = new Set<Observed>();
  #farthest: { steps: number; order: Order; misfits: Misfit[] } = { steps: -1, order: "", misfits: [] };

  constructor(history: History) {
    this.#history = history;
  }

  /** The order in which one thread makes all of its calls before the other, if such a one explains the history. */
  oneAfterTheOther(state: State): Order | undefined {
    const [first, second] = this.#history.threads.map(({ length }, thread) => `${thread + 1}`.repeat(length));
    return [`${first}${second}`, `${second}${first}`].find((order) => this.#isExplainedBy(order, state));
  }

  #isExplainedBy(order: Order, state: State): boolean {
    let made: Made = [0, 0];
    for (const thread of order) {
      const step = this.#step(state, made, order.slice(0, made[0] + made[1]), thread === "1" ? 0 : 1);
      if (!step) return false;
      ({ state, made } = step);
    }
    return this.serially(state, this.#history.after, "after", order) !== undefined;
  }

  /** The order of the remaining calls that explains the rest of the history, behind what came before. */
  from(state: State, made: Made, order: Order): Order | undefined {
    const { threads, after } = this.#history;
    const known = this.#hopelessAfter(made);
    if (known.some((other) => isDeepStrictEqual(other, state))) return undefined;
    if (THREADS.every((thread) => made[thread] === threads[thread].length)) {
      if (this.serially(state, after, "after", order)) return order;
    }
    for (const thread of THREADS) {
      const step = this.#step(state, made, order, thread);
      const found = step && this.from(step.state, step.made, `${order}${thread + 1}`);
      if (found !== undefined) return found;
    }
    known.push(state);
    return undefined;
  }

  /** What a thread's next call leads to, if its answer fits. */
  #step(state: State, made: Made, order: Order, thread: Thread): { state: State; made: Made } | undefined {
    const call = this.#history.threads[thread][made[thread]];
    if (!call) return undefined;
    const place = `thread ${thread + 1}, call ${made[thread] + 1}`;
    const next = this.#fit(state, call, place, made[0] + made[1], order);
    if (!next) return undefined;
    return { state: next, made: thread === 0 ? [made[0] + 1, made[1]] : [made[0], made[1] + 1] };
  }

  /** The state behind what was asked one after the other; undefined when an answer doesn't fit. */
  serially(state: State, asked: readonly Observed[], where: string, order = ""): State | undefined {
    for (const [index, one] of asked.entries()) {
      const next = this.#fit(state, one, where, order.length + index, order);
      if (!next) return undefined;
      state = next;
    }
    return state;
  }

  /** The state behind one answer, if it is what the model says. */
  #fit(state: State, one: Observed, place: string, steps: number, order: Order): State | undefined {
    this.#tried.add(one);
    const { answer, state: next } = one.action.apply(state);
    const misfit = difference(answer, one.answer);
    if (!misfit) {
      this.#fitting.add(one);
      return next;
    }
    if (steps > this.#farthest.steps) this.#farthest = { steps, order, misfits: [] };
    const { misfits, ...farthest } = this.#farthest;
    const isNew = misfits.every((known) => known.place !== place);
    if (steps === farthest.steps && order === farthest.order && isNew) {
      misfits.push({ ...misfit, place, text: one.action.text, rule: answer.rule });
    }
    return undefined;
  }

  #hopelessAfter(made: Made): State[] {
    const key = made.join();
    const states = this.#hopeless.get(key) ?? [];
    this.#hopeless.set(key, states);
    return states;
  }

  unexplained(): Unexplained {
    const { order, misfits } = this.#farthest;
    const fitNowhere = this.#history.threads.flat().filter((call) =>
      this.#tried.has(call) && !this.#fitting.has(call)
    );
    return { farthest: order, misfits, fitNowhere: fitNowhere.map(({ action }) => action.text) };
  }
}
