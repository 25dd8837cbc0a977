/** The initramfs: a base that guests of one kernel share, and a small archive for each boot behind it. */

/** A file of the initramfs; folders are made as needed. */
export interface InitramfsFile {
  /** Without a leading slash: `iovacheck/modules`. */
  readonly path: string;
  readonly data: Uint8Array;
  readonly executable?: boolean;
}

const FOLDER_MODE = 0o040755;
const FILE_MODE = 0o100644;
const EXECUTABLE_MODE = 0o100755;
const BLOCK_BYTES = 512;
const encoder = new TextEncoder();

/**
 * A cpio archive in the "newc" format, as the kernel unpacks it; archives may follow one another.
 * The same files give the same bytes: no time, no owner but root, inodes in order.
 * [kernel: Documentation/driver-api/early-userspace/buffer-format.rst]
 */
export function archive(files: readonly InitramfsFile[]): Uint8Array<ArrayBuffer> {
  const folders = [...new Set(files.flatMap(({ path }) => foldersOf(path)))];
  const entries = [
    ...folders.map((path, index) => entry(path, index + 1, FOLDER_MODE, new Uint8Array())),
    ...files.map(({ path, data, executable }, index) =>
      entry(path, folders.length + index + 1, executable ? EXECUTABLE_MODE : FILE_MODE, data)
    ),
    entry("TRAILER!!!", 0, 0, new Uint8Array()),
  ];
  return concatenated(entries.flat(), BLOCK_BYTES);
}

/** Archives one behind the other. */
export const concatenatedArchives = (...archives: readonly Uint8Array[]): Uint8Array<ArrayBuffer> =>
  concatenated(archives, 1);

/** `a/b/c` lies in `a` and `a/b`. */
const foldersOf = (path: string): string[] =>
  path.split("/").slice(0, -1).map((_, depth, parts) => parts.slice(0, depth + 1).join("/"));

/** Header, name and data of one member, each padded to four bytes. */
function entry(path: string, inode: number, mode: number, data: Uint8Array): Uint8Array[] {
  const name = encoder.encode(`${path}\0`);
  const [uid, gid, links, time, device] = [0, 0, 1, 0, 0];
  const fields = [
    ...[inode, mode, uid, gid, links, time, data.length],
    ...[device, device, device, device, name.length, 0],
  ];
  const header = encoder.encode(
    "070701" + fields.map((field) => field.toString(16).padStart(8, "0")).join(""),
  );
  return [header, name, padding(header.length + name.length, 4), data, padding(data.length, 4)];
}

const padding = (length: number, alignment: number): Uint8Array =>
  new Uint8Array((alignment - (length % alignment)) % alignment);

function concatenated(parts: readonly Uint8Array[], alignment: number): Uint8Array<ArrayBuffer> {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const whole = new Uint8Array(length + padding(length, alignment).length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
