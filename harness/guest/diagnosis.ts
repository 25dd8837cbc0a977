/** The diagnosis: what became of a guest that failed to answer. */
import type { ConsoleFile } from "./console_file.ts";
import { consoleVerdict, excerpt, probesLastWords } from "./console.ts";
import { GuestLost, type Loss } from "./guest_lost.ts";
import { LineClosedError } from "./probe_channel.ts";
import { exitText, type QemuExit, type QemuProcess } from "./qemu_process.ts";
import { type Qmp, QmpError } from "./qmp.ts";
import { secondLook } from "./second_look.ts";
import { SilenceError, within } from "./within.ts";

/** Where the traces of a guest's end are. */
export interface Patient {
  readonly qemu: QemuProcess;
  readonly qmp: Qmp;
  readonly console: ConsoleFile;
}

/** A QEMU whose connections are closed ends within milliseconds, on a busy host within a second. */
const EXIT_LIMIT_MS = 5_000;

/**
 * Finds out what became of a guest.
 * @param when words for the moment, "at or after map c0"
 * @param cause what asking it ended in
 */
export async function diagnose(
  { qemu, qmp, console }: Patient,
  when: string,
  cause: unknown,
): Promise<GuestLost> {
  const exit = isHangUp(cause) ? await soonOver(qemu) : undefined;
  // QEMU's last events may still be on their way: why it ended is among them.
  if (exit) await qmp.closed;
  const lines = await console.unheardLines();
  const lost = (loss: Loss, what: string) => new GuestLost(loss, what, excerpt(lines), { cause });
  switch (consoleVerdict(lines)) {
    case "crash":
      return lost("crash", `the kernel crashed ${when}`);
    case "probe-death": {
      const words = probesLastWords(lines);
      return lost("harness-fault", `the probe died ${when}${words === undefined ? "" : `: ${words}`}`);
    }
    case "silent": {
      if (cause instanceof SilenceError) {
        const [loss, reason] = await reasonOfSilence(qmp);
        return lost(loss, `${cause.message} ${when}: ${reason}`);
      }
      // A triple fault leaves no word on the console, only a machine that wants to start again.
      if (hasReset(qmp)) return lost("crash", `the guest reset itself ${when}`);
      return lost("harness-fault", `${exit ? exitText(exit) : messageOf(cause)} ${when}`);
    }
  }
}

/** A hang is the kernel's alone: neither a probe that is busy with itself nor a QEMU that stands still is one. */
async function reasonOfSilence(qmp: Qmp): Promise<[Loss, string]> {
  const sight = await secondLook(qmp);
  switch (sight.seen) {
    case "kernel":
      return ["hang", "the kernel is busy"];
    case "idle":
      return ["hang", "the kernel is idle, the probe waits in it"];
    case "probe":
      return ["harness-fault", "the probe is busy in user space"];
    case "stopped":
      return ["harness-fault", `QEMU has stopped the guest (${sight.status})`];
    case "no-answer":
      return ["harness-fault", "QEMU doesn't answer either"];
  }
}

/** Whether a connection to QEMU is closed, as it is when QEMU ends. */
const isHangUp = (cause: unknown): boolean =>
  [LineClosedError, QmpError, Deno.errors.BrokenPipe, Deno.errors.ConnectionReset].some((kind) =>
    cause instanceof kind
  );

/** How a QEMU that is about to end does so; undefined for one that lives on, which is no fault of its own. */
async function soonOver({ exit }: QemuProcess): Promise<QemuExit | undefined> {
  try {
    return await within(EXIT_LIMIT_MS, exit);
  } catch (error) {
    if (error instanceof SilenceError) return undefined;
    throw error;
  }
}

/** [QEMU: QMP event SHUTDOWN, ShutdownCause] */
const hasReset = ({ events }: Qmp): boolean =>
  events.some(({ event, data }) =>
    event === "SHUTDOWN" && (data?.reason === "guest-reset" || data?.reason === "guest-panic")
  );

const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error);
