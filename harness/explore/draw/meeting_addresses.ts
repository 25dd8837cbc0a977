/** Places that a sequence keeps coming back to, so that its mappings and regions meet. */
import { U64_MAX } from "../../model/range_list.ts";
import type { Group, World } from "../../model/world.ts";
import { alignDown, edgesOfGroup } from "./borders.ts";
import type { Random } from "./random.ts";

/** Where devices of 32 address bits get to. */
const REACH = (1n << 32n) - 1n;

/** Addresses that are the first or the last of something in many machines. */
const KNOWN = [0x0n, 0x100000n, 0x40000000n, 0x80000000n, 0xfee00000n, 0xfef00000n, 0x100000000n, 0x8000000n];

/**
 * A few multiples of a page that the group's IOMMU translates.
 * @param isInReach below 2^32 only
 */
export function drawMeetingAddresses(
  random: Random,
  { iommu: { aperture } }: Group,
  isInReach: boolean,
): bigint[] {
  const last = isInReach && aperture.last > REACH ? REACH : aperture.last;
  const known = KNOWN.filter((address) => aperture.start <= address && address <= last);
  return Array.from({ length: 2 + random.below(3) }, () => {
    switch (random.below(4)) {
      case 0:
        return alignDown(random.between(aperture.start, last));
      case 1:
        return alignDown(last) - 0x1000n * random.oneOf([0n, 0n, 1n, 2n, 16n]);
      default:
        return random.oneOf(known);
    }
  });
}

/** Pages at which groups differ from each other: where a region or an aperture begins or ends, or something is refused. */
export function drawEdges(random: Random, world: World): bigint[] {
  const edges = [...world.values()].flatMap(edgesOfGroup).filter((edge) => edge <= U64_MAX);
  return Array.from({ length: random.below(4) }, () => alignDown(random.oneOf(edges)));
}
