import t from "#tap";
import { lastInstruction, modeOf } from "../../harness/guest/second_look.ts";

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

/** The lines that tell on arm64, as QEMU 7.2 and 11.1 write them. */
const arm = (level: string, more = "") =>
  "\r\nCPU#0\r\n PC=ffffb3660832b7f0 X00=0000000000000005 X01=ffff49534ff48610\r\n" +
  `PSTATE=${more}400000c5 -Z-- ${level}     FPCR=00000000 FPSR=00000000\r\n`;

t.test("an arm64 processor's registers tell the level; what it did last, whether it waits", async (t) => {
  for (const more of ["", "00000000"]) {
    t.equal(modeOf(arm("EL0t", more)), "probe");
    t.equal(modeOf(arm("EL1h", more)), "kernel");
    t.equal(lastInstruction(arm("EL1h", more)), 0xffffb3660832b7ecn);
    t.equal(lastInstruction(arm("EL0t", more)), undefined, "user space can't wait for interrupts");
  }
  t.equal(lastInstruction(processor(0, 0, 0)), undefined);
});

t.test("what processors do, by their registers", async (t) => {
  for (const [registers, mode] of SEEN) t.equal(modeOf(registers), mode, registers);
});
