/** A second look at a guest that doesn't answer, past the guest itself: what is its processor doing? */
import { type Qmp, QmpError } from "./qmp.ts";
import { SilenceError, within } from "./within.ts";

/**
 * What was seen.
 * - `kernel`: the processor executes the kernel
 * - `probe`: it executes the probe, which is all the user space that a guest has
 * - `idle`: it waits for an interrupt, so the probe sleeps in the kernel
 * - `stopped`: QEMU itself has stopped the guest; `status` says why
 * - `no-answer`: QEMU doesn't answer either
 */
export type Sight =
  | { readonly seen: "kernel" | "probe" | "idle" | "no-answer" }
  | { readonly seen: "stopped"; readonly status: string };

/** QEMU answers within milliseconds, on a busy host within a second. */
const ANSWER_LIMIT_MS = 5_000;

/** Interrupts lead a processor into the kernel for a moment, so that one look doesn't tell. */
const LOOKS = 5;
const BETWEEN_LOOKS_MS = 20;

/** Looks at the guest several times and says what was seen most. */
export async function secondLook(qmp: Qmp): Promise<Sight> {
  try {
    return await within(ANSWER_LIMIT_MS, look(qmp));
  } catch (error) {
    if (!(error instanceof SilenceError || error instanceof QmpError)) throw error;
    return { seen: "no-answer" };
  }
}

async function look(qmp: Qmp): Promise<Sight> {
  const { status } = await qmp.execute("query-status") as { status: string };
  if (status !== "running") return { seen: "stopped", status };
  const times = { kernel: 0, probe: 0, idle: 0 };
  for (let count = 0; count < LOOKS; count++) {
    if (count > 0) await new Promise((resolve) => setTimeout(resolve, BETWEEN_LOOKS_MS));
    times[await modeNow(qmp)]++;
  }
  const [seen] = (["probe", "kernel", "idle"] as const).filter((mode) => times[mode] > LOOKS / 2);
  return { seen: seen ?? "kernel" };
}

type Mode = "kernel" | "probe" | "idle";

async function modeNow(qmp: Qmp): Promise<Mode> {
  const monitor = async (command: string) =>
    String(await qmp.execute("human-monitor-command", { "command-line": command }));
  const registers = await monitor("info registers -a");
  const last = lastInstruction(registers);
  if (last === undefined) return modeOf(registers);
  const isWaiting = WAIT_FOR_INTERRUPT.test(await monitor(`x/1xw 0x${last.toString(16)}`));
  return isWaiting ? "idle" : modeOf(registers);
}

/** `wfi`, the last thing that an idle arm64 processor has done; no register tells. */
const WAIT_FOR_INTERRUPT = /: 0xd503207f\b/;

/** Where the instruction is that the kernel on an arm64 processor has just executed; undefined for others. */
export function lastInstruction(registers: string): bigint | undefined {
  const [, counter] = /\bPC=([0-9a-f]{16})\b/.exec(registers) ?? [];
  return counter === undefined || modeOf(registers) !== "kernel" ? undefined : BigInt(`0x${counter}`) - 4n;
}

/**
 * What a machine's processors do, as far as registers tell: those that idle don't count beside one that works.
 * [QEMU: x86_cpu_dump_state(), aarch64_cpu_dump_state()]
 */
export function modeOf(registers: string): Mode {
  if (/\bPSTATE=.* EL0t\b/.test(registers)) return "probe";
  const processors = [...registers.matchAll(/\bCPL=(\d)\b.*\bHLT=(\d)\b/g)];
  const busy = processors.filter(([, , halted]) => halted === "0");
  if (busy.some(([, level]) => level === "3")) return "probe";
  return busy.length > 0 || processors.length === 0 ? "kernel" : "idle";
}
