import t from "#tap";
import { Random } from "../../../harness/explore/draw/random.ts";

const numbers = (seed: number, stream: number): number[] => {
  const random = new Random(seed, stream);
  return Array.from({ length: 8 }, () => random.below(1000));
};

t.test("a seed and a stream give the same numbers on any machine, and others none of them", async (t) => {
  t.same(numbers(1, 0), [77, 584, 455, 361, 229, 785, 795, 646]);
  t.same(numbers(1, 0), numbers(1, 0));
  const many = [0, 1, 2, -1, 0x7fffffff].flatMap((seed) =>
    [0, 1, 2, 1000].map((stream) => numbers(seed, stream).join())
  );
  t.equal(new Set(many).size, many.length);
});

t.test("weights decide how often, and nothing without weight is chosen", async (t) => {
  const random = new Random(1, 0);
  const drawn = Array.from(
    { length: 4000 },
    () => random.weighted([[3, "often"], [0, "never"], [1, "seldom"]]),
  );
  const often = drawn.filter((word) => word === "often").length;
  t.ok(often > 2850 && often < 3150, `${often} of 4000, about three quarters`);
  t.notOk(drawn.includes("never"));
  t.throws(() => random.weighted([[0, "never"]]), RangeError);
  t.throws(() => random.oneOf([]), RangeError);
});

t.test("a chance of so many per cent", async (t) => {
  const random = new Random(1, 0);
  const count = (percent: number) =>
    Array.from({ length: 1000 }, () => random.chance(percent)).filter(Boolean).length;
  t.equal(count(0), 0);
  t.equal(count(100), 1000);
  const some = count(20);
  t.ok(some > 150 && some < 250, `${some} of 1000`);
});

t.test("64 bits are reached at both ends", async (t) => {
  const random = new Random(1, 0);
  const drawn = new Set(
    Array.from({ length: 100 }, () => random.between((1n << 64n) - 2n, (1n << 64n) - 1n)),
  );
  t.same([...drawn].sort(), [(1n << 64n) - 2n, (1n << 64n) - 1n]);
});
