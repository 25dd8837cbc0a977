/** An independent oracle for range lists: an address space of 64 addresses, one boolean each. */
import fc from "fast-check";
import type { Range, RangeList } from "../../harness/model/range_list.ts";

export const ADDRESSES = 64;

export type Space = readonly boolean[];

/** Which addresses the list holds. */
export const spaceOf = (list: RangeList): Space =>
  Array.from({ length: ADDRESSES }, (_, address) => list.some((range) => holds(range, address)));

export const holds = ({ start, last }: Range, address: number): boolean =>
  start <= BigInt(address) && BigInt(address) <= last;

/** The longest runs of set addresses, which is a list without touching neighbours. */
export function listOf(space: Space): RangeList {
  const list: Range[] = [];
  for (const [address, held] of space.entries()) {
    const at = BigInt(address);
    const current = list.at(-1);
    if (!held) continue;
    if (current?.last === at - 1n) list[list.length - 1] = { ...current, last: at };
    else list.push({ start: at, last: at });
  }
  return list;
}

/** Any range of at least one address. */
export const rangeArb: fc.Arbitrary<Range> = fc
  .tuple(fc.nat(ADDRESSES - 1), fc.nat(ADDRESSES - 1))
  .map(([a, b]) => ({ start: BigInt(Math.min(a, b)), last: BigInt(Math.max(a, b)) }));

/** Sorted, disjoint ranges; some of them touch. */
export const rangeListArb: fc.Arbitrary<RangeList> = fc
  .uniqueArray(fc.nat(ADDRESSES - 1), { minLength: 0, maxLength: 12 })
  .map((ends) => ends.sort((a, b) => a - b))
  .map((ends) =>
    ends.flatMap((start, index) => {
      const next = ends[index + 1];
      return index % 2 === 0 && next !== undefined ? [{ start: BigInt(start), last: BigInt(next) }] : [];
    })
  )
  .chain((list) =>
    fc.tuple(...list.map((range) => fc.option(fc.bigInt(range.start, range.last)))).map((cuts) =>
      list.flatMap((range, index) => cutAt(range, cuts[index] ?? undefined))
    )
  );

/** Two touching ranges, or the one when the cut leaves no second. */
const cutAt = (range: Range, cut: bigint | undefined): Range[] =>
  cut === undefined || cut === range.last
    ? [range]
    : [{ start: range.start, last: cut }, { start: cut + 1n, last: range.last }];
