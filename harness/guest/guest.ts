/** A booted guest: one object with a clear life, from boot to the end of its QEMU. */
import { join } from "node:path";
import { consoleVerdict, excerpt } from "./console.ts";
import { ProbeChannel, ProtocolError, SilenceError, within } from "./probe_channel.ts";
import { exitText, type QemuPlan, type QemuProcess, startQemu } from "./qemu_process.ts";
import { Qmp, QmpError } from "./qmp.ts";

/** Why a guest is no more, or of no more use. */
export type Loss = "crash" | "hang" | "harness-fault";

/** The guest was lost while it was asked something. */
export class GuestLost extends Error {
  override readonly name: string = "GuestLost";
  readonly loss: Loss;
  /** The lines of the console that tell most. */
  readonly console: readonly string[];

  constructor(loss: Loss, message: string, console: readonly string[], cause?: unknown) {
    super(message, { cause });
    this.loss = loss;
    this.console = console;
  }
}

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
  readonly #plan: QemuPlan;
  readonly #limits: GuestLimits;
  readonly #qemu: QemuProcess;
  readonly #qmp: Qmp;
  readonly #channel: ProbeChannel;
  readonly #logs: DisposableStack;

  private constructor(
    parts: {
      plan: QemuPlan;
      limits: GuestLimits;
      qemu: QemuProcess;
      qmp: Qmp;
      channel: ProbeChannel;
      logs: DisposableStack;
    },
    greeting: Greeting,
    bootMs: number,
  ) {
    this.#plan = parts.plan;
    this.#limits = parts.limits;
    this.#qemu = parts.qemu;
    this.#qmp = parts.qmp;
    this.#channel = parts.channel;
    this.#logs = parts.logs;
    this.greeting = greeting;
    this.bootMs = bootMs;
  }

  /**
   * Boots a guest and waits for its probe.
   * @throws CannotTestError when QEMU can't be started, GuestLost when the guest never gets to the probe
   */
  static async boot(plan: QemuPlan, limits: GuestLimits): Promise<Guest> {
    const begin = performance.now();
    const qemu = await startQemu(plan);
    const logs = new DisposableStack();
    const qmpLog = logs.use(new LineLog(join(plan.artifactsDir, "qmp.log")));
    const channelLog = logs.use(new LineLog(join(plan.artifactsDir, "probe.log")));
    const qmp = new Qmp(qemu.qmp, (line) => qmpLog.write(line));
    const channel = new ProbeChannel(qemu.probe, (line) => channelLog.write(line));
    const parts = { plan, limits, qemu, qmp, channel, logs };
    try {
      const [greeting] = await Promise.all([
        within(limits.bootTimeoutMs, channel.greeting()),
        qmp.execute("qmp_capabilities"),
      ]);
      if (greeting === undefined) throw new ProtocolError("the probe closed the line before it said a word");
      return new Guest(parts, parseGreeting(greeting), performance.now() - begin);
    } catch (error) {
      const lost = await diagnose(plan, qemu, "before the probe was reached", error);
      qemu.kill();
      await qemu.exit;
      logs.dispose();
      throw lost;
    }
  }

  /**
   * Sends requests in one go and hands over each reply as it comes.
   * @throws GuestLost when the guest doesn't answer them all; what came before has been handed over
   */
  async request(commands: readonly string[], onReply: (reply: string, index: number) => void): Promise<void> {
    let answered = 0;
    const take = (reply: string, index: number) => {
      onReply(reply, index);
      answered = index + 1;
    };
    try {
      const count = await this.#channel.request(commands, this.#limits.replyTimeoutMs, take);
      if (count === commands.length) return;
      throw new ProtocolError("the probe closed the line");
    } catch (error) {
      throw await diagnose(this.#plan, this.#qemu, `at request: ${commands[answered] ?? "none"}`, error);
    }
  }

  /** Sends one request. */
  async ask(command: string): Promise<string> {
    const replies: string[] = [];
    await this.request([command], (reply) => replies.push(reply));
    return replies[0] ?? "";
  }

  /** The kernel log since it was last read. */
  async kernelLog(): Promise<string[]> {
    const log: string[] = [];
    for (;;) {
      const { lines = "-", more } = valuesOf((await this.ask("klog")).replace(/^ok ?/, ""));
      if (lines !== "-") log.push(...lines.split(MESSAGE_BOUNDARY));
      if (more === undefined) return log;
    }
  }

  /** Ends the guest: politely, then firmly. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await within(EXIT_TIMEOUT_MS, this.#qmp.execute("quit").then(() => this.#qemu.exit));
    } catch (error) {
      if (!(error instanceof QmpError || error instanceof SilenceError)) throw error;
      this.#qemu.kill();
    }
    await this.#qemu.exit;
    await this.#qmp.closed;
    this.#logs.dispose();
  }
}

/** One line per message, written at once: a log that is of use after a crash. */
class LineLog implements Disposable {
  readonly #file: Deno.FsFile;
  constructor(path: string) {
    this.#file = Deno.openSync(path, { write: true, create: true, truncate: true });
  }
  write(line: string): void {
    const bytes = new TextEncoder().encode(`${line}\n`);
    for (let written = 0; written < bytes.length;) written += this.#file.writeSync(bytes.subarray(written));
  }
  [Symbol.dispose](): void {
    this.#file.close();
  }
}

/** Finds out what became of a guest that failed to answer. */
async function diagnose(plan: QemuPlan, qemu: QemuProcess, when: string, cause: unknown): Promise<GuestLost> {
  const silent = cause instanceof SilenceError;
  const exit = silent ? undefined : await within(EXIT_TIMEOUT_MS, qemu.exit).catch(() => undefined);
  const console = await Deno.readTextFile(join(plan.artifactsDir, "console.log")).catch(() => "");
  const tail = excerpt(console.trimEnd().split(/\r?\n/));
  switch (consoleVerdict(console)) {
    case "crash":
      return new GuestLost("crash", `the kernel crashed ${when}`, tail, cause);
    case "probe-death":
      return new GuestLost("harness-fault", `the probe died ${when}`, tail, cause);
    case "silent":
      if (silent) return new GuestLost("hang", `${cause.message} ${when}`, tail, cause);
      return new GuestLost("harness-fault", `${exit ? exitText(exit) : String(cause)} ${when}`, tail, cause);
  }
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

/** `key=value` words; `%XX` stands for a byte that a word can't hold. */
export const valuesOf = (words: string): Record<string, string> =>
  Object.fromEntries(
    words.split(" ").filter((word) => word !== "").map((word) => {
      const equals = word.indexOf("=");
      return [word.slice(0, equals), decodeURIComponent(word.slice(equals + 1))];
    }),
  );
