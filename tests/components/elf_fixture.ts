/** Writes small ELF files for tests: sections with a content, and segments of notes. */
export function elfFile(
  sections: Readonly<Record<string, Uint8Array>>,
  notes: readonly Uint8Array[] = [],
): Uint8Array<ArrayBuffer> {
  const names = Object.keys(sections);
  const nameTable = bytes(["", ...names, ".shstrtab"].map((name) => `${name}\0`).join(""));
  const contents = [...names.map((name) => sections[name]!), nameTable];
  const segmentsAt = 64;
  const dataAt = segmentsAt + notes.length * 56;
  const starts: number[] = [];
  let end = dataAt;
  for (const content of [...notes, ...contents]) {
    starts.push(end);
    end += (content.length + 7) & ~7;
  }
  const file = new Uint8Array(end + (contents.length + 1) * 64);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setBigUint64(0x20, BigInt(segmentsAt), true);
  view.setBigUint64(0x28, BigInt(end), true);
  view.setUint16(0x36, 56, true);
  view.setUint16(0x38, notes.length, true);
  view.setUint16(0x3a, 64, true);
  view.setUint16(0x3c, contents.length + 1, true);
  view.setUint16(0x3e, contents.length, true);
  [...notes, ...contents].forEach((content, index) => file.set(content, starts[index]!));
  notes.forEach((note, index) => {
    const at = segmentsAt + index * 56;
    view.setUint32(at, 4, true);
    view.setBigUint64(at + 8, BigInt(starts[index]!), true);
    view.setBigUint64(at + 32, BigInt(note.length), true);
  });
  let nameAt = 1;
  [...names, ".shstrtab"].forEach((name, index) => {
    const at = end + (index + 1) * 64;
    view.setUint32(at, nameAt, true);
    view.setBigUint64(at + 0x18, BigInt(starts[notes.length + index]!), true);
    view.setBigUint64(at + 0x20, BigInt(contents[index]!.length), true);
    nameAt += name.length + 1;
  });
  return file;
}

/** One ELF note with an 8-byte description. */
export function elfNote(owner: string, type: number): Uint8Array {
  const name = bytes(`${owner}\0`);
  const note = new Uint8Array(12 + ((name.length + 3) & ~3) + 8);
  const view = new DataView(note.buffer);
  view.setUint32(0, name.length, true);
  view.setUint32(4, 8, true);
  view.setUint32(8, type, true);
  note.set(name, 12);
  return note;
}

/** A kernel module that holds nothing but what it says of itself, `{ depends: "vfio,irqbypass" }`. */
export function moduleFile(info: Readonly<Record<string, string>>): Uint8Array<ArrayBuffer> {
  const fields = Object.entries(info).map(([key, value]) => `${key}=${value}\0`).join("");
  return elfFile({ ".text": new Uint8Array(16), ".modinfo": bytes(fields) });
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
