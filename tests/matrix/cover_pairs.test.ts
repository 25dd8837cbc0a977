import t from "#tap";
import fc from "fast-check";
import { coverPairs, type Row } from "../../harness/matrix/cover_pairs.ts";
import { always, refuted } from "../model/always.ts";

/** Every combination of so many values on each axis, without those that a flag takes out. */
function product(sizes: readonly number[], isLeftOut: readonly boolean[] = []): string[][] {
  const rows = sizes.reduce<string[][]>(
    (rows, size) => rows.flatMap((row) => Array.from({ length: size }, (_, value) => [...row, `v${value}`])),
    [[]],
  );
  return rows.filter((_, index) => isLeftOut[index] !== true);
}

/** Written otherwise than in the search, to say the same of it. */
function pairsIn(rows: readonly Row[]): Set<string> {
  const pairs = new Set<string>();
  for (const row of rows) {
    for (let axis = 0; axis < row.length; axis++) {
      for (let other = 0; other < axis; other++) pairs.add(`${axis}:${row[axis]} ${other}:${row[other]}`);
    }
  }
  return pairs;
}

const rowsAt = (rows: readonly Row[], indices: readonly number[]): Row[] =>
  indices.map((index) => rows[index] ?? []);

const rowsArb = fc.tuple(
  fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }),
  fc.array(fc.boolean(), { maxLength: 60 }),
).map(([sizes, isLeftOut]) => product(sizes, isLeftOut));

t.test("every pair that a row has is in a chosen row", async (t) => {
  always(
    t,
    fc.property(rowsArb, (rows) => {
      const { chosen, pairs } = coverPairs(rows);
      const [all, covered] = [pairsIn(rows), pairsIn(rowsAt(rows, chosen))];
      return pairs === all.size && covered.size === all.size && all.isSubsetOf(covered);
    }),
    { numRuns: 300 },
  );
});

t.test("only rows are chosen, each once, in their order", async (t) => {
  always(
    t,
    fc.property(rowsArb, (rows) => {
      const { chosen } = coverPairs(rows);
      return chosen.every((row, index) => rows[row] !== undefined && row > (chosen[index - 1] ?? -1));
    }),
    { numRuns: 300 },
  );
});

t.test("none can be spared", async (t) => {
  always(
    t,
    fc.property(rowsArb, (rows) => {
      const { chosen, pairs } = coverPairs(rows);
      return chosen.every((spared) =>
        pairsIn(rowsAt(rows, chosen.filter((row) => row !== spared))).size < pairs
      );
    }),
    { numRuns: 300 },
  );
  refuted(t, "all rows", fc.property(rowsArb, (rows) => coverPairs(rows).chosen.length === rows.length));
});

t.test("the same every time", async (t) => {
  always(t, fc.property(rowsArb, (rows) => `${coverPairs(rows).chosen}` === `${coverPairs(rows).chosen}`));
});

const SIZES: readonly [sizes: number[], fewest: number][] = [
  [[3, 3, 4], 12],
  [[3, 3, 20], 60],
  [[2, 2, 2], 4],
  [[5], 0],
  [[1, 1], 1],
  [[], 0],
];

t.test("as few as can be where it is known how few", async (t) => {
  for (const [sizes, fewest] of SIZES) {
    t.equal(coverPairs(product(sizes)).chosen.length, fewest, sizes.join(" × "));
  }
});
