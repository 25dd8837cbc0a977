import { type Range, rangeText } from "../model/range_list.ts";

/**
 * A range as machine files write it: `0x4000_0000..0x4000_ffff`, both ends inclusive.
 * @param start hexadecimal, `_` anywhere behind the `0x`
 * @throws RangeError for one that ends before it starts
 */
export function writtenRange(start: string, last: string): Range {
  const range = { start: numberOf(start), last: numberOf(last) };
  if (range.start <= range.last) return range;
  throw new RangeError(`${rangeText(range)} ends before it starts; write start..last with last ≥ start`);
}

const numberOf = (text: string): bigint => BigInt(text.replaceAll("_", ""));
