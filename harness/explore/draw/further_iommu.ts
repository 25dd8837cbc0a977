/** IOMMUs beside the machine's own. */
import type { Target } from "../../check/assignment.ts";
import { PAGE_SIZE } from "../../model/constants.ts";
import { type Range, rangeText, U64_MAX } from "../../model/range_list.ts";
import { isFrom } from "../../model/semantics.ts";
import type { Group } from "../../model/world.ts";
import { alignDown } from "./borders.ts";
import type { Random } from "./random.ts";

/** Another IOMMU: real where the machine has one and nothing is wished, else one that has less than the machine's. */
export function drawIommu(
  random: Random,
  target: Target,
  { iommu }: Group,
  borders: readonly bigint[],
  meetingAddresses: readonly bigint[],
): Readonly<Record<string, unknown>> {
  const { iommuKind, version } = target;
  const knowsCoherency = (iommuKind === "intel" || iommuKind === "amd") && isFrom(version, "6.1");
  // Where a new domain refuses a mapping, the unwind makes tables of an SMMU complain. [spec §19]
  const mayRefuse = iommuKind !== "smmuv3";
  return {
    ...(random.chance(60)
      ? { aperture: drawAperture(random, iommu.aperture, borders, meetingAddresses) }
      : {}),
    ...(random.chance(30) ? { "page-sizes": somePageSizes(random, iommu.pageSizes) } : {}),
    ...(knowsCoherency && random.chance(30) ? { coherent: random.chance(50) } : {}),
    ...(mayRefuse && random.chance(60)
      ? { refuses: drawRefused(random, meetingAddresses, refusedMost(iommuKind, iommu.aperture)) }
      : {}),
  };
}

/** A part of what the machine's own translates: up to somewhere, or from there on, so that two may have nothing in common. */
function drawAperture(
  random: Random,
  own: Range,
  borders: readonly bigint[],
  meetingAddresses: readonly bigint[],
): string {
  const inside = [...meetingAddresses, ...borders].filter((border) =>
    own.start < border && border <= own.last
  );
  if (inside.length === 0) return rangeText(own);
  const odd = random.weighted<bigint>([[6, 0n], [1, 1n], [1, PAGE_SIZE]]);
  const some = random.chance(70) ? inside[0]! : random.oneOf(inside) + odd;
  const middle = some > own.last ? own.last : some;
  return rangeText(
    random.chance(50) ? { start: own.start, last: middle - 1n } : { start: middle, last: own.last },
  );
}

/** Some of its sizes, the smallest among them. */
function somePageSizes(random: Random, own: bigint): bigint {
  return (own & random.between(0n, U64_MAX)) | PAGE_SIZE;
}

/** The unwind ends old kernels with VT-d where the last table of its top level would be. [spec §19] */
const refusedMost = (iommuKind: string, { last }: Range): bigint =>
  iommuKind === "intel" ? last - (last + 1n) / TABLE_ENTRIES : U64_MAX;

const TABLE_ENTRIES = 512n;

function drawRefused(random: Random, meetingAddresses: readonly bigint[], most: bigint): string {
  const size = random.oneOf([16n, 512n]) * PAGE_SIZE;
  const from = alignDown(random.oneOf(meetingAddresses)) - random.oneOf([0n, 1n, 8n]) * PAGE_SIZE;
  const start = from < 0n || from > most - size ? 0n : from;
  return rangeText({ start, last: start + size - 1n });
}
