import { CannotTestError } from "../errors.ts";

// Little-endian ELF64 only: what x86-64 and arm64 kernels are made of. [elf(5)]
const noteSegmentType = 4;
/** XEN_ELFNOTE_PHYS32_ENTRY: where QEMU enters a kernel by PVH. [kernel: include/xen/interface/elfnote.h] */
const pvhEntryNoteType = 18;

/**
 * Content of a section, by name; nothing when there is none.
 *
 * @throws {CannotTestError} not a 64-bit little-endian ELF file
 */
export function elfSection(file: Uint8Array<ArrayBuffer>, name: string): Uint8Array<ArrayBuffer> | undefined {
  const view = elfView(file);
  const tableAt = Number(view.getBigUint64(0x28, true));
  const entryBytes = view.getUint16(0x3a, true);
  const count = view.getUint16(0x3c, true);
  const section = (index: number) => {
    const at = tableAt + index * entryBytes;
    const start = Number(view.getBigUint64(at + 0x18, true));
    return {
      nameAt: view.getUint32(at, true),
      content: file.subarray(start, start + Number(view.getBigUint64(at + 0x20, true))),
    };
  };
  const names = section(view.getUint16(0x3e, true)).content;
  for (let index = 0; index < count; index++) {
    const { nameAt, content } = section(index);
    if (textAt(names, nameAt) === name) return content;
  }
  return undefined;
}

/**
 * Does a kernel have the note that tells QEMU its PVH entry point?
 *
 * @throws {CannotTestError} not a 64-bit little-endian ELF file
 */
export function hasPvhEntry(file: Uint8Array<ArrayBuffer>): boolean {
  const view = elfView(file);
  const tableAt = Number(view.getBigUint64(0x20, true));
  const entryBytes = view.getUint16(0x36, true);
  const count = view.getUint16(0x38, true);
  for (let index = 0; index < count; index++) {
    const at = tableAt + index * entryBytes;
    if (view.getUint32(at, true) !== noteSegmentType) continue;
    const start = Number(view.getBigUint64(at + 8, true));
    if (noteTypes(view, start, start + Number(view.getBigUint64(at + 32, true))).includes(pvhEntryNoteType)) {
      return true;
    }
  }
  return false;
}

function noteTypes(view: DataView, start: number, end: number): number[] {
  const types: number[] = [];
  for (let at = start; at + 12 <= end;) {
    types.push(view.getUint32(at + 8, true));
    at += 12 + padded(view.getUint32(at, true)) + padded(view.getUint32(at + 4, true));
  }
  return types;
}

function padded(sizeBytes: number): number {
  return (sizeBytes + 3) & ~3;
}

function elfView(file: Uint8Array<ArrayBuffer>): DataView {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const isElf64 = file.length >= 64 && view.getUint32(0) === 0x7f454c46 && file[4] === 2 && file[5] === 1;
  if (!isElf64) throw new CannotTestError("not a 64-bit little-endian ELF file");
  return view;
}

function textAt(bytes: Uint8Array, start: number): string {
  const end = bytes.indexOf(0, start);
  return new TextDecoder().decode(bytes.subarray(start, end < 0 ? bytes.length : end));
}
