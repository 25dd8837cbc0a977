/** What a kernel's log tells of accesses that an IOMMU refused to devices. */

/** An access that was refused. */
export interface DeviceFault {
  /** Index of the line that tells its address. */
  readonly line: number;
  /** In whichever page it is: VT-d tells no more. */
  readonly address: bigint;
}

/**
 * Words of one line. AMD's driver isn't among them: with QEMU it tells address 0 for any.
 * [kernel: dmar_fault_do_one(), viommu_fault_handler()]
 */
const IN_ONE_LINE = [
  /\] DMAR: \[DMA (?:Read|Write)[^\]]*\] Request device \[[^\]]+\] .*\bfault addr (?:0x)?([0-9a-f]+) /,
  /\] virtio_iommu \S+: page fault from EP \d+ at (?:0x)?([0-9a-f]+) /,
];

/**
 * An SMMU's event, for want of a translation or of a permission, is shown as its four words; the third is the address.
 * /dev/kmsg writes a tab as \x09. [kernel: arm_smmu_evtq_thread(), arm_smmu_dump_raw_event()]
 */
const EVENT = /\] arm-smmu-v3 \S+: event 0x(?:10|13) received:/;
const WORD = /\] arm-smmu-v3 \S+: (?:\\x09|\t)?0x([0-9a-f]{16})$/;
const ADDRESS_WORD = 2;
const WORDS = 4;

/** The faults of which lines of /dev/kmsg tell an address; many are told in a few lines, or not at all. */
export function deviceFaults(lines: readonly string[]): DeviceFault[] {
  return lines.flatMap((text, line) => {
    const address = EVENT.test(text) ? addressOfEvent(lines.slice(line + 1)) : addressIn(text);
    return address === undefined ? [] : [{ line, address }];
  });
}

const addressIn = (text: string): bigint | undefined => {
  const [digits] = IN_ONE_LINE.flatMap((words) => words.exec(text)?.[1] ?? []);
  return digits === undefined ? undefined : BigInt(`0x${digits}`);
};

/** Of an event whose words may have others' lines between them. */
function addressOfEvent(following: readonly string[]): bigint | undefined {
  const words: string[] = [];
  for (const text of following) {
    const word = WORD.exec(text)?.[1];
    if (EVENT.test(text)) break;
    if (word !== undefined) words.push(word);
    if (words.length === WORDS) return BigInt(`0x${words[ADDRESS_WORD]}`);
  }
  return undefined;
}
