import t from "#tap";
import fc from "fast-check";
import { BadRequestError, difference, parseReply, sinceBaseline } from "../../harness/check/observation.ts";
import { type Answer, type Errno, ok } from "../../harness/model/answer.ts";
import { always } from "../model/always.ts";

/** A refusal, as a guest answers. */
const refusal = (errno: Errno, values: Record<string, string> = {}): Answer => ({ errno, values });

const REPLIES: readonly [reply: string, answer: Answer][] = [
  ["ok", ok()],
  ["ok size=0x1000", ok({ size: "0x1000" })],
  ["ok a= b=x=y c=%20%25%2C", ok({ a: "", b: "x=y", c: " %," })],
  ["err EINVAL", refusal("EINVAL")],
  ["err E524", refusal("E524")],
  ["err EINVAL overrun=1", refusal("EINVAL", { overrun: "1" })],
];

t.test("replies are answers", async (t) => {
  for (const [reply, answer] of REPLIES) t.same(parseReply(reply), answer, reply);
});

t.test("what is no answer of the kernel is refused", async (t) => {
  for (const reply of ["", "bad no such command", "err", "err 22", "OK", "oksize=1", "x".repeat(1000)]) {
    t.throws(() => parseReply(reply), BadRequestError, reply.slice(0, 20));
  }
  t.throws(() => parseReply("bad handle c9"), { message: 'the probe replied "bad handle c9"' });
});

const BASELINES: readonly [vmlck: string, baseline: bigint, counted: string][] = [
  ["0x5", 0n, "0x5"],
  ["0x5", 3n, "0x2"],
  ["0x5", 5n, "0x0"],
  ["0x5", 0x15n, "-0x10"],
];

t.test("locked memory counts from where the scenario began", async (t) => {
  for (const [vmlck, baseline, counted] of BASELINES) {
    t.same(sinceBaseline(ok({ vmlck, "c0.avail": "7" }), baseline), ok({ vmlck: counted, "c0.avail": "7" }));
  }
  t.same(sinceBaseline(ok({ size: "0x5" }), 3n), ok({ size: "0x5" }));
});

const list = (from: number, to: number, ...more: string[]) =>
  [...Array.from({ length: to - from }, (_, index) => String(from + index)), ...more].join(",");

const DIFFERENCES: readonly [name: string, predicted: Answer, observed: Answer, texts: [string, string]][] = [
  ["errno", refusal("EINVAL"), refusal("EPERM"), ["EINVAL", "EPERM"]],
  ["success and refusal", ok({ size: "0x0" }), refusal("EINVAL"), ["ok size=0x0", "EINVAL"]],
  ["one value of two", ok({ a: "1", b: "2" }), ok({ a: "1", b: "3" }), ["b=2", "b=3"]],
  ["a value more", ok(), ok({ overrun: "1" }), ["overrun=absent", "overrun=1"]],
  ["a value less", ok({ ranges: "-" }), ok(), ["ranges=-", "ranges=absent"]],
  ["a value beside an errno", refusal("EINVAL"), refusal("EINVAL", { overrun: "1" }), [
    "overrun=absent",
    "overrun=1",
  ]],
  ["a short list", ok({ l: "1,2,3" }), ok({ l: "1,9,3" }), ["l=1,2,3", "l=1,9,3"]],
  ["an item of a long list", ok({ l: list(0, 50) }), ok({ l: list(0, 50).replace(",25,", ",x,") }), [
    "l=(23 alike),23,24,25,26,27,(22 alike)",
    "l=(23 alike),23,24,x,26,27,(22 alike)",
  ]],
  ["an item less", ok({ l: list(0, 50) }), ok({ l: list(0, 50).replace(",25,", ",") }), [
    "l=(23 alike),23,24,25,26,27,(22 alike)",
    "l=(23 alike),23,24,26,27,(22 alike)",
  ]],
  ["one of many equal items", ok({ l: Array(10).fill("x").join() }), ok({ l: Array(9).fill("x").join() }), [
    "l=(7 alike),x,x,x",
    "l=(7 alike),x,x",
  ]],
  ["an item more at the end", ok({ l: list(0, 9) }), ok({ l: list(0, 9, "9") }), [
    "l=(7 alike),7,8",
    "l=(7 alike),7,8,9",
  ]],
];

for (const [name, predicted, observed, [a, b]] of DIFFERENCES) {
  t.test(`difference: ${name}`, async (t) => {
    t.same(difference(predicted, observed), { predicted: a, observed: b });
    t.same(difference(observed, predicted), { predicted: b, observed: a });
    t.equal(difference(predicted, structuredClone(predicted)), undefined);
  });
}

const itemArb = fc.constantFrom("0x0..0xfff", "0x2000..0x2fff", "-");

/** A list, and the same with a piece replaced. */
const pairArb = fc.tuple(
  fc.array(itemArb, { minLength: 1, maxLength: 14 }),
  fc.nat({ max: 14 }),
  fc.nat({ max: 3 }),
  fc.array(itemArb, { maxLength: 3 }),
).map(([list, at, without, more]): [string[], string[]] => {
  const other = list.toSpliced(at, without, ...more);
  return [list, other.length > 0 ? other : ["-"]];
});

const between = (a: string[], b: string[]) => difference(ok({ l: a.join(",") }), ok({ l: b.join(",") }));

t.test("lists differ or not; what only one of them has is shown", async (t) => {
  const isShown = (own: string[], others: string[], text: string) =>
    own.filter((item) => !others.includes(item)).every((item) => text.slice(2).split(",").includes(item));
  always(
    t,
    fc.property(pairArb, ([a, b]) => {
      const found = between(a, b);
      if (a.join(",") === b.join(",")) return found === undefined;
      if (!found || found.predicted === found.observed) return false;
      return isShown(a, b, found.predicted) && isShown(b, a, found.observed);
    }),
    { numRuns: 500 },
  );
});

t.test("what was observed can be told in full from the prediction and from what is shown", async (t) => {
  const alike = (item: string | undefined) => Number(/^\((\d+) alike\)$/.exec(item ?? "")?.[1] ?? 0);
  always(
    t,
    fc.property(pairArb, ([a, b]) => {
      const shown = between(a, b)?.observed.slice(2).split(",") ?? b;
      const [head, tail] = [alike(shown[0]), alike(shown.at(-1))];
      const middle = shown.slice(head > 0 ? 1 : 0, tail > 0 ? -1 : undefined);
      return [...a.slice(0, head), ...middle, ...a.slice(a.length - tail)].join(",") === b.join(",");
    }),
    { numRuns: 500 },
  );
});
