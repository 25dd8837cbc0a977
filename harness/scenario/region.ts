/** Reserved regions as scenarios write them: `0x40000000..0x400fffff reserved`. */
import { hex, type Range, U64_MAX } from "../model/range_list.ts";
import { RESERVED_KINDS, type ReservedKind, type ReservedRegion } from "../model/reserved.ts";
import { evaluate, type Symbols } from "./address.ts";

const REGION = /^\s*(\S+)\.\.(\S+)\s+([a-z-]+)(?:\s+x(\d+)\s+every\s+(\S+))?\s*$/;
const MAX_REPEATS = 4096;

const isKind = (word: string): word is ReservedKind => RESERVED_KINDS.some((kind) => kind === word);

/**
 * The regions that a text stands for: one, or with `xCOUNT every STRIDE` as many as that.
 * @throws RangeError that says what is wrong and how to write it
 */
export function parseRegions(text: string, symbols: Symbols): ReservedRegion[] {
  const [, start, last, kind, count = "1", stride = "0"] = REGION.exec(text) ?? [];
  if (start === undefined || last === undefined || kind === undefined) {
    throw new RangeError(
      `reserved region ${text}: write START..LAST KIND, such as 0x40000000..0x400fffff reserved`,
    );
  }
  if (!isKind(kind)) {
    throw new RangeError(`reserved region ${text}: no kind ${kind}; there are ${RESERVED_KINDS.join(", ")}`);
  }
  if (Number(count) < 1 || Number(count) > MAX_REPEATS) {
    throw new RangeError(`reserved region ${text}: repeat it 1 to ${MAX_REPEATS} times`);
  }
  const range = parseRange(`${start}..${last}`, symbols);
  if (range.last - range.start === U64_MAX) {
    throw new RangeError(`reserved region ${text}: its length doesn't fit 64 bits; write two that meet`);
  }
  const step = evaluate(stride, symbols);
  return Array.from({ length: Number(count) }, (_, index) => ({
    start: evaluate(range.start + step * BigInt(index), symbols),
    last: evaluate(range.last + step * BigInt(index), symbols),
    kind,
  }));
}

/** The range that `START..LAST` stands for, both inclusive. */
export function parseRange(text: string, symbols: Symbols): Range {
  const [, startText, lastText] = /^\s*(.+?)\.\.(.+?)\s*$/.exec(text) ?? [];
  if (startText === undefined || lastText === undefined) {
    throw new RangeError(`range ${text}: write START..LAST, both inclusive, such as 0x0..0xfff`);
  }
  const start = evaluate(startText, symbols);
  const last = evaluate(lastText, symbols);
  if (last < start) {
    throw new RangeError(
      `range ${hex(start)}..${hex(last)} ends before it starts; write start..last with last ≥ start`,
    );
  }
  return { start, last };
}
