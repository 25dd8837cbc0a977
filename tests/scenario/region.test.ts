import t from "#tap";
import { U64_MAX } from "../../harness/model/range_list.ts";
import { RESERVED_KINDS } from "../../harness/model/reserved.ts";
import { parseRange, parseRegions } from "../../harness/scenario/region.ts";

const SYMBOLS = { bottom: 0n, top: 0xffffffffffffn, max: U64_MAX };

t.test("a region is a range and a kind", async (t) => {
  t.same(parseRegions("0x40000000..0x400fffff reserved", SYMBOLS), [
    { start: 0x40000000n, last: 0x400fffffn, kind: "reserved" },
  ]);
  t.same(parseRegions(" top-4KiB+1..top  msi ", SYMBOLS), [
    { start: 0xfffffffff000n, last: 0xffffffffffffn, kind: "msi" },
  ]);
  for (const kind of RESERVED_KINDS) t.same(parseRegions(`0..0 ${kind}`, SYMBOLS)[0]?.kind, kind);
});

t.test("a region may be repeated at a stride", async (t) => {
  t.same(
    parseRegions("0x1000..0x1fff direct x3 every 8KiB", SYMBOLS).map(({ start, last }) => [start, last]),
    [
      [0x1000n, 0x1fffn],
      [0x3000n, 0x3fffn],
      [0x5000n, 0x5fffn],
    ],
  );
  t.equal(parseRegions("0..0 msi x500 every 2", SYMBOLS).length, 500);
});

const BAD: readonly [text: string, message: RegExp][] = [
  ["0x1000 reserved", /reserved region 0x1000 reserved: write START\.\.LAST KIND, such as/],
  ["0x0..0xfff", /write START\.\.LAST KIND/],
  ["0x0..0xfff forbidden", /no kind forbidden; there are direct, direct-relaxable, reserved, msi, sw-msi$/],
  [
    "0x1000..0xfff reserved",
    /^range 0x1000\.\.0xfff ends before it starts; write start\.\.last with last ≥ start$/,
  ],
  ["0x0..0xfff reserved x0 every 8KiB", /repeat it 1 to 4096 times/],
  ["0x0..0xfff reserved x4097 every 8KiB", /repeat it 1 to 4096 times/],
  ["0x0..0xfff reserved x3", /write START\.\.LAST KIND/],
  ["max-1..max reserved x2 every 4KiB", /doesn't fit 64 bits/],
  ["bottom..max reserved", /its length doesn't fit 64 bits; write two that meet/],
  ["low..top reserved", /no address is called low/],
];

t.test("what is no region says how to write one", async (t) => {
  for (const [text, message] of BAD) {
    t.throws(() => parseRegions(text, SYMBOLS), { name: "RangeError", message }, text);
  }
});

t.test("a range has two inclusive ends", async (t) => {
  t.same(parseRange("bottom .. 0xfff", SYMBOLS), { start: 0n, last: 0xfffn });
  t.same(parseRange("max..max", SYMBOLS), { start: U64_MAX, last: U64_MAX });
  t.throws(() => parseRange("0x1000", SYMBOLS), {
    message: "range 0x1000: write START..LAST, both inclusive, such as 0x0..0xfff",
  });
});
