/** Bitmaps of dirty pages, as GET_BITMAP and UNMAP fill them. [spec §7] */
import { refused, type RuleText } from "./answer.ts";
import { PAGE_SIZE } from "./constants.ts";
import { rangeListText } from "./range_list.ts";
import type { Semantics } from "./semantics.ts";
import type { Mapping } from "./state.ts";

/** A bitmap as the caller describes it to the kernel. */
export interface BitmapRequest {
  readonly pageSize?: bigint;
  /** Left out, as many as the range needs. */
  readonly bytes?: bigint;
  /** How many of them can be written to; left out, all. */
  readonly accessibleBytes?: bigint;
  /** Where it is said to be, with nothing there. */
  readonly data?: bigint;
}

const WORD_BITS = 64n;
const WORD_BYTES = 8n;
const MAX_BITMAP_BYTES = 0x10000000n;
/** From here on no address is a user's; none below it that scenarios write is refused for its value. */
const KERNEL_START = 1n << 63n;

const wordsFor = (pages: bigint): bigint => (pages + WORD_BITS - 1n) / WORD_BITS;
const maskOf = (bits: bigint): bigint => (1n << bits) - 1n;

/** How big the bitmap is said to be, for a range of `size` bytes. */
const bytesOf = ({ bytes }: BitmapRequest, size: bigint): bigint =>
  bytes ?? wordsFor((size + PAGE_SIZE - 1n) / PAGE_SIZE) * WORD_BYTES;

/** Whether its description alone gets a bitmap refused. [spec §5.1 row 4, §7.1; kernel: verify_bitmap_size] */
export function isBadDescription(bitmap: BitmapRequest, size: bigint): boolean {
  const { pageSize = PAGE_SIZE, data = 0n } = bitmap;
  const bytes = bytesOf(bitmap, size);
  const pages = size / lowestBit(pageSize);
  return data >= KERNEL_START || pages === 0n || bytes === 0n || bytes > MAX_BITMAP_BYTES ||
    bytes < wordsFor(pages) * WORD_BYTES;
}

const lowestBit = (value: bigint): bigint => value & -value;

/** A bitmap filled in, and what filling it did to the mappings' own. */
export interface Filled {
  /** By what their bits have become. */
  readonly mappings: ReadonlyMap<Mapping, Mapping>;
  /** The mapping at which the kernel met memory that isn't there, and gave up with EFAULT. */
  readonly failedAt?: Mapping;
  /** `dirty`: the addresses whose bits are set; of a bitmap that isn't there nothing can be told. */
  readonly values: Record<string, string>;
  /** What decides which bits are set. */
  readonly rule: RuleText;
}

/** Memory for the bitmap isn't there. */
export const NOT_WRITTEN = refused("EFAULT", "§7.3");

/**
 * Fills a zeroed bitmap whose first bit stands for `base`: every page of every mapping is dirty, since
 * nothing tells what devices write. [spec §7.2–§7.4; kernel: update_user_bitmap]
 *
 * @param mappings in the order in which the kernel comes to them, all inside the range
 */
export function fillBitmap(
  semantics: Semantics,
  mappings: readonly Mapping[],
  base: bigint,
  bitmap: BitmapRequest,
  size: bigint,
): Filled {
  const accessible = bitmap.data === undefined ? bitmap.accessibleBytes ?? bytesOf(bitmap, size) : 0n;
  const after = new Map<Mapping, Mapping>();
  let user = 0n;
  let dirty = 0n;
  for (const mapping of mappings) {
    const place = placeOf(mapping, base);
    const at = place.word * WORD_BITS;
    // Where the first word is shared with another mapping, what the caller's holds is taken in.
    const takesIn = place.shift > 0n && (place.word + 1n) * WORD_BYTES <= accessible;
    const shared = takesIn ? (user >> at) & maskOf(WORD_BITS) : 0n;
    const bits = shifted(mapping.staleBits | maskOf(place.pages), place) | shared;
    const isThere = (place.word + place.words) * WORD_BYTES <= accessible;
    // Not cleared where the kernel gives up.
    const left = isThere ? bits & ~maskOf(place.pages) : bits;
    after.set(mapping, { ...mapping, staleBits: keepsStale(semantics) ? left : 0n });
    if (!isThere) return { mappings: after, failedAt: mapping, values: {}, rule: "§7.3" };
    const written = maskOf(place.words * WORD_BITS);
    user = (user & ~(written << at)) | ((bits & written) << at);
    dirty |= maskOf(place.pages) << (at + place.shift);
  }
  const values: Record<string, string> = bitmap.data === undefined ? { dirty: dirtyText(user, base) } : {};
  return { mappings: after, values, rule: user === dirty ? "§7.2" : "§7.4" };
}

const keepsStale = ({ deviations }: Semantics): boolean => deviations.has("stale-dirty-bits");

/** Where a mapping's bits lie in the caller's bitmap. */
interface Place {
  readonly pages: bigint;
  readonly word: bigint;
  /** Bits before the first in its word. */
  readonly shift: bigint;
  /** Words that are written. */
  readonly words: bigint;
}

function placeOf({ iova, size }: Mapping, base: bigint): Place {
  const first = (iova - base) / PAGE_SIZE;
  const pages = size / PAGE_SIZE;
  const shift = first % WORD_BITS;
  return { pages, word: first / WORD_BITS, shift, words: wordsFor(pages + shift) };
}

/** The kernel shifts the words that it is going to write, and leaves what is behind them. */
function shifted(bits: bigint, { shift, words }: Place): bigint {
  const moved = maskOf(words * WORD_BITS);
  return ((bits & moved) << shift & moved) | (bits & ~moved);
}

/** The addresses of the bits that are set; stale ones may be behind the last address, and go on at 0. */
function dirtyText(bits: bigint, base: bigint): string {
  const ranges: { start: bigint; last: bigint }[] = [];
  const digits = [...bits.toString(2)].reverse();
  for (const [page, digit] of digits.entries()) {
    if (digit === "0") continue;
    const start = base + BigInt(page) * PAGE_SIZE;
    const range = ranges.at(-1);
    if (range && range.last + 1n === start) range.last += PAGE_SIZE;
    else ranges.push({ start, last: start + PAGE_SIZE - 1n });
  }
  return rangeListText(ranges.map(({ start, last }) => ({ start: wrapped(start), last: wrapped(last) })));
}

const wrapped = (address: bigint): bigint => BigInt.asUintN(64, address);
