import t from "#tap";
import fc from "fast-check";
import {
  apertureConflicts,
  excludeReserved,
  refresh,
  reservedConflicts,
  resizeToAperture,
} from "../../harness/model/iova_list.ts";
import { overlaps, type Range, type RangeList, rangeListText } from "../../harness/model/range_list.ts";
import { RESERVED_KINDS, type ReservedRegion } from "../../harness/model/reserved.ts";
import { always, refuted } from "./always.ts";
import { holds, listOf, rangeArb, rangeListArb, spaceOf } from "./small_space.ts";
import { AMD, HYPERTRANSPORT, MSI, region, SW_MSI, upTo } from "./worlds.ts";

const regionArb: fc.Arbitrary<ReservedRegion> = fc
  .tuple(rangeArb, fc.constantFrom(...RESERVED_KINDS))
  .map(([range, kind]) => ({ ...range, kind }));

const mappedIn = (mappings: readonly Range[]) => (range: Range) =>
  mappings.some((mapping) => overlaps(mapping, range));

t.test("expected lists of stock machines [§10]", async (t) => {
  const cases: [string, Range, ReservedRegion[], string][] = [
    ["intel, 39 bit", upTo(39), [MSI], "0x0..0xfedfffff,0xfef00000..0x7fffffffff"],
    ["intel, 47 bit", upTo(47), [MSI], "0x0..0xfedfffff,0xfef00000..0x7fffffffffff"],
    [
      "amd",
      AMD.aperture,
      [MSI, HYPERTRANSPORT],
      "0x0..0xfedfffff,0xfef00000..0xfcffffffff,0x10000000000..0xffffffffffffffff",
    ],
    ["smmu-v3", upTo(48), [SW_MSI], "0x0..0x7ffffff,0x8100000..0xffffffffffff"],
  ];
  for (const [name, aperture, regions, expected] of cases) {
    t.equal(rangeListText(excludeReserved(resizeToAperture([], aperture), regions)), expected, name);
  }
});

t.test("relaxable regions are neither excluded nor in conflict [§2.5]", async (t) => {
  const relaxable = region(0x1000n, 0x1fffn, "direct-relaxable");
  t.equal(rangeListText(excludeReserved([upTo(16)], [relaxable])), "0x0..0xffff");
  t.equal(reservedConflicts([relaxable], () => true), false);
  for (const kind of ["direct", "reserved", "msi", "sw-msi"] as const) {
    const strict = region(0x1000n, 0x1fffn, kind);
    t.equal(rangeListText(excludeReserved([upTo(16)], [strict])), "0x0..0xfff,0x2000..0xffff", kind);
    t.equal(reservedConflicts([strict], () => true), true, kind);
  }
});

t.test("exclusion is byte for byte [§2.5]", async (t) => {
  const list = excludeReserved([upTo(16)], [region(0x1001n, 0x1ffen)]);
  t.equal(rangeListText(list), "0x0..0x1000,0x1fff..0xffff");
});

t.test("an aperture in a hole leaves nothing [§2.4]", async (t) => {
  const holed = excludeReserved([upTo(16)], [region(0x1000n, 0x7fffn)]);
  t.same(resizeToAperture(holed, { start: 0x2000n, last: 0x6fffn }), []);
});

t.test("a single address that would be left over goes [§2.4]", async (t) => {
  const list = [{ start: 0n, last: 10n }, { start: 20n, last: 30n }];
  t.equal(rangeListText(resizeToAperture(list, { start: 10n, last: 30n })), "0x14..0x1e");
  t.equal(rangeListText(resizeToAperture(list, { start: 0n, last: 20n })), "0x0..0xa");
  t.equal(rangeListText(resizeToAperture(list, { start: 9n, last: 21n })), "0x9..0xa,0x14..0x15");
  const single = [{ start: 5n, last: 5n }, { start: 7n, last: 9n }];
  t.equal(rangeListText(resizeToAperture(single, { start: 5n, last: 9n })), "0x7..0x9");
  t.equal(rangeListText(resizeToAperture([{ start: 1n, last: 3n }, { start: 5n, last: 5n }], upTo(0))), "-");
});

t.test("an aperture conflicts where it leaves out the list or a mapping [§2.3]", async (t) => {
  const list = [{ start: 0x1000n, last: 0xffffn }];
  const mapped = mappedIn([{ start: 0x2000n, last: 0x2fffn }, { start: 0xe000n, last: 0xefffn }]);
  const cases: [bigint, bigint, boolean][] = [
    [0x1000n, 0xffffn, false],
    [0x0n, 0xfffn, true],
    [0x10000n, 0x1ffffn, true],
    [0x2000n, 0xefffn, false],
    [0x2001n, 0xefffn, true],
    [0x2000n, 0xeffen, true],
    [0xffffn, 0x1ffffn, true],
  ];
  for (const [start, last, expected] of cases) {
    t.equal(apertureConflicts(list, { start, last }, mapped), expected, `${start}..${last}`);
  }
  const nothing = () => false;
  t.equal(apertureConflicts(list, { start: 0n, last: 0xfffn }, nothing), true, "below, without mappings");
  t.equal(apertureConflicts(list, { start: 0x10000n, last: 0x1ffffn }, nothing), true, "above");
  t.equal(apertureConflicts(list, { start: 0n, last: 0x1000n }, nothing), false, "one address in common");
  t.equal(apertureConflicts([], { start: 0n, last: 1n }, () => true), false, "an empty list accepts any");
});

t.test("a refresh rebuilds the list between two ends, or keeps the old one [§3.1]", async (t) => {
  const old = [{ start: 0x2000n, last: 0x2fffn }];
  t.equal(rangeListText(refresh(upTo(16), [region(0n, 0xfffn)], old)), "0x1000..0xffff");
  t.equal(refresh(upTo(16), [region(0n, 0xffffn)], old), old);
});

t.test("resize: the addresses inside the aperture, less what would be alone at its ends", async (t) => {
  always(
    t,
    fc.property(rangeListArb, rangeArb, (list, aperture) => {
      fc.pre(list.length > 0);
      const resized = resizeToAperture(list, aperture);
      const shares = list.map(({ start, last }) => ({
        start: start < aperture.start ? aperture.start : start,
        last: last > aperture.last ? aperture.last : last,
      }));
      const isAloneAtAnEnd = ({ start, last }: Range) =>
        start === last && (start === aperture.start || start === aperture.last);
      const wanted = shares.filter((share) => share.start <= share.last && !isAloneAtAnEnd(share));
      return rangeListText(resized) === rangeListText(wanted);
    }),
  );
});

t.test("resize: with ranges of two addresses and more, counting addresses agrees", async (t) => {
  const pairs = (range: Range): Range => ({ start: range.start & ~1n, last: range.last | 1n });
  always(
    t,
    fc.property(rangeListArb, rangeArb, (list, range) => {
      const wide = listOf(spaceOf(list.map(pairs)));
      fc.pre(wide.length > 0);
      const aperture = pairs(range);
      const wanted = spaceOf(wide).map((held, address) => held && holds(aperture, address));
      return rangeListText(resizeToAperture(wide, aperture)) === rangeListText(listOf(wanted));
    }),
  );
});

t.test("resize: an empty list becomes the aperture", async (t) => {
  always(
    t,
    fc.property(
      rangeArb,
      (aperture) => rangeListText(resizeToAperture([], aperture)) === rangeListText([aperture]),
    ),
  );
});

t.test("exclude: exactly the addresses of regions that aren't relaxable go", async (t) => {
  always(
    t,
    fc.property(rangeListArb, fc.array(regionArb, { maxLength: 8 }), (list, regions) => {
      const wanted = spaceOf(list).map((held, address) =>
        held && !regions.some((region) => region.kind !== "direct-relaxable" && holds(region, address))
      );
      return spaceOf(excludeReserved(list, regions)).every((held, address) => held === wanted[address]);
    }),
  );
});

t.test("exclude: neither order nor duplicates of the regions matter", async (t) => {
  const shuffled = fc.array(regionArb, { maxLength: 8 }).chain((regions) =>
    fc.tuple(
      fc.constant(regions),
      fc.shuffledSubarray(regions, { minLength: regions.length }),
      fc.subarray(regions),
    )
  );
  always(
    t,
    fc.property(rangeListArb, shuffled, (list, [regions, other, again]) => {
      return rangeListText(excludeReserved(list, regions)) ===
        rangeListText(excludeReserved(list, [...again, ...other, ...again]));
    }),
  );
});

t.test("the properties can fail", async (t) => {
  const offByOne = (list: RangeList, regions: readonly ReservedRegion[]): RangeList =>
    excludeReserved(list, regions.map((region) => ({ ...region, last: region.last - 1n })));
  const property = fc.property(rangeListArb, regionArb, (list, region) => {
    const wanted = spaceOf(excludeReserved(list, [region]));
    return spaceOf(offByOne(list, [region])).every((held, address) => held === wanted[address]);
  });
  refuted(t, "an exclusion that is one address short", property);
});
