/** Machines made by chance, in a space of 16 pages at the bottom or at the top of all addresses. */
import fc from "fast-check";
import { type Range, U64_MAX } from "../../harness/model/range_list.ts";
import { mergeRegions, RESERVED_KINDS, type ReservedRegion } from "../../harness/model/reserved.ts";
import type { Group, Iommu, World } from "../../harness/model/world.ts";
import { ADDRESSES } from "./small_space.ts";
import { group, iommu, TAKEN } from "./worlds.ts";

export const PAGE_BYTES = 0x1000n;
/** Regions begin and end at quarters of pages: less than pages, more than single addresses. */
export const UNIT_BYTES = 0x400n;
const UNITS_PER_PAGE = Number(PAGE_BYTES / UNIT_BYTES);
export const PAGES = ADDRESSES / UNITS_PER_PAGE;

export const GROUPS = ["g0", "g1", "g2", "g3"] as const;

export interface RandomWorld {
  /** Where the 16 pages begin. */
  readonly base: bigint;
  readonly world: World;
}

/** What a kind of random world is allowed to have. */
export interface WorldLimits {
  readonly bases: readonly bigint[];
  /** Every IOMMU has the whole space, and no region touches its ends. */
  readonly sameEnds: boolean;
}

const BOTTOM = 0n;
const TOP = U64_MAX + 1n - PAGE_BYTES * BigInt(PAGES);

export const ANY_WORLD: WorldLimits = { bases: [BOTTOM, TOP], sameEnds: false };
/** Ranges end at 2^64, where most deviations are. */
export const TOP_WORLD: WorldLimits = { bases: [TOP], sameEnds: false };
/** No deviation shows: nothing ends at 2^64, and no region is at an edge. */
export const TAME_WORLD: WorldLimits = { bases: [BOTTOM], sameEnds: true };

/** Units from `first` to `last`, both included, as addresses. */
const unitsAt = (base: bigint, first: number, last: number): Range => ({
  start: base + BigInt(first) * UNIT_BYTES,
  last: base + BigInt(last + 1) * UNIT_BYTES - 1n,
});

/** Seldom, a page at which the IOMMU maps nothing. */
const refusalArb = (base: bigint): fc.Arbitrary<Partial<Iommu>> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant({}) },
    fc.nat(PAGES - 1).map((page) => ({
      refuses: unitsAt(base, page * UNITS_PER_PAGE, (page + 1) * UNITS_PER_PAGE - 1),
    })),
  );

function iommuArb(name: string, base: bigint, { sameEnds }: WorldLimits): fc.Arbitrary<Iommu> {
  const pages = sameEnds ? fc.constant([0, 0] as const) : fc.oneof(
    fc.constant([0, 0] as const),
    fc.tuple(fc.nat(5), fc.nat(5)),
  );
  const isolated = fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, fc.boolean());
  return fc.record({ pages, isolated, locks: fc.boolean(), refusal: refusalArb(base) })
    .map(({ pages: [below, above], isolated, locks, refusal }) =>
      iommu(name, unitsAt(base, below * UNITS_PER_PAGE, ADDRESSES - 1 - above * UNITS_PER_PAGE), {
        isolatesInterrupts: isolated,
        locksDirectDevices: locks,
        ...refusal,
      })
    );
}

/** How many units more than one; mostly less than a page. */
const lengthArb = fc.oneof({ weight: 2, arbitrary: fc.nat(3) }, fc.nat(12));

function regionArb(base: bigint, { sameEnds }: WorldLimits): fc.Arbitrary<ReservedRegion> {
  const [low, high] = sameEnds ? [1, ADDRESSES - 2] : [0, ADDRESSES - 1];
  return fc.tuple(fc.integer({ min: low, max: high }), lengthArb, fc.constantFrom(...RESERVED_KINDS))
    .map(([first, more, kind]) => ({ ...unitsAt(base, first, Math.min(first + more, high)), kind }));
}

const groupArb = (base: bigint, iommus: readonly Iommu[], limits: WorldLimits): fc.Arbitrary<Group> =>
  fc.record({
    iommu: fc.constantFrom(...iommus),
    regions: fc.array(regionArb(base, limits), { maxLength: 3 }),
    viable: fc.oneof({ weight: 9, arbitrary: fc.constant(true) }, fc.boolean()),
    fromFirmware: fc.boolean(),
  }).map(({ iommu, regions, viable, fromFirmware }) =>
    group(iommu, mergeRegions(regions), {
      ...(viable ? {} : TAKEN),
      requiresDirect: fromFirmware && regions.some(({ kind }) => kind === "direct"),
    })
  );

/** Up to three IOMMUs and four groups behind them. */
export const worldArb = (limits: WorldLimits): fc.Arbitrary<RandomWorld> =>
  fc.constantFrom(...limits.bases).chain((base) =>
    fc.tuple(...["i0", "i1", "i2"].map((name) => iommuArb(name, base, limits)))
      .chain((iommus) => fc.tuple(...GROUPS.map(() => groupArb(base, iommus, limits))))
      .map((groups) => ({
        base,
        world: new Map(groups.map((group, index) => [GROUPS[index] ?? "", group])),
      }))
  );
