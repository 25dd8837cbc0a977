/** Races by chance on live guests: as many as there is time for, until one can't be explained. */
import type { Target } from "../../check/assignment.ts";
import type { CellPlan } from "../../check/cell_plan.ts";
import { targetOf } from "../../check/preparation.ts";
import { UsageError } from "../../errors.ts";
import type { Finding } from "./finding.ts";
import { type Order, takesTurns } from "./linearize.ts";
import type { Race, Stage } from "./race.ts";
import { drawRace } from "./race_sequence.ts";
import { RaceTrials } from "./race_trials.ts";
import { type Odds, oddsOf, type Shrinking, shrinkRace } from "./shrink_race.ts";

/** What is told on the way. */
export type RaceEvent =
  | {
    readonly type: "guest-booted";
    readonly bootMs: number;
    readonly accelerator: string;
    readonly complaint?: string;
  }
  | { readonly type: "played"; readonly counts: RaceCounts; readonly durationMs: number }
  | { readonly type: "found"; readonly finding: Finding }
  | { readonly type: "shrunk"; readonly finding: Finding };

export interface RaceOptions {
  /** The same seed gives the same races, in the same order. How they end is up to the threads. */
  readonly seed: number;
  /** The first race's number; 0 if nothing else is said. */
  readonly first?: number;
  /** How often each race is played, since none ends the same way each time; once if nothing else is said. */
  readonly repetitions?: number;
  /** No further races, where time doesn't tell when it is enough. */
  readonly racesMost?: number;
  /** Whether threads may take the last group out of the container, which kernels don't survive. [spec §12 Q5] */
  readonly mayEmpty?: boolean;
  /** Time for playing races, from the first guest's boot. */
  readonly timeLimitMs: number;
  /** Time for shrinking one that can't be explained. */
  readonly shrinkLimitMs?: number;
  /** Aborted, guests end at once, and what was found out so far is the result. */
  readonly signal: AbortSignal;
  readonly emit: (event: RaceEvent) => void;
}

export interface RaceCounts {
  /** Races that are explained. */
  readonly races: number;
  /** Calls that their threads made. */
  readonly calls: number;
  /** Races that are explained by one thread's calls before the other's. */
  readonly oneAfterTheOther: number;
  /** Races that are explained only if the threads took turns. */
  readonly turnTaking: number;
  /** In how many different orders they did. */
  readonly orders: number;
}

export interface RaceReport extends RaceCounts {
  readonly durationMs: number;
  readonly boots: number;
  /** The first race that can't be explained, as it was drawn. */
  readonly asFound?: Finding;
  /** The same, as small as it could be made. */
  readonly finding?: Finding;
  /** How often the small one fails; undefined when there was no time to find out. */
  readonly odds?: Odds;
  /** What went wrong while it was made smaller, if something did: it was found all the same. */
  readonly failure?: unknown;
}

/** Races that travel together: enough that the guest needn't wait, few enough that little is lost with it. */
const BATCH_RACES = 20;

const SHRINK_LIMIT_MS = 90_000;

/** Groups that races are played with: one that stays, two that come and go. */
const GROUP_NAMES = ["A", "B", "C"];

/**
 * Plays races until time is up, one can't be explained, or it is told to end.
 * @throws UsageError where the machine has too few groups; CannotTestError, GuestLost, BadRequestError, ProtocolError
 * where nothing could be found out
 */
export async function exploreRaces(plan: CellPlan, options: RaceOptions): Promise<RaceReport> {
  const target = targetOf(plan);
  const { signal, emit, mayEmpty = false } = options;
  const stage = { ...stageOf(plan, target), mayEmpty };
  await using trials = new RaceTrials({
    plan,
    target,
    stage,
    signal,
    onBoot: ({ bootMs, accelerator, complaint }) =>
      emit({
        type: "guest-booted",
        bootMs: Math.round(bootMs),
        accelerator,
        ...(complaint === undefined ? {} : { complaint }),
      }),
  });
  return await new Exploration(trials, stage, options).run();
}

/** The groups that races are played with; one of them stays in the container. */
export function stageOf(
  { machine, lackOfModules }: Pick<CellPlan, "machine" | "lackOfModules">,
  { groups }: Pick<Target, "groups">,
): Stage {
  const free = groups.filter(({ requiresDirect }) => !requiresDirect).slice(0, GROUP_NAMES.length);
  if (free.length < 2) {
    throw new UsageError(
      `${machine.name} has too few groups for races, which take two; name another machine`,
    );
  }
  return {
    groups: new Map(free.map((group, index) => [GROUP_NAMES[index]!, group])),
    hasModule: lackOfModules === undefined,
    mayEmpty: false,
  };
}

class Exploration {
  readonly #trials: RaceTrials;
  readonly #stage: Stage;
  readonly #options: RaceOptions;
  readonly #begin = performance.now();
  readonly #orders = new Set<Order>();
  #counts = { races: 0, calls: 0, oneAfterTheOther: 0, turnTaking: 0 };

  constructor(trials: RaceTrials, stage: Stage, options: RaceOptions) {
    this.#trials = trials;
    this.#stage = stage;
    this.#options = options;
  }

  async run(): Promise<RaceReport> {
    const asFound = await this.#unlessAborted(() => this.#find());
    if (!asFound) return this.#report();
    this.#options.emit({ type: "found", finding: asFound });
    let finding = asFound;
    const shrinking = this.#shrinking((smaller) => finding = smaller);
    try {
      const odds = await this.#unlessAborted(async () => {
        await shrinkRace(asFound, shrinking);
        await shrinking.refresh();
        return await oddsOf(finding.race, shrinking);
      });
      return { ...this.#report(), asFound, finding, ...(odds ? { odds } : {}) };
    } catch (failure) {
      return { ...this.#report(), asFound, finding, failure };
    }
  }

  /** What it comes to; undefined when it fails for want of guests, which end when it is told to. */
  async #unlessAborted<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (this.#options.signal.aborted) return undefined;
      throw error;
    }
  }

  #report(): RaceReport {
    return { ...this.#countsNow(), durationMs: this.#elapsedMs(), boots: this.#trials.boots };
  }

  #countsNow = (): RaceCounts => ({ ...this.#counts, orders: this.#orders.size });

  #elapsedMs = (): number => Math.round(performance.now() - this.#begin);

  async #find(): Promise<Finding | undefined> {
    const { timeLimitMs, signal, emit } = this.#options;
    const drawn = this.#draw();
    while (this.#elapsedMs() < timeLimitMs && !signal.aborted) {
      const races = Array.from({ length: BATCH_RACES }, () => drawn.next().value ?? []).flat();
      if (races.length === 0) return undefined;
      const { findings } = await this.#trials.play(races, this.#count);
      emit({ type: "played", counts: this.#countsNow(), durationMs: this.#elapsedMs() });
      if (findings[0]) return findings[0];
    }
    return undefined;
  }

  /** The races that there are to be played, each as often as it is. */
  *#draw(): Generator<Race, undefined> {
    const { seed, first = 0, racesMost = Infinity, repetitions = 1 } = this.#options;
    for (let index = first; index < first + racesMost; index++) {
      const race = drawRace(seed, index, this.#stage);
      for (let times = 0; times < repetitions; times++) yield race;
    }
  }

  #count = (order: Order, { threads }: Race): void => {
    this.#counts.races++;
    this.#counts.calls += threads.flat().length;
    if (takesTurns(order)) {
      this.#counts.turnTaking++;
      this.#orders.add(order);
    } else {
      this.#counts.oneAfterTheOther++;
    }
  };

  #shrinking(keep: (smaller: Finding) => void): Shrinking {
    const { shrinkLimitMs = SHRINK_LIMIT_MS, signal, emit } = this.#options;
    const end = performance.now() + shrinkLimitMs;
    return {
      play: (race, times) => this.#trials.play(Array.from({ length: times }, () => race)),
      refresh: () => this.#trials.refresh(),
      isOver: () => signal.aborted || performance.now() > end,
      onSmaller: (finding) => {
        keep(finding);
        emit({ type: "shrunk", finding });
      },
    };
  }
}
