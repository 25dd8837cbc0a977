/** Reserved regions: beside each other, over each other, and over the edges of what there is. */
import { PAGE_SIZE } from "../../model/constants.ts";
import { type Range, rangeText, U64_MAX } from "../../model/range_list.ts";
import { RESERVED_KINDS, type ReservedKind } from "../../model/reserved.ts";
import type { Group } from "../../model/world.ts";
import { HUGE_BYTES } from "./borders.ts";
import type { Random } from "./random.ts";

/** All that can be translated, in two halves, as one would have a length that doesn't fit 64 bits: nothing is left then. */
export function everything(
  { iommu: { aperture: { start, last } } }: Pick<Group, "iommu">,
  kind: () => ReservedKind,
): string[] {
  const middle = (start + last) / 2n;
  const halves = [{ start, last: middle }, { start: middle + 1n, last }];
  return halves.map((half) => `${rangeText(half)} ${kind()}`);
}

/** Of a hundred groups that needn't be of any use so many are of none. */
const EVERYTHING_PERCENT = 8;

/**
 * Up to four.
 * @param mayBeAll all addresses may be reserved: no container takes such a group
 */
export function drawRegions(
  random: Random,
  own: Group,
  borders: readonly bigint[],
  mayBeAll: boolean,
): string[] {
  if (mayBeAll && random.chance(EVERYTHING_PERCENT)) {
    return everything(own, () => random.oneOf(["reserved", "direct", "msi"]));
  }
  const regions: string[] = [];
  const known = [...borders];
  for (let count = random.weighted([[4, 1], [3, 2], [2, 3], [1, 4]]); count > 0; count--) {
    const { start, last } = drawRange(random, known);
    if (last - start === U64_MAX) continue;
    known.push(start, last + 1n);
    regions.push(`${rangeText({ start, last })} ${random.oneOf(RESERVED_KINDS)}`);
  }
  return regions;
}

/** From or up to a border, over it, or beside it. */
function drawRange(random: Random, borders: readonly bigint[]): Range {
  const size = random.weighted<bigint>([
    [6, PAGE_SIZE],
    [2, 1n],
    [2, 16n * PAGE_SIZE],
    [2, HUGE_BYTES],
    [1, 0x800n],
    [1, PAGE_SIZE + 1n],
    [1, 1n << 32n],
  ]);
  const edge = random.oneOf(borders);
  const away = random.weighted<bigint>([
    [4, 0n],
    [4, -size],
    [1, -size - 1n],
    [2, -size / 2n],
    [2, PAGE_SIZE],
    [1, 1n],
    [1, -1n],
    [2, 4n * PAGE_SIZE],
  ]);
  const start = edge + away;
  const last = random.chance(5) ? U64_MAX : start + size - 1n;
  if (start < 0n) return { start: 0n, last: size - 1n };
  if (start > U64_MAX) return { start: U64_MAX - size + 1n, last: U64_MAX };
  return { start, last: last > U64_MAX ? U64_MAX : last };
}
