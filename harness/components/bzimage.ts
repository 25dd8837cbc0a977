import { CannotTestError } from "../errors.ts";
import { compressionOf, decompress } from "./decompress.ts";

// Offsets of the setup header. [kernel: Documentation/arch/x86/boot.rst]
const setupSectorsAt = 0x1f1;
const headerMagicAt = 0x202;
const payloadOffsetAt = 0x248;
const payloadLengthAt = 0x24c;

/** "HdrS" */
const headerMagic = 0x53726448;
const sectorBytes = 512;

/**
 * The compressed kernel inside a bzImage, and the size that it must have once decompressed.
 *
 * @throws {CannotTestError} not a bzImage of boot protocol 2.08 or later
 */
export function bzImagePayload(
  image: Uint8Array<ArrayBuffer>,
): { data: Uint8Array<ArrayBuffer>; sizeBytes: number } {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  if (image.length < 0x260 || view.getUint32(headerMagicAt, true) !== headerMagic) {
    throw new CannotTestError("not a bzImage: no setup header");
  }
  // 0 stands for 4, for the sake of very old boot loaders.
  const setupSectors = view.getUint8(setupSectorsAt) || 4;
  const start = (setupSectors + 1) * sectorBytes + view.getUint32(payloadOffsetAt, true);
  const end = start + view.getUint32(payloadLengthAt, true);
  if (end > image.length || end - start < 8) {
    throw new CannotTestError("not a whole bzImage: the payload ends outside");
  }
  const sizeBytes = view.getUint32(end - 4, true);
  const payload = image.subarray(start, end);
  // The size is gzip's own last field; to the other formats the kernel's build appends it.
  return { data: compressionOf(payload) === "gzip" ? payload : payload.subarray(0, -4), sizeBytes };
}

/**
 * The ELF vmlinux inside a bzImage: QEMU starts it by its PVH entry point, without firmware and without
 * decompressing in the guest.
 *
 * @throws {CannotTestError} not a bzImage, unknown compression, or the size is not the recorded one
 */
export async function extractVmlinux(image: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const { data, sizeBytes } = bzImagePayload(image);
  const vmlinux = await decompress(data);
  if (vmlinux.length === sizeBytes) return vmlinux;
  throw new CannotTestError(
    `kernel image has ${vmlinux.length} bytes instead of ${sizeBytes}; it is damaged`,
  );
}
