/** Bitmaps of dirty pages, as steps write them. */
import * as z from "zod";
import type { BitmapRequest } from "../../model/dirty_bitmap.ts";
import { hex } from "../../model/range_list.ts";
import { evaluate, type Symbols } from "../address.ts";
import { ADDRESS } from "../schemas.ts";

/** What may be said of a bitmap; all of it may be left out. */
export const BITMAP_SHAPE = {
  "page-size": ADDRESS.optional().describe("What a bit stands for; 4 KiB when left out"),
  bytes: ADDRESS.optional().describe("Size of the bitmap; as many as the range needs when left out"),
  accessible: ADDRESS.optional().describe("How many of its bytes can be written to"),
  data: ADDRESS.optional().describe("Where the bitmap is said to be, with nothing there"),
};

/** Below this nothing is mapped in a process, and from the other on no address is a user's on any kernel. */
const LOWEST_ADDRESS = 0x10000n;
const KERNEL_START = 1n << 63n;

export function bitmapOf(
  written: z.infer<z.ZodObject<typeof BITMAP_SHAPE>>,
  symbols: Symbols,
): BitmapRequest {
  const { "page-size": pageSize, bytes, accessible, data } = written;
  return {
    ...(pageSize === undefined ? {} : { pageSize: somePageSize(evaluate(pageSize, symbols)) }),
    ...(bytes === undefined ? {} : { bytes: evaluate(bytes, symbols) }),
    ...(accessible === undefined ? {} : { accessibleBytes: evaluate(accessible, symbols) }),
    ...(data === undefined ? {} : { data: nobodysAddress(evaluate(data, symbols)) }),
  };
}

/** Of 0 the kernel takes the lowest bit that is set, which may be any. [kernel: __ffs()] */
function somePageSize(pageSize: bigint): bigint {
  if (pageSize !== 0n) return pageSize;
  throw new RangeError("page-size 0: what a kernel says to that isn't defined; write another");
}

function nobodysAddress(data: bigint): bigint {
  if (data < LOWEST_ADDRESS || data >= KERNEL_START) return data;
  throw new RangeError(
    `data ${hex(data)}: write one below ${hex(LOWEST_ADDRESS)} or from ${hex(KERNEL_START)} up`,
  );
}

/** The options of a request to the probe. */
export const bitmapText = ({ pageSize, bytes, accessibleBytes, data }: BitmapRequest): string =>
  [
    pageSize === undefined ? "" : ` pgsize=${hex(pageSize)}`,
    bytes === undefined ? "" : ` bitmap=${hex(bytes)}`,
    accessibleBytes === undefined ? "" : ` accessible=${accessibleBytes}`,
    data === undefined ? "" : ` data=${hex(data)}`,
  ].join("");
