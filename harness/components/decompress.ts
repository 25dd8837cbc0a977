import { gunzipSync, zstdDecompressSync } from "node:zlib";
import xz from "xz-decompress";
import { CannotTestError } from "../errors.ts";
import { runBytes } from "./command.ts";

export type Compression = "gzip" | "xz" | "zstd" | "lz4" | "bzip2" | "lzma" | "lzo";

const magics: readonly (readonly [Compression, readonly number[]])[] = [
  ["gzip", [0x1f, 0x8b]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["lz4", [0x02, 0x21, 0x4c, 0x18]],
  ["bzip2", [0x42, 0x5a, 0x68]],
  ["lzma", [0x5d, 0x00, 0x00]],
  ["lzo", [0x89, 0x4c, 0x5a]],
];

/** The compression that the first bytes tell; nothing when they tell none. */
export function compressionOf(data: Uint8Array): Compression | undefined {
  return magics.find(([, magic]) => magic.every((byte, index) => data[index] === byte))?.[0];
}

/**
 * Decompresses gzip, xz or zstd.
 *
 * @throws {CannotTestError} another compression, or damaged data
 */
export async function decompress(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const compression = compressionOf(data);
  if (compression === "gzip") return new Uint8Array(gunzipSync(data));
  if (compression === "zstd") return new Uint8Array(zstdDecompressSync(data));
  if (compression === "xz") return await decompressXz(data);
  throw new CannotTestError(`${compression ?? "unknown"} compression can't be read; gzip, xz and zstd can`);
}

async function decompressXz(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  // The WebAssembly decoder has no filter for x86 code, which kernel images are compressed with.
  if (usesFilter(data)) return await runBytes("xz", ["--decompress", "--stdout", "--single-stream"], data);
  const stream = new xz.XzReadableStream(new Blob([data]).stream());
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Does the first block have a filter before LZMA2? [xz file format §3.1] */
function usesFilter(data: Uint8Array): boolean {
  const streamHeaderBytes = 12;
  return ((data[streamHeaderBytes + 1] ?? 0) & 0x03) !== 0;
}
