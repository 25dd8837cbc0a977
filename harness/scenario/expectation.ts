/** The author's witness: what a step is said to answer and to leave behind. */
import * as z from "zod";
import { type Answer, answerText } from "../model/answer.ts";
import { hex, type Range, type RangeList, rangeListText, rangeText } from "../model/range_list.ts";
import { isExcluded } from "../model/reserved.ts";
import { isFrom } from "../model/semantics.ts";
import type { State } from "../model/state.ts";
import type { KernelVersion } from "../model/version.ts";
import type { Group } from "../model/world.ts";
import { evaluate, type Symbols } from "./address.ts";
import { parseRange } from "./region.ts";
import { DEFAULT_CONTAINER, PROCESS } from "./schemas.ts";

const ANSWER = z.string().regex(/^(ok|any|E[A-Z0-9]+)$/, "write ok, any or an errno such as EINVAL");
export const VERSION_BOUND = z.string().regex(
  /^(<|>=)\d+\.\d+(\.\d+)?$/,
  "write a bound such as <6.18 or >=6.18",
);

/** What an author may say beside any step: who does it, and what comes of it. */
export const EXPECTATION_SHAPE = {
  expect: z.union(
    [ANSWER, z.record(VERSION_BOUND, ANSWER)],
    "write ok, any, an errno such as EINVAL, or one per kernel version",
  ).default("ok")
    .describe(
      'The answer: ok, any, an errno, or one per kernel version: {"<6.18": EINVAL, ">=6.18": EOVERFLOW}',
    ),
  returns: z.record(z.string(), z.union([z.string(), z.bigint()])).default({})
    .describe("Values that the call returns: {size: 8KiB}, {dirty: 0x1000..0x2fff}, {caps: 2@0x18,3@0x38}"),
  in: PROCESS.optional().describe("The child that does it; left out, the main process"),
  holes: z.array(z.string()).optional()
    .describe("What the list of c0 then lacks, beside what every group of the machine lacks"),
};

export type Expectation = z.infer<z.ZodObject<typeof EXPECTATION_SHAPE>>;

/** Whether a kernel version is within a bound such as `<6.18` or `>=6.6`. */
export const isWithin = (version: KernelVersion, bound: string): boolean =>
  bound.startsWith("<") ? !isFrom(version, bound.slice(1)) : isFrom(version, bound.slice(2));

/** What the author is held against: the model's answer to a step, and where it stands after it. */
export interface Told {
  readonly answer: Answer;
  readonly state: State;
  /** A group as the machine has it, nothing injected. */
  readonly plainGroup: Group;
  readonly symbols: Symbols;
}

/** What the author says otherwise than the model, in words; undefined when they agree. */
export function contradiction(expectation: Expectation, told: Told): string | undefined {
  const { answer, state, symbols } = told;
  const said = `the model says ${answerText(answer)}`;
  const expected = expectedAnswer(expectation, state.semantics.version);
  if (expected === undefined) {
    return `the author says nothing of this kernel version; add a bound or write any`;
  }
  if (expected !== "any" && expected !== (answer.errno ?? "ok")) {
    return `the author expects ${expected}, ${said}`;
  }
  for (const [key, value] of Object.entries(expectation.returns)) {
    const wanted = wantedText(value, symbols);
    const got = answer.values[key];
    const isNumber = got !== undefined && /^\d+$/.test(got);
    if ((isNumber ? hex(BigInt(got)) : got) !== wanted) return `the author expects ${key}=${wanted}, ${said}`;
  }
  return expectation.holes && contradictedHoles(expectation.holes, told);
}

/** What only answers have, not sums of addresses: `-` for none, `2@0x18` for a capability, `0x0/0x1000` for its fields. */
const LITERAL = /^-$|[@/]/;

/** A value as an answer has it: a number, or ranges joined by commas, or a literal. */
function wantedText(value: string | bigint, symbols: Symbols): string {
  if (typeof value === "string" && LITERAL.test(value)) return value;
  const isRanges = typeof value === "string" && value.includes("..");
  if (!isRanges) return hex(evaluate(value, symbols));
  return value.split(",").map((range) => rangeText(parseRange(range, symbols))).join(",");
}

/** Undefined when no bound holds for the version. */
function expectedAnswer({ expect }: Expectation, version: KernelVersion): string | undefined {
  if (typeof expect === "string") return expect;
  return Object.entries(expect).find(([bound]) => isWithin(version, bound))?.[1];
}

/**
 * Looks at the addresses on both sides of every border, one by one: a way of its own to the same list, so
 * that the author doesn't repeat a mistake of the model's range arithmetic.
 */
function contradictedHoles(holes: readonly string[], told: Told): string | undefined {
  const { state, plainGroup, symbols } = told;
  const list: RangeList = state.containers.get(DEFAULT_CONTAINER)?.type1?.list ?? [];
  const missing: Range[] = [
    ...plainGroup.reserved.filter(isExcluded),
    ...holes.map((hole) => parseRange(hole, symbols)),
  ];
  const { aperture } = plainGroup.iommu;
  const within = ({ start, last }: Range, address: bigint) => start <= address && address <= last;
  const borders = [aperture, ...missing, ...list].flatMap(({ start, last }) => [
    start - 1n,
    start,
    last,
    last + 1n,
  ]);
  for (const address of borders) {
    const expected = within(aperture, address) && !missing.some((range) => within(range, address));
    const modelled = list.some((range) => within(range, address));
    if (expected === modelled) continue;
    return `the author expects ${hex(address)} to be ${expected ? "in" : "out of"} the list, the model says ${
      rangeListText(list)
    }`;
  }
  return undefined;
}
