/** The probe's replies as answers, and how an answer differs from its prediction. */
import { type Answer, answerText, type Errno } from "../model/answer.ts";
import { hex } from "../model/range_list.ts";
import { valuesOf } from "../guest/guest.ts";

/** The probe didn't understand its request: a fault of the harness. */
export class BadRequestError extends Error {
  override readonly name: string = "BadRequestError";
}

/**
 * `ok key=value …` or `err ERRNO key=value …` as an answer.
 * @throws BadRequestError for `bad …` and anything else; ProtocolError for values that can't be read
 */
export function parseReply(reply: string): Answer {
  const [kind, ...words] = reply.split(" ");
  if (kind === "ok") return { errno: null, values: valuesOf(words.join(" ")) };
  const [errno, ...others] = words;
  if (kind === "err" && errno?.startsWith("E")) {
    return { errno: errno as Errno, values: valuesOf(others.join(" ")) };
  }
  throw new BadRequestError(`the probe replied ${JSON.stringify(reply.slice(0, 200))}`);
}

/** The answer with locked memory counted from where the scenario began. */
export function sinceBaseline(answer: Answer, baselinePages: bigint): Answer {
  const { vmlck } = answer.values;
  if (vmlck === undefined) return answer;
  const pages = BigInt(vmlck) - baselinePages;
  return { ...answer, values: { ...answer.values, vmlck: pages < 0n ? `-${hex(-pages)}` : hex(pages) } };
}

/** A prediction and an observation that differ, cut down to what differs. */
export interface Difference {
  readonly predicted: string;
  readonly observed: string;
}

/** What differs between two answers; undefined when nothing does. */
export function difference(predicted: Answer, observed: Answer): Difference | undefined {
  if (predicted.errno !== observed.errno) {
    return { predicted: answerText(predicted), observed: answerText(observed) };
  }
  const keys = [...new Set([...Object.keys(predicted.values), ...Object.keys(observed.values)])];
  const differing = keys.filter((key) => predicted.values[key] !== observed.values[key]);
  if (differing.length === 0) return undefined;
  const pairs = differing.map((key) =>
    [key, ...elided(predicted.values[key], observed.values[key])] as const
  );
  return {
    predicted: pairs.map(([key, value]) => `${key}=${value}`).join(" "),
    observed: pairs.map(([key, , value]) => `${key}=${value}`).join(" "),
  };
}

/** Items of a list that are alike on both sides are worth showing as neighbours of what differs only. */
const NEIGHBOURS_SHOWN = 2;

/** Both values, long lists without what they have in common at either end. */
function elided(predicted = "absent", observed = "absent"): [string, string] {
  const [a, b] = [predicted.split(","), observed.split(",")];
  const shorter = Math.min(a.length, b.length);
  let head = 0;
  while (head < shorter && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < shorter - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  const [cutHead, cutTail] = [head, tail].map((alike) => Math.max(0, alike - NEIGHBOURS_SHOWN)) as [
    number,
    number,
  ];
  const shown = (items: string[]) =>
    [
      ...(cutHead > 0 ? [`(${cutHead} alike)`] : []),
      ...items.slice(cutHead, items.length - cutTail),
      ...(cutTail > 0 ? [`(${cutTail} alike)`] : []),
    ].join(",");
  return [shown(a), shown(b)];
}
