/** Shrinking: from a long sequence that shows something to a short one that shows the same. */
import type { Sequence, WrittenStep } from "./sequence.ts";
import { plainerNames, simplerSettings, simplerSteps } from "./simplify.ts";

/** Whether a candidate still shows it. */
export type Shows = (candidate: Sequence) => Promise<boolean>;

/** How much may be tried. */
export interface ShrinkLimits {
  /** Candidates: the same limit comes to the same result on any machine. */
  readonly triesMost: number;
  /** Aborted when it takes too long. */
  readonly signal: AbortSignal;
}

export interface Shrunk {
  readonly sequence: Sequence;
  readonly tries: number;
  /** Nothing more can be left out or made simpler; otherwise a limit was reached. */
  readonly isSmallest: boolean;
}

/**
 * Leaves steps out, in parts that get smaller, then makes what is left simpler, over and over until nothing helps.
 * Whoever asks has seen that the sequence shows it.
 */
export async function shrink(sequence: Sequence, shows: Shows, limits: ShrinkLimits): Promise<Shrunk> {
  const shrinking = new Shrinking(sequence, shows, limits);
  const isSmallest = await shrinking.run();
  return { sequence: shrinking.smallest, tries: shrinking.tries, isSmallest };
}

class Shrinking {
  smallest: Sequence;
  tries = 0;
  readonly #shows: Shows;
  readonly #limits: ShrinkLimits;
  /** Candidates that were tried. */
  readonly #known = new Set<string>();

  constructor(sequence: Sequence, shows: Shows, limits: ShrinkLimits) {
    this.smallest = sequence;
    this.#shows = shows;
    this.#limits = limits;
  }

  /** False when a limit kept it from trying everything. */
  async run(): Promise<boolean> {
    let hasShrunk = true;
    while (hasShrunk && !this.#isOver) {
      hasShrunk = await this.#leaveOutSteps();
      hasShrunk = await this.#simplify(simplerSettings) || hasShrunk;
      hasShrunk = await this.#simplify(simplerSteps) || hasShrunk;
      hasShrunk = await this.#simplify(plainerNames) || hasShrunk;
    }
    return !this.#isOver;
  }

  get #isOver(): boolean {
    return this.tries >= this.#limits.triesMost || this.#limits.signal.aborted;
  }

  /** From the end, since steps need earlier ones more often than later ones. */
  async #leaveOutSteps(): Promise<boolean> {
    let hasShrunk = false;
    for (let part = Math.ceil(this.smallest.steps.length / 2); part > 0; part = Math.floor(part / 2)) {
      for (let end = this.smallest.steps.length; end > 0; end -= part) {
        const steps = without(this.smallest.steps, Math.max(0, end - part), end);
        if (await this.#accept({ ...this.smallest, steps })) hasShrunk = true;
      }
    }
    return hasShrunk;
  }

  /** Takes the first simpler one that shows it, and goes on from there. */
  async #simplify(simpler: (sequence: Sequence) => Iterable<Sequence>): Promise<boolean> {
    let hasShrunk = false;
    for (let found = true; found && !this.#isOver;) {
      found = false;
      for (const candidate of simpler(this.smallest)) {
        if (!await this.#accept(candidate)) continue;
        found = hasShrunk = true;
        break;
      }
    }
    return hasShrunk;
  }

  async #accept(candidate: Sequence): Promise<boolean> {
    const key = keyOf(candidate);
    if (candidate.steps.length === 0 || this.#isOver || this.#known.has(key)) return false;
    this.#known.add(key);
    this.tries++;
    if (!await this.#shows(candidate)) return false;
    this.smallest = candidate;
    return true;
  }
}

const without = (steps: readonly WrittenStep[], first: number, end: number): WrittenStep[] => [
  ...steps.slice(0, first),
  ...steps.slice(end),
];

const keyOf = (sequence: Sequence): string =>
  JSON.stringify(sequence, (_, value) => typeof value === "bigint" ? value.toString() : value);
