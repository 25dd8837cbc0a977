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
    const registers = await qmp.execute("human-monitor-command", { "command-line": "info registers -a" });
    times[modeOf(String(registers))]++;
  }
  const [seen] = (["probe", "kernel", "idle"] as const).filter((mode) => times[mode] > LOOKS / 2);
  return { seen: seen ?? "kernel" };
}

/** What a machine's processors do: those that idle don't count beside one that works. [QEMU: x86_cpu_dump_state()] */
export function modeOf(registers: string): "kernel" | "probe" | "idle" {
  const processors = [...registers.matchAll(/\bCPL=(\d)\b.*\bHLT=(\d)\b/g)];
  const busy = processors.filter(([, , halted]) => halted === "0");
  if (busy.some(([, level]) => level === "3")) return "probe";
  return busy.length > 0 || processors.length === 0 ? "kernel" : "idle";
}
