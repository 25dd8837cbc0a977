import t from "#tap";
import fc from "fast-check";
import {
  contains,
  hex,
  hull,
  insideOneRange,
  overlaps,
  rangeListText,
  rangeText,
  U64_MAX,
  without,
} from "../../harness/model/range_list.ts";
import { always } from "./always.ts";
import { holds, rangeArb, rangeListArb, spaceOf } from "./small_space.ts";

const LIST = [{ start: 0n, last: 0xfedfffffn }, { start: 0xfef00000n, last: 0x7fffffffffn }];

t.test("texts", async (t) => {
  t.equal(hex(4096n), "0x1000");
  t.equal(hex(U64_MAX), "0xffffffffffffffff");
  t.equal(rangeText({ start: 0n, last: 0xfffn }), "0x0..0xfff");
  t.equal(rangeListText(LIST), "0x0..0xfedfffff,0xfef00000..0x7fffffffff");
  t.equal(rangeListText([]), "-");
});

t.test("touching ranges don't overlap", async (t) => {
  t.equal(overlaps({ start: 0n, last: 9n }, { start: 10n, last: 20n }), false);
  t.equal(overlaps({ start: 0n, last: 10n }, { start: 10n, last: 20n }), true);
});

t.test("a request across a seam is inside no single range", async (t) => {
  const seam = [{ start: 0n, last: 0xfffn }, { start: 0x1000n, last: 0x1fffn }];
  t.equal(insideOneRange(seam, { start: 0x800n, last: 0x17ffn }), false);
  t.equal(insideOneRange(seam, { start: 0x1000n, last: 0x1fffn }), true);
  t.equal(insideOneRange([], { start: 0n, last: 0n }), false);
});

t.test("a hole at the highest address leaves nothing above", async (t) => {
  const all = [{ start: 0n, last: U64_MAX }];
  t.same(without(all, { start: 0x1000n, last: U64_MAX }), [{ start: 0n, last: 0xfffn }]);
  t.same(without(all, { start: 0n, last: U64_MAX }), []);
});

t.test("an empty hole splits a range without taking an address [§2.5]", async (t) => {
  const split = without([{ start: 0n, last: 0x1fffn }], { start: 0x1000n, last: 0xfffn });
  t.same(split, [{ start: 0n, last: 0xfffn }, { start: 0x1000n, last: 0x1fffn }]);
});

t.test("a region that ends before it starts leaves overlapping ranges [§18]", async (t) => {
  const broken = without([{ start: 0n, last: 0x7ffffffn }], { start: 0x2000n, last: 0x1000n });
  t.equal(rangeListText(broken), "0x0..0x1fff,0x1001..0x7ffffff");
});

t.test("without: exactly the addresses of the hole go, the rest stays sorted and apart", async (t) => {
  always(
    t,
    fc.property(rangeListArb, rangeArb, (list, hole) => {
      const left = without(list, hole);
      const wanted = spaceOf(list).map((held, address) => held && !holds(hole, address));
      return spaceOf(left).every((held, address) => held === wanted[address]) &&
        left.every(({ start, last }, at) => start <= last && !((left[at + 1]?.start ?? U64_MAX) <= last));
    }),
  );
});

t.test("without: seams elsewhere stay as they are", async (t) => {
  always(
    t,
    fc.property(rangeListArb, rangeArb, (list, hole) => {
      const untouched = list.filter((range) => !overlaps(range, hole));
      return untouched.every((range) => without(list, hole).includes(range));
    }),
  );
});

t.test("overlaps and contains agree with counting addresses", async (t) => {
  always(
    t,
    fc.property(rangeArb, rangeArb, (a, b) => {
      const [spaceA, spaceB] = [spaceOf([a]), spaceOf([b])];
      return overlaps(a, b) === spaceA.some((held, at) => held && spaceB[at]) &&
        contains(a, b) === spaceB.every((held, at) => !held || spaceA[at]);
    }),
  );
});

t.test("hull: from the first held address to the last", async (t) => {
  always(
    t,
    fc.property(rangeListArb, (list) => {
      const space = spaceOf(list);
      const found = hull(list);
      if (!found) return !space.includes(true);
      return found.start === BigInt(space.indexOf(true)) && found.last === BigInt(space.lastIndexOf(true));
    }),
  );
});
