import t from "#tap";
import { modeOf } from "../../harness/guest/second_look.ts";

/** The line of `info registers -a` that tells, as QEMU 7.2 to 11.1 write it, for each processor. */
const processor = (number: number, level: number, halted: number) =>
  `\r\nCPU#${number}\r\nRAX=0000000000000000 RBX=0000000000000000\r\n` +
  `RIP=ffffffff81e1f4ab RFL=00000246 [---Z-P-] CPL=${level} II=0 A20=1 SMM=0 HLT=${halted}\r\n`;

const SEEN: readonly [registers: string, mode: string][] = [
  [processor(0, 0, 0), "kernel"],
  [processor(0, 3, 0), "probe"],
  [processor(0, 0, 1), "idle"],
  [processor(0, 0, 1) + processor(1, 3, 0), "probe"],
  [processor(0, 0, 1) + processor(1, 0, 0), "kernel"],
  [processor(0, 0, 1) + processor(1, 0, 1), "idle"],
  ["", "kernel"],
];

t.test("what processors do, by their registers", async (t) => {
  for (const [registers, mode] of SEEN) t.equal(modeOf(registers), mode, registers);
});
