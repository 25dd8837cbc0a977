/** Looking up DMA mappings, as well or as badly as the kernel does. [spec §4.3, §5.3, §12 R1] */
import { PAGE_SIZE } from "./constants.ts";
import { findMapping, treeOf } from "./mapping_tree.ts";
import { overlaps, type Range, U64_MAX } from "./range_list.ts";
import type { Semantics } from "./semantics.ts";
import type { Mapping, Type1 } from "./state.ts";

/** The addresses that a request or a mapping covers; only for sizes of at least one that don't wrap. */
export const rangeOf = ({ iova, size }: { iova: bigint; size: bigint }): Range => ({
  start: iova,
  last: iova + size - 1n,
});

/** Whether `start + size` overflows beyond 2^64; ending exactly there is no overflow. */
export const wraps = (start: bigint, size: bigint): boolean => size > 0n && start + size - 1n > U64_MAX;

/** Whether all of them are multiples of a page. */
export const isAligned = (...values: bigint[]): boolean => values.every((value) => value % PAGE_SIZE === 0n);

/** Whether one of the range's ends lies inside the mapping, so that it would be cut. */
function bisects({ start, last }: Range, mapping: Mapping): boolean {
  const { start: first, last: end } = rangeOf(mapping);
  return (first < start && start <= end) || (first <= last && last < end);
}

/** Whether lookups miss a mapping up to 2^64. [spec §12 R1a] */
export const missesTop = ({ deviations }: Semantics): boolean => deviations.has("map-at-the-top");

/** Whether UNMAP looks for each mapping from the root of the tree. [spec §5.2] */
export const searchesAnew = ({ deviations }: Semantics): boolean => deviations.has("unmap-by-tree");

/** Whether the shape of the kernel's tree may come to decide what a lookup finds. */
export const growsTree = (semantics: Semantics): boolean => missesTop(semantics) || searchesAnew(semantics);

/** Whether what a search finds depends on the shape of the kernel's tree. */
export const searchesTree = (semantics: Semantics, { tree }: Type1): boolean =>
  missesTop(semantics) && tree?.decidesSearches === true;

/** Whether the kernel's lookups miss the mapping, because its exclusive end has become 0. */
export const isHidden = (semantics: Semantics, mapping: Mapping): boolean =>
  missesTop(semantics) && rangeOf(mapping).last === U64_MAX;

/** The mappings with an address in the range, whether or not the kernel can see them. */
export const allIn = ({ mappings }: Type1, range: Range): readonly Mapping[] =>
  mappings.filter((mapping) => overlaps(rangeOf(mapping), range));

/** The mappings with an address in the range, less hidden ones. */
export function mappingsIn(
  semantics: Semantics,
  type1: Type1,
  range: Range,
): readonly Mapping[] {
  const { mappings } = type1;
  // Mappings overlap only where the kernel can't see all of them.
  if (searchesTree(semantics, type1)) {
    return mappings.filter((mapping) => !isHidden(semantics, mapping) && overlaps(rangeOf(mapping), range));
  }
  const first = firstWhere(mappings, (mapping) => rangeOf(mapping).last >= range.start);
  return mappings.slice(first, firstWhere(mappings, ({ iova }) => iova > range.last));
}

/** Number of the first mapping for which it holds, as it then does for all that follow; their count where for none. */
export function firstWhere(mappings: readonly Mapping[], holds: (mapping: Mapping) => boolean): number {
  let [from, to] = [0, mappings.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (holds(mappings[middle]!)) to = middle;
    else from = middle + 1;
  }
  return from;
}

/** Whether a lookup finds a mapping with an address in the range. */
const findsSome = (semantics: Semantics, type1: Type1, range: Range): boolean =>
  searchesTree(semantics, type1)
    ? findMapping(treeOf(type1.tree), range) !== undefined
    : mappingsIn(semantics, type1, range).length > 0;

/**
 * Whether a lookup at one of the range's ends finds a mapping that would be cut there. [spec §5.1 row 11, §7.1]
 */
export function cutsMapping(semantics: Semantics, type1: Type1, range: Range): boolean {
  const found = searchesTree(semantics, type1)
    ? [range.start, range.last].flatMap((at) =>
      findMapping(treeOf(type1.tree), { start: at, last: at }) ?? []
    )
    : mappingsIn(semantics, type1, range);
  return found.some((mapping) => bisects(range, mapping));
}

/** Whether MAP finds an existing mapping in the way. [spec §4.1 row 8] */
export const isTaken = (semantics: Semantics, type1: Type1, range: Range): boolean =>
  !(missesTop(semantics) && range.last === U64_MAX) &&
  findsSome(semantics, type1, range);

/** Whether MAP, having found none, has overlooked one. [spec §12 R1a] */
export const overlooksTaken = (semantics: Semantics, type1: Type1, range: Range): boolean =>
  (searchesTree(semantics, type1) || (missesTop(semantics) && range.last === U64_MAX)) &&
  allIn(type1, range).length > 0;

/** Whether an attach doesn't see what is mapped in a range. [spec §12 R1e] */
const isBlindTo = ({ deviations }: Semantics, { last }: Range): boolean =>
  deviations.has("conflict-to-the-end") && last === U64_MAX;

/** Whether an attach finds a mapping in a range that the new group can't use. [spec §2.3, §2.1 row 10] */
export const conflictsWith = (semantics: Semantics, type1: Type1, range: Range): boolean =>
  !isBlindTo(semantics, range) && findsSome(semantics, type1, range);

/** Why an attach that found none in a range has overlooked one, if it has. */
export function overlookedConflict(
  semantics: Semantics,
  type1: Type1,
  range: Range,
): "§12 R1e" | "§12 R1a" | undefined {
  const isBlind = isBlindTo(semantics, range);
  if (!isBlind && !searchesTree(semantics, type1)) return undefined;
  if (allIn(type1, range).length === 0) return undefined;
  return isBlind ? "§12 R1e" : "§12 R1a";
}
