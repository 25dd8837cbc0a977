import t from "#tap";
import { U64_MAX } from "../../harness/model/range_list.ts";
import { evaluate } from "../../harness/scenario/address.ts";

const SYMBOLS = { bottom: 0n, top: 0x7fffffffffn, max: U64_MAX };

const GOOD: readonly [text: string | bigint, value: bigint][] = [
  [0x1000n, 0x1000n],
  ["0x1000", 0x1000n],
  ["0xffff_ffff", 0xffffffffn],
  ["4096", 4096n],
  ["0", 0n],
  ["64KiB", 65536n],
  ["2MiB", 0x200000n],
  ["1GiB", 1n << 30n],
  ["3TiB", 3n << 40n],
  ["top", SYMBOLS.top],
  ["top-4KiB+1", 0x7ffffff000n],
  [" top - 4KiB + 1 ", 0x7ffffff000n],
  ["-1+0x1000", 0xfffn],
  ["max", U64_MAX],
  ["bottom", 0n],
];

const BAD: readonly [text: string | bigint, message: RegExp][] = [
  ["", /^ is no address; write a sum such as 0x1000, 64KiB or top-4KiB\+1$/],
  ["0x", /0x is no address; write a sum/],
  ["4KB", /4KB is no address/],
  ["1.5MiB", /1\.5MiB is no address/],
  ["4KiB 4KiB", /4KiB 4KiB is no address/],
  ["top-", /top- is no address/],
  ["0x10*2", /0x10\*2 is no address/],
  ["up", /^no address is called up; there are bottom, top, max$/],
  ["max+1", /^max\+1 doesn't fit 64 bits$/],
  ["0x1000-8KiB", /doesn't fit 64 bits/],
  [-1n, /doesn't fit 64 bits/],
  [1n << 64n, /doesn't fit 64 bits/],
];

t.test("addresses are sums of numbers, sizes and symbols", async (t) => {
  for (const [text, value] of GOOD) t.equal(evaluate(text, SYMBOLS), value, String(text));
});

t.test("what is no address says how to write one", async (t) => {
  for (const [text, message] of BAD) {
    t.throws(() => evaluate(text, SYMBOLS), { name: "RangeError", message }, JSON.stringify(String(text)));
  }
});
