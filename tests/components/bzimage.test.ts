import t from "#tap";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { bzImagePayload, extractVmlinux } from "../../harness/components/bzimage.ts";
import { runBytes } from "../../harness/components/command.ts";

/** Something that compresses, and in which the filter for x86 code finds calls to convert. */
const kernel = Uint8Array.from({ length: 50_000 }, (_, index) => index % 7 === 0 ? 0xe8 : index % 251);

/** A boot image with `setupSectors` before the payload, which lies a little inside the protected-mode part. */
function bzImage(payload: Uint8Array, setupSectors = 3): Uint8Array<ArrayBuffer> {
  const payloadOffset = 96;
  const start = (setupSectors + 1) * 512 + payloadOffset;
  const image = new Uint8Array(start + payload.length + 200);
  const view = new DataView(image.buffer);
  view.setUint8(0x1f1, setupSectors);
  view.setUint32(0x202, 0x53726448, true);
  view.setUint32(0x248, payloadOffset, true);
  view.setUint32(0x24c, payload.length, true);
  image.set(payload, start);
  return image;
}

function withSize(data: Uint8Array, sizeBytes = kernel.length): Uint8Array {
  const result = new Uint8Array(data.length + 4);
  result.set(data);
  new DataView(result.buffer).setUint32(data.length, sizeBytes, true);
  return result;
}

const xz = (...options: string[]) =>
  runBytes("xz", ["--compress", "--stdout", "--check=crc32", ...options], kernel);

t.test("kernels of every compression that Debian uses", async (t) => {
  t.same(await extractVmlinux(bzImage(gzipSync(kernel))), kernel, "gzip");
  t.same(await extractVmlinux(bzImage(withSize(zstdCompressSync(kernel)))), kernel, "zstd");
  t.same(await extractVmlinux(bzImage(withSize(await xz()))), kernel, "xz");
  t.same(
    await extractVmlinux(bzImage(withSize(await xz("--x86", "--lzma2=dict=32MiB")))),
    kernel,
    "xz for x86 code",
  );
  t.same(await extractVmlinux(bzImage(gzipSync(kernel), 39)), kernel, "a longer setup");
});

t.test("the payload is cut exactly", async (t) => {
  const { data, sizeBytes } = bzImagePayload(bzImage(withSize(zstdCompressSync(kernel))));
  t.same(data, new Uint8Array(zstdCompressSync(kernel)));
  t.equal(sizeBytes, kernel.length);
});

t.test("what can't be extracted is refused", async (t) => {
  await t.rejects(extractVmlinux(bzImage(withSize(zstdCompressSync(kernel), 1))), {
    message: /50000 bytes instead of 1/,
  });
  await t.rejects(extractVmlinux(bzImage(withSize(new Uint8Array([2, 0x21, 0x4c, 0x18, 0, 0])))), {
    name: "CannotTestError",
    message: /lz4 compression can't be read/,
  });
  await t.rejects(extractVmlinux(new Uint8Array(4096)), { message: /not a bzImage/ });
  await t.rejects(extractVmlinux(bzImage(gzipSync(kernel)).slice(0, 2100)), {
    message: /not a whole bzImage/,
  });
});
