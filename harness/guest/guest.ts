/** A booted guest: one object with a clear life, from boot to the end of its QEMU. */
import { join } from "node:path";
import { consoleVerdict, excerpt } from "./console.ts";
import { ProbeChannel, ProtocolError } from "./probe_channel.ts";
import { exitText, type QemuExit, type QemuPlan, type QemuProcess, startQemu } from "./qemu_process.ts";
import { Qmp, QmpError } from "./qmp.ts";
import { SilenceError, within } from "./within.ts";

/** Why a guest is no more, or of no more use. */
export type Loss = "crash" | "hang" | "harness-fault";

/** The guest was lost while it was asked something. */
export class GuestLost extends Error {
  override readonly name: string = "GuestLost";
  readonly loss: Loss;
  /** The lines of the console that tell most. */
  readonly console: readonly string[];
  /** Replies that came before. */
  readonly replies: readonly string[];

  constructor(
    loss: Loss,
    message: string,
    console: readonly string[],
    options: ErrorOptions & { replies?: readonly string[] } = {},
  ) {
    super(message, options);
    this.loss = loss;
    this.console = console;
    this.replies = options.replies ?? [];
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
    const qemu = await startQemu(plan, limits.bootTimeoutMs);
    const resources = new DisposableStack();
    const kill = () => qemu.kill();
    signal?.addEventListener("abort", kill);
    resources.defer(() => signal?.removeEventListener("abort", kill));
    const qmpLog = resources.use(new LineLog(join(plan.artifactsDir, "qmp.log")));
    const channelLog = resources.use(new LineLog(join(plan.artifactsDir, "probe.log")));
    const qmp = new Qmp(qemu.qmp, (line) => qmpLog.write(line));
    const channel = new ProbeChannel(qemu.probe, (line) => channelLog.write(line));
    resources.defer(() => channel.close());
    const parts = { plan, limits, qemu, qmp, channel, resources };
    try {
      if (signal?.aborted) kill();
      const [greeting] = await Promise.all([
        channel.greeting(limits.bootTimeoutMs),
        qmp.execute("qmp_capabilities"),
      ]);
      if (greeting === undefined) throw new ProtocolError("the probe closed the line before it said a word");
      return new Guest(parts, parseGreeting(greeting), performance.now() - begin);
    } catch (error) {
      const lost = await diagnose(parts, "before the probe was reached", error);
      qemu.kill();
      await qemu.exit;
      await qmp.closed;
      resources.dispose();
      // A guest that doesn't come up in time may be the host's fault as well as the kernel's.
      const loss = lost.loss === "hang" ? "harness-fault" : lost.loss;
      throw new GuestLost(loss, lost.message, lost.console, { cause: error });
    }
  }

  /**
   * Sends requests in one go.
   * @returns the replies, in order
   * @throws GuestLost when the guest doesn't answer them all, with the replies that came
   */
  async request(commands: readonly string[]): Promise<string[]> {
    const { channel, limits } = this.#parts;
    const replies: string[] = [];
    try {
      await channel.request(commands, limits.replyTimeoutMs, replies);
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
      const { lines = "-", more } = valuesOf((await this.ask("klog")).replace(/^ok ?/, ""));
      if (lines !== "-") log.push(...lines.split(MESSAGE_BOUNDARY));
      if (more === undefined) return log;
    }
  }

  /** Ends the guest: politely, then firmly. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { qemu, qmp, resources } = this.#parts;
    try {
      await within(EXIT_TIMEOUT_MS, qmp.execute("quit").then(() => qemu.exit));
    } catch (error) {
      if (!(error instanceof QmpError || error instanceof SilenceError)) throw error;
      qemu.kill();
    }
    await qemu.exit;
    await qmp.closed;
    resources.dispose();
  }
}

/** What a guest is made of on the host's side. */
interface Parts {
  readonly plan: QemuPlan;
  readonly limits: GuestLimits;
  readonly qemu: QemuProcess;
  readonly qmp: Qmp;
  readonly channel: ProbeChannel;
  /** What is to be closed when the guest is gone. */
  readonly resources: DisposableStack;
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
async function diagnose({ plan, qemu, qmp }: Parts, when: string, cause: unknown): Promise<GuestLost> {
  const silent = cause instanceof SilenceError;
  const exit = silent ? undefined : await soonOver(qemu);
  const console = await consoleOf(plan);
  const lines = excerpt(console.trimEnd().split(/\r?\n/));
  const lost = (loss: Loss, what: string) => new GuestLost(loss, `${what} ${when}`, lines, { cause });
  switch (consoleVerdict(console)) {
    case "crash":
      return lost("crash", "the kernel crashed");
    case "probe-death":
      return lost("harness-fault", "the probe died");
    case "silent":
      if (silent) return lost("hang", cause.message);
      // A triple fault leaves no word on the console, only a machine that wants to start again.
      if (hasReset(qmp)) return lost("crash", "the guest reset itself");
      return lost("harness-fault", exit ? exitText(exit) : String(cause));
  }
}

/** How a QEMU that is about to end does so; undefined for one that lives on, which is no fault of its own. */
async function soonOver({ exit }: QemuProcess): Promise<QemuExit | undefined> {
  try {
    return await within(EXIT_TIMEOUT_MS, exit);
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

/** A guest that never ran has no console. */
async function consoleOf({ artifactsDir }: QemuPlan): Promise<string> {
  try {
    return await Deno.readTextFile(join(artifactsDir, "console.log"));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
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
