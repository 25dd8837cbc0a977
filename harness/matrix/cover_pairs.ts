/** Covering pairs: few rows that have every pair of values which any row has. */
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

/** Values, one of each axis. */
export type Row = readonly string[];

export interface Cover {
  /** Indices of the chosen rows, in the order of the rows. */
  readonly chosen: readonly number[];
  /** How many pairs of values the rows have. */
  readonly pairs: number;
}

/** How many orders are tried; the first is nearly always as good as it gets. */
const ATTEMPTS = 50;

/**
 * Chooses rows so that every pair of values of two axes that some row has is in a chosen row: the fewest that a
 * greedy search finds in a number of orders. Always the same for the same rows.
 */
export function coverPairs(rows: readonly Row[]): Cover {
  const pairsOf = rows.map(pairsIn);
  const pairs = new Set(pairsOf.flat());
  const least = fewestConceivable(pairs);
  const random = xoroshiro128plus(1);
  let order = rows.map((_, index) => index);
  let best = order;
  for (let attempt = 0; attempt < ATTEMPTS && best.length > least; attempt++) {
    const found = withoutSpare(greedy(order, pairsOf), pairsOf);
    if (found.length < best.length) best = found;
    order = shuffled(order, (last) => uniformInt(random, 0, last));
  }
  return { chosen: best.toSorted((a, b) => a - b), pairs: pairs.size };
}

/** The pairs of a row; those of two axes begin alike. */
const pairsIn = (row: Row): string[] =>
  row.flatMap((value, axis) =>
    row.slice(axis + 1).map((other, index) => JSON.stringify([axis, axis + 1 + index, value, other]))
  );

/** A row has one pair of any two axes: it takes at least as many rows as two axes have pairs. */
function fewestConceivable(pairs: ReadonlySet<string>): number {
  const perAxes = Map.groupBy(pairs, (pair) => (JSON.parse(pair) as unknown[]).slice(0, 2).join());
  return Math.max(0, ...Array.from(perAxes.values(), (pairs) => pairs.length));
}

/**
 * Takes the row that adds most pairs, again and again; of several the one whose pairs fewest other rows have, and of
 * these the one whose pairs were taken least: what comes for nothing should be as varied as can be.
 */
function greedy(order: readonly number[], pairsOf: readonly (readonly string[])[]): number[] {
  const rarity = new Map<string, number>();
  for (const pair of pairsOf.flat()) rarity.set(pair, (rarity.get(pair) ?? 0) + 1);
  const left = new Set(rarity.keys());
  const taken = new Map<string, number>();
  const chosen: number[] = [];
  while (left.size > 0) {
    const scores = order.map((index) => {
      const pairs = pairsOf[index] ?? [];
      const added = pairs.filter((pair) => left.has(pair));
      return {
        index,
        gain: added.length,
        rare: sum(added.map((pair) => 1 / (rarity.get(pair) ?? 1))),
        fresh: -sum(pairs.map((pair) => taken.get(pair) ?? 0)),
      };
    });
    const { index } = scores.reduce((best, next) =>
      (next.gain - best.gain || next.rare - best.rare || next.fresh - best.fresh) > 0 ? next : best
    );
    chosen.push(index);
    for (const pair of pairsOf[index] ?? []) {
      left.delete(pair);
      taken.set(pair, (taken.get(pair) ?? 0) + 1);
    }
  }
  return chosen;
}

/** Drops rows all of whose pairs are in other chosen rows. */
function withoutSpare(chosen: readonly number[], pairsOf: readonly (readonly string[])[]): number[] {
  return chosen.reduce((kept, index) => {
    const others = kept.filter((other) => other !== index);
    const covered = new Set(others.flatMap((other) => pairsOf[other] ?? []));
    return (pairsOf[index] ?? []).every((pair) => covered.has(pair)) ? others : kept;
  }, [...chosen]);
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** The items in an order that `upTo` decides on, which gives a number from 0 to `last`. */
function shuffled(items: readonly number[], upTo: (last: number) => number): number[] {
  const mixed = [...items];
  for (let last = mixed.length - 1; last > 0; last--) {
    const other = upTo(last);
    [mixed[last], mixed[other]] = [mixed[other] ?? 0, mixed[last] ?? 0];
  }
  return mixed;
}
