import t from "#tap";
import fc from "fast-check";
import { rangeListText } from "../../harness/model/range_list.ts";
import {
  mergeRegions,
  regionText,
  RESERVED_KINDS,
  type ReservedRegion,
  sysfsKind,
} from "../../harness/model/reserved.ts";
import { always } from "./always.ts";
import { listOf, rangeArb, spaceOf } from "./small_space.ts";
import { MSI, region, SW_MSI } from "./worlds.ts";

const regionArb: fc.Arbitrary<ReservedRegion> = fc
  .tuple(rangeArb, fc.constantFrom(...RESERVED_KINDS))
  .map(([range, kind]) => ({ ...range, kind }));
const regionsArb = fc.array(regionArb, { maxLength: 10 });

const text = (regions: readonly ReservedRegion[]): string =>
  regions.map(({ start, last, kind }) => `${start}..${last} ${kind}`).join(", ");

const ofKind = (regions: readonly ReservedRegion[], kind: string) =>
  regions.filter((region) => region.kind === kind);

t.test("texts as in sysfs [§9.1]", async (t) => {
  t.equal(regionText(MSI), "0xfee00000..0xfeefffff:msi");
  t.equal(regionText(SW_MSI), "0x8000000..0x80fffff:msi");
  t.same(RESERVED_KINDS.map(sysfsKind), ["direct", "direct-relaxable", "reserved", "msi", "msi"]);
});

t.test("the same kind merges when it overlaps or touches [§9.1]", async (t) => {
  const cases: [ReservedRegion[], string][] = [
    [[region(0n, 9n), region(5n, 20n)], "0..20 reserved"],
    [[region(0n, 9n), region(10n, 20n)], "0..20 reserved"],
    [[region(0n, 9n), region(11n, 20n)], "0..9 reserved, 11..20 reserved"],
    [[region(0n, 20n), region(5n, 9n)], "0..20 reserved"],
    [[region(5n, 9n), region(5n, 9n)], "5..9 reserved"],
  ];
  for (const [regions, expected] of cases) t.equal(text(mergeRegions(regions)), expected, text(regions));
});

t.test("different kinds never merge, and sort by kind within one start [§9.1]", async (t) => {
  const merged = mergeRegions([region(0n, 9n, "sw-msi"), region(0n, 9n, "direct"), region(5n, 20n, "msi")]);
  t.equal(text(merged), "0..9 direct, 0..9 sw-msi, 5..20 msi");
});

t.test("a region of another kind in between doesn't keep two apart", async (t) => {
  const merged = mergeRegions([region(0n, 9n), region(3n, 4n, "msi"), region(8n, 12n)]);
  t.equal(text(merged), "0..12 reserved, 3..4 msi");
});

t.test("merge: covers the same addresses, kind by kind, and no two of a kind touch", async (t) => {
  always(
    t,
    fc.property(regionsArb, (regions) =>
      RESERVED_KINDS.every((kind) => {
        const wanted = listOf(spaceOf(ofKind(regions, kind)));
        return rangeListText(ofKind(mergeRegions(regions), kind)) === rangeListText(wanted);
      })),
  );
});

t.test("merge: twice is once", async (t) => {
  always(
    t,
    fc.property(regionsArb, (regions) => {
      const merged = mergeRegions(regions);
      return text(mergeRegions(merged)) === text(merged);
    }),
  );
});

t.test("merge: order doesn't matter, nor does merging group by group", async (t) => {
  const shuffled = regionsArb.chain((regions) =>
    fc.tuple(
      fc.constant(regions),
      fc.shuffledSubarray(regions, { minLength: regions.length }),
      fc.nat(regions.length),
    )
  );
  always(
    t,
    fc.property(shuffled, ([regions, other, middle]) => {
      const merged = text(mergeRegions(regions));
      const byGroup = [...mergeRegions(other.slice(0, middle)), ...mergeRegions(other.slice(middle))];
      return text(mergeRegions(other)) === merged && text(mergeRegions(byGroup)) === merged;
    }),
  );
});

t.test("merge: sorted by start, then kind", async (t) => {
  const key = ({ start, kind }: ReservedRegion): number => Number(start) * 8 + RESERVED_KINDS.indexOf(kind);
  always(
    t,
    fc.property(regionsArb, (regions) => {
      const keys = mergeRegions(regions).map(key);
      return keys.every((value, at) => value < (keys[at + 1] ?? Infinity));
    }),
  );
});
