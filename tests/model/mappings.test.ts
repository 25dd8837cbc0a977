import t from "#tap";
import { grownBy } from "../../harness/model/mapping_tree.ts";
import {
  conflictsWith,
  isHidden,
  isTaken,
  mappingsIn,
  rangeOf,
  wraps,
} from "../../harness/model/mappings.ts";
import { U64_MAX } from "../../harness/model/range_list.ts";
import { type DeviationName, semanticsOf } from "../../harness/model/semantics.ts";
import type { Type1 } from "../../harness/model/state.ts";
import { emptyType1 } from "../../harness/model/type1.ts";
import { mappingAt } from "./mapping.ts";
import { versionOf } from "./play.ts";

const LOW = mappingAt(0x1000n, 0x2000n);
const TOP = mappingAt(U64_MAX - 0xfffn, 0x1000n);
const TYPE1: Type1 = {
  ...emptyType1(2, 10),
  mappings: [LOW, TOP],
  tree: grownBy(grownBy(undefined, LOW), TOP),
};

const withDeviations = (...deviations: DeviationName[]) =>
  semanticsOf(versionOf("6.12"), new Set(deviations));
const RIGHT = withDeviations();

t.test("a range that ends at 2^64 doesn't wrap, one byte more does [§4.3]", async (t) => {
  t.equal(wraps(U64_MAX - 0xfffn, 0x1000n), false);
  t.equal(wraps(U64_MAX - 0xfffn, 0x1001n), true);
  t.equal(wraps(U64_MAX, 0n), false);
  t.equal(wraps(0n, U64_MAX), false);
  t.same(rangeOf(TOP), { start: 0xfffffffffffff000n, last: U64_MAX });
});

t.test("a lookup finds what has an address in the range", async (t) => {
  t.same(mappingsIn(RIGHT, TYPE1, { start: 0n, last: 0xfffn }), []);
  t.same(mappingsIn(RIGHT, TYPE1, { start: 0n, last: 0x1000n }), [LOW]);
  t.same(mappingsIn(RIGHT, TYPE1, { start: 0x2fffn, last: U64_MAX }), [LOW, TOP]);
  t.same(mappingsIn(RIGHT, TYPE1, { start: 0x3000n, last: 0x3000n }), []);
});

t.test("map-at-the-top hides a mapping, and lets another be made over it [§12 R1a]", async (t) => {
  const faulty = withDeviations("map-at-the-top");
  t.equal(isHidden(faulty, TOP), true);
  t.equal(isHidden(faulty, LOW), false);
  t.equal(isHidden(RIGHT, TOP), false);
  t.same(mappingsIn(faulty, TYPE1, rangeOf(TOP)), []);
  t.equal(isTaken(faulty, TYPE1, rangeOf(TOP)), false);
  t.equal(isTaken(RIGHT, TYPE1, rangeOf(TOP)), true);
  t.equal(isTaken(faulty, TYPE1, { start: 0x1000n, last: U64_MAX }), false, "even over a visible one");
  t.equal(isTaken(faulty, TYPE1, rangeOf(LOW)), true);
});

t.test("conflict-to-the-end misses mappings in a region up to 2^64 only [§12 R1e]", async (t) => {
  const faulty = withDeviations("conflict-to-the-end");
  t.equal(conflictsWith(faulty, TYPE1, { start: 0n, last: U64_MAX }), false);
  t.equal(conflictsWith(faulty, TYPE1, { start: 0n, last: U64_MAX - 1n }), true);
  t.equal(conflictsWith(RIGHT, TYPE1, { start: 0n, last: U64_MAX }), true);
});
