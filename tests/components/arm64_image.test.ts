import t from "#tap";
import { gzipSync } from "node:zlib";
import { arm64Image } from "../../harness/components/arm64_image.ts";

/** So much of an Image as its header says: "ARM\\x64" at 0x38. */
function image(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4096).fill(7);
  bytes.set(new TextEncoder().encode("ARMd"), 0x38);
  return bytes;
}

const gzipped = (bytes: Uint8Array) => new Uint8Array(gzipSync(bytes));

/** An image that unpacks itself, with the payload behind its header. */
function zboot(payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const file = new Uint8Array(128 + payload.length + 32);
  file.set(new TextEncoder().encode("MZ\0\0zimg"));
  new DataView(file.buffer).setUint32(8, 128, true);
  new DataView(file.buffer).setUint32(12, payload.length, true);
  file.set(payload, 128);
  return file;
}

t.test("an Image is taken as it is, and out of what it is packed in", async (t) => {
  for (const file of [image(), gzipped(image()), zboot(gzipped(image()))]) {
    t.same(await arm64Image(file), image());
  }
});

t.test("what is no arm64 kernel is refused", async (t) => {
  for (const file of [new Uint8Array(4096), new Uint8Array(3), gzipped(new Uint8Array(4096))]) {
    await t.rejects(arm64Image(file), {
      name: "CannotTestError",
      message: "not an arm64 kernel: no Image header",
    });
  }
});
