/** Shrinking races, which don't fail each time: what is left out wasn't needed if the rest still fails now and then. */
import type { Finding } from "./finding.ts";
import type { Race } from "./race.ts";
import { DEFAULT_DMA_ENTRY_LIMIT } from "../../model/state.ts";

/** How often a race failed, and how often it was played. */
export interface Odds {
  readonly failures: number;
  readonly repetitions: number;
}

/** What came of races that were played in one go. */
export interface Trials {
  readonly findings: readonly Finding[];
  /** How many were played: fewer than wanted when one of them has spoiled the guest. */
  readonly trials: number;
}

export interface Shrinking {
  play(race: Race, times: number): Promise<Trials>;
  /** The next race is played on a guest that nothing was played on before. */
  refresh(): Promise<void>;
  isOver(): boolean;
  onSmaller(finding: Finding): void;
}

/** So often a race is played before it is said to be fine. */
const REPETITIONS = 200;
/** So often at least before it is said how often it fails, however little time there is; */
const REPETITIONS_LEAST = 100;
/** but no more often than it takes to fail that often: each may cost a guest, and a hang the time until it is one. */
const FAILURES_ENOUGH = 3;
const BATCH = 20;

/**
 * Leaves out what isn't needed, one thing at a time, until nothing can be, or time is up.
 * @returns the smallest race that failed in the same way
 */
export async function shrinkRace(found: Finding, shrinking: Shrinking): Promise<Finding> {
  let finding = found;
  for (let smaller: Finding | undefined = found; smaller;) {
    finding = smaller;
    smaller = await smallerOne(finding, shrinking);
    if (smaller) shrinking.onSmaller(smaller);
  }
  return finding;
}

async function smallerOne(known: Finding, shrinking: Shrinking): Promise<Finding | undefined> {
  for (const candidate of candidatesOf(known.race)) {
    const finding = await failing(candidate, known, shrinking);
    if (!finding) continue;
    if (known.unexplained) return finding;
    // A kernel may come to its end long after another race has spoiled it.
    await shrinking.refresh();
    const again = await failing(candidate, known, shrinking);
    if (again) return again;
  }
  return undefined;
}

async function failing(
  race: Race,
  known: Finding,
  { play, isOver }: Shrinking,
): Promise<Finding | undefined> {
  for (let played = 0; played < REPETITIONS && !isOver(); played += BATCH) {
    const { findings } = await play(race, BATCH);
    const alike = findings.find((finding) => isAlike(finding, known));
    if (alike) return alike;
  }
  return undefined;
}

const isAlike = (a: Finding, b: Finding): boolean =>
  a.verdict === b.verdict && (a.unexplained === undefined) === (b.unexplained === undefined);

/** How often a race fails, whatever the way. Goes on until it has, as far as there is time. */
export async function oddsOf(race: Race, { play, isOver }: Shrinking): Promise<Odds> {
  let failures = 0;
  let repetitions = 0;
  const isEnough = () =>
    isOver()
      ? repetitions >= REPETITIONS_LEAST || failures >= FAILURES_ENOUGH
      : repetitions >= REPETITIONS && failures > 0;
  while (!isEnough()) {
    const { findings, trials } = await play(race, BATCH);
    failures += Math.min(findings.length, trials);
    repetitions += trials;
  }
  return { failures, repetitions };
}

const without = <T>(list: readonly T[]): T[][] => list.map((_, index) => list.toSpliced(index, 1));

/** Everything with one thing less. */
export function candidatesOf(race: Race): Race[] {
  const [first, second] = race.threads;
  const bare = [...race.regions].filter(([, regions]) => regions.length > 0)
    .map(([name]) => new Map(race.regions).set(name, []));
  return [
    ...without(first).map((calls): Race => ({ ...race, threads: [calls, second] })),
    ...without(second).map((calls): Race => ({ ...race, threads: [first, calls] })),
    ...without(race.setup).map((setup): Race => ({ ...race, setup })),
    ...bare.map((regions): Race => ({ ...race, regions })),
    ...(race.mappingLimit === DEFAULT_DMA_ENTRY_LIMIT
      ? []
      : [{ ...race, mappingLimit: DEFAULT_DMA_ENTRY_LIMIT }]),
  ];
}
