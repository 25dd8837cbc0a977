/** A reader of cpio archives in the "newc" format, written from its description and not from the writer. */

export interface Member {
  readonly name: string;
  readonly inode: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly data: Uint8Array;
}

const HEADER_BYTES = 110;
const decoder = new TextDecoder();

/** The members of archives that follow one another, as the kernel unpacks them: zeros between them are skipped. */
export function readArchives(bytes: Uint8Array): Member[][] {
  const archives: Member[][] = [];
  let at = 0;
  while (at < bytes.length) {
    if (bytes[at] === 0) {
      at++;
      continue;
    }
    if (at % 4 !== 0) throw new Error(`archive at ${at}, which isn't a multiple of 4`);
    const members: Member[] = [];
    for (;;) {
      const { member, next } = readMember(bytes, at);
      at = next;
      if (member.name === "TRAILER!!!") break;
      members.push(member);
    }
    archives.push(members);
  }
  return archives;
}

function readMember(bytes: Uint8Array, at: number): { member: Member; next: number } {
  const header = decoder.decode(bytes.subarray(at, at + HEADER_BYTES));
  if (!/^070701[0-9a-fA-F]{104}$/.test(header)) throw new Error(`no header at ${at}: ${header}`);
  const field = (index: number) => parseInt(header.slice(6 + 8 * index, 14 + 8 * index), 16);
  const [dataBytes, nameBytes] = [field(6), field(11)];
  const nameAt = at + HEADER_BYTES;
  const dataAt = aligned(nameAt + nameBytes);
  if (bytes[nameAt + nameBytes - 1] !== 0) throw new Error(`name at ${nameAt} doesn't end in NUL`);
  if (dataAt + dataBytes > bytes.length) throw new Error(`member at ${at} is cut off`);
  const member = {
    name: decoder.decode(bytes.subarray(nameAt, nameAt + nameBytes - 1)),
    inode: field(0),
    mode: field(1),
    uid: field(2),
    gid: field(3),
    mtime: field(5),
    data: bytes.slice(dataAt, dataAt + dataBytes),
  };
  return { member, next: aligned(dataAt + dataBytes) };
}

const aligned = (offset: number): number => Math.ceil(offset / 4) * 4;
