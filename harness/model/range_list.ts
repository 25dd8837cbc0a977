/** An inclusive range of I/O virtual addresses, as in the kernel's iova_range capability. */
export interface Range {
  readonly start: bigint;
  readonly last: bigint;
}

/** Sorted, disjoint ranges. Neighbours that touch are allowed and never merged. [spec §2.5] */
export type RangeList = readonly Range[];

/** The highest address there is; a range that ends here has no representable exclusive end. */
export const U64_MAX = (1n << 64n) - 1n;

/** `0x1000`, the way every address, size and bitmap is written. */
export const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

/** `0x0..0xfff`, inclusive at both ends. */
export const rangeText = ({ start, last }: Range): string => `${hex(start)}..${hex(last)}`;

/** The ranges joined by commas, `-` when there is none. */
export const rangeListText = (list: RangeList): string => list.map(rangeText).join(",") || "-";

/** Whether the two ranges have an address in common. Touching ranges have none. */
export const overlaps = (a: Range, b: Range): boolean => a.start <= b.last && b.start <= a.last;

/** Whether every address of `inner` is in `outer`. */
export const contains = (outer: Range, inner: Range): boolean =>
  outer.start <= inner.start && inner.last <= outer.last;

/** What two ranges that overlap have in common. */
export const common = (a: Range, b: Range): Range => ({
  start: a.start > b.start ? a.start : b.start,
  last: a.last < b.last ? a.last : b.last,
});

/** From the first address of the list to its last; `undefined` for an empty list. */
export function hull(list: RangeList): Range | undefined {
  const first = list[0];
  const final = list.at(-1);
  return first && final && { start: first.start, last: final.last };
}

/**
 * The list without the addresses of `hole`: a range that `hole` touches is replaced by what is left of it
 * on either side, byte for byte. [spec §2.5]
 */
export function without(list: RangeList, hole: Range): RangeList {
  return list.flatMap((range) => {
    if (!overlaps(range, hole)) return [range];
    const left = { start: range.start, last: hole.start - 1n };
    const right = { start: hole.last + 1n, last: range.last };
    return [left, right].filter(({ start, last }) => start <= last);
  });
}

/** Whether one single range of the list holds all of `request`; two that merely touch don't. [spec §4.1 row 10] */
export const insideOneRange = (list: RangeList, request: Range): boolean =>
  list.some((range) => contains(range, request));
