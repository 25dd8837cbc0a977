import { CannotTestError } from "../errors.ts";
import { compressionOf, decompress } from "./decompress.ts";

/** "ARM\x64", where an Image has it. [kernel: Documentation/arch/arm64/booting.rst] */
const magic = 0x644d5241;
const magicAt = 0x38;

// Header of an image that unpacks itself under UEFI. [kernel: drivers/firmware/efi/libstub/zboot-header.S]
const zbootMagic = 0x676d697a;
const zbootMagicAt = 4;
const zbootPayloadAt = 8;
const zbootPayloadBytesAt = 12;

/**
 * The plain Image of an arm64 kernel, which QEMU starts as it is.
 *
 * @throws {CannotTestError} not an arm64 kernel, or one whose compression can't be read
 */
export async function arm64Image(file: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const image = await unpacked(file);
  if (image.length >= 64 && viewOf(image).getUint32(magicAt, true) === magic) return image;
  throw new CannotTestError("not an arm64 kernel: no Image header");
}

async function unpacked(file: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const payload = zbootPayload(file) ?? file;
  return compressionOf(payload) === undefined ? payload : await decompress(payload);
}

function zbootPayload(file: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | undefined {
  const view = viewOf(file);
  if (file.length < 64 || view.getUint32(zbootMagicAt, true) !== zbootMagic) return undefined;
  const start = view.getUint32(zbootPayloadAt, true);
  return file.subarray(start, start + view.getUint32(zbootPayloadBytesAt, true));
}

const viewOf = (bytes: Uint8Array<ArrayBuffer>): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
