/** A booted guest: one object with a clear life, from boot to the end of its QEMU. */
import { join } from "node:path";
import { ConsoleFile } from "./console_file.ts";
import { diagnose, type Patient } from "./diagnosis.ts";
import { BootTimeout, GuestLost } from "./guest_lost.ts";
import { LineLog } from "./line_log.ts";
import { LineClosedError, ProbeChannel, ProtocolError } from "./probe_channel.ts";
import { consolePath, type QemuPlan, startQemu } from "./qemu_process.ts";
import { Qmp, QmpError } from "./qmp.ts";
import { SilenceError, within } from "./within.ts";

/** What the probe says of its guest when it is ready. */
export interface Greeting {
  /** `uname -r` */
  readonly release: string;
  /** `uname -v` */
  readonly version: string;
  /** Modules that didn't load, `PATH:ERRNO`. */
  readonly modulesFailed: readonly string[];
}

export interface GuestLimits {
  /** From QEMU's start to the greeting. */
  readonly bootTimeoutMs: number;
  /** Longest wait for the next reply. */
  readonly replyTimeoutMs: number;
}

const EXIT_TIMEOUT_MS = 5_000;
const PROTOCOL_VERSION = "1";

/** The comma between two messages of the kernel log, which begin with their priority. */
const MESSAGE_BOUNDARY = /,(?=<\d+>\[)/;

/** A guest whose probe answers. Dispose of it, and its QEMU is gone. */
export class Guest implements AsyncDisposable {
  readonly greeting: Greeting;
  /** From QEMU's start to the greeting. */
  readonly bootMs: number;
  readonly #parts: Parts;

  private constructor(parts: Parts, greeting: Greeting, bootMs: number) {
    this.#parts = parts;
    this.greeting = greeting;
    this.bootMs = bootMs;
  }

  /**
   * Boots a guest and waits for its probe.
   * @param signal aborted, the guest ends at once
   * @throws CannotTestError when QEMU can't be started, GuestLost when the guest never gets to the probe
   */
  static async boot(plan: QemuPlan, limits: GuestLimits, signal?: AbortSignal): Promise<Guest> {
    const begin = performance.now();
    await using resources = new AsyncDisposableStack();
    const log = (name: string) => resources.use(new LineLog(join(plan.artifactsDir, name)));
    const [qmpLog, channelLog] = [log("qmp.log"), log("probe.log")];
    const qemu = await startQemu(plan, limits.bootTimeoutMs);
    const kill = () => qemu.kill();
    signal?.addEventListener("abort", kill);
    resources.defer(() => signal?.removeEventListener("abort", kill));
    const qmp = new Qmp(qemu.qmp, (line) => qmpLog.write(line));
    const channel = new ProbeChannel(qemu.probe, (line) => channelLog.write(line));
    resources.defer(() => channel.close());
    resources.defer(() => qmp.closed);
    resources.defer(async () => {
      qemu.kill();
      await qemu.exit;
    });
    const console = new ConsoleFile(consolePath(plan));
    const parts = { limits, qemu, qmp, channel, console };
    try {
      if (signal?.aborted) kill();
      const [greeting] = await Promise.all([
        channel.greeting(limits.bootTimeoutMs),
        qmp.execute("qmp_capabilities"),
      ]);
      if (greeting === undefined) throw new LineClosedError();
      const parsed = parseGreeting(greeting);
      return new Guest({ ...parts, resources: resources.move() }, parsed, performance.now() - begin);
    } catch (error) {
      const lost = await diagnose(parts, "before the probe was reached", error);
      if (lost.loss === "hang") throw new BootTimeout(lost, { cause: error });
      throw new GuestLost(lost.loss, lost.message, lost.console, { cause: error });
    }
  }

  /** The line to its QEMU. */
  get qmp(): Qmp {
    return this.#parts.qmp;
  }

  /**
   * Sends requests in one go.
   * @returns the replies, in order
   * @throws GuestLost when the guest doesn't answer them all, with the replies that came
   */
  async request(commands: readonly string[]): Promise<string[]> {
    const { channel, limits, console } = this.#parts;
    const replies: string[] = [];
    try {
      await channel.request(commands, limits.replyTimeoutMs, replies);
      console.hear();
      return replies;
    } catch (error) {
      // Replies travel together: the guest may have got further than to the first that is missing.
      const lost = await diagnose(this.#parts, `at or after ${commands[replies.length] ?? "the end"}`, error);
      throw new GuestLost(lost.loss, lost.message, lost.console, { cause: error, replies });
    }
  }

  /** Sends one request. */
  async ask(command: string): Promise<string> {
    const [reply = ""] = await this.request([command]);
    return reply;
  }

  /** The kernel log since it was last read. */
  async kernelLog(): Promise<string[]> {
    const log: string[] = [];
    for (;;) {
      const { lines, isAll } = logOf(await this.ask("klog"));
      log.push(...lines);
      if (isAll) return log;
    }
  }

  /** Ends the guest: politely, then firmly. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { qemu, qmp, resources } = this.#parts;
    await using _ = resources;
    try {
      await within(EXIT_TIMEOUT_MS, qmp.execute("quit").then(() => qemu.exit));
    } catch (error) {
      if (!(error instanceof QmpError || error instanceof SilenceError)) throw error;
    }
  }
}

/** What a guest is made of on the host's side. */
interface Parts extends Patient {
  readonly limits: GuestLimits;
  readonly channel: ProbeChannel;
  /** What ends with the guest, QEMU first. */
  readonly resources: AsyncDisposableStack;
}

function parseGreeting(reply: string): Greeting {
  const values = valuesOf(reply.replace(/^ok ?/, ""));
  if (values.protocol !== PROTOCOL_VERSION) {
    throw new ProtocolError(`the probe speaks protocol ${values.protocol}, not ${PROTOCOL_VERSION}`);
  }
  const failed = values["modules-failed"] ?? "-";
  return {
    release: values.release ?? "",
    version: values.version ?? "",
    modulesFailed: failed === "-" ? [] : failed.split(","),
  };
}

/** The lines in a reply to `klog`, and whether it has all that there are. */
export function logOf(reply: string): { lines: string[]; isAll: boolean } {
  const { lines = "-", more } = valuesOf(reply.replace(/^ok ?/, ""));
  return { lines: lines === "-" ? [] : lines.split(MESSAGE_BOUNDARY), isAll: more === undefined };
}

/**
 * `key=value` words; `%XX` stands for a byte that a word can't hold.
 * @throws ProtocolError for a `%` that stands for nothing
 */
export function valuesOf(words: string): Record<string, string> {
  try {
    return Object.fromEntries(
      words.split(" ").filter((word) => word !== "").map((word) => {
        const equals = word.indexOf("=");
        return [word.slice(0, equals), decodeURIComponent(word.slice(equals + 1))];
      }),
    );
  } catch (error) {
    throw new ProtocolError(`the probe sent ${JSON.stringify(words.slice(0, 200))}`, { cause: error });
  }
}
