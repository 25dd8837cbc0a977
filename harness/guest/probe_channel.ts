/** The line to the probe: numbered requests, numbered replies, in order. [guests/probe/PROTOCOL.md] */
import { linesOf, writeAll } from "./lines.ts";

/** What the probe sent makes no sense. */
export class ProtocolError extends Error {
  override readonly name: string = "ProtocolError";
}

/** No reply came for too long. */
export class SilenceError extends Error {
  override readonly name: string = "SilenceError";
}

/** How writing fails when the other side is gone; the last when that has been read already. */
const GONE = [Deno.errors.BrokenPipe, Deno.errors.ConnectionReset, Deno.errors.BadResource];

/** A connection to the probe. Replies carry no number any more: the order tells whose they are. */
export class ProbeChannel {
  readonly #conn: Deno.Conn;
  readonly #lines: AsyncGenerator<string>;
  readonly #log: (line: string) => void;
  #lastNumber = 0;

  /** @param log told every line in either direction, `> ` or `< ` in front */
  constructor(conn: Deno.Conn, log: (line: string) => void) {
    this.#conn = conn;
    this.#log = log;
    this.#lines = linesOf(conn);
  }

  /** Waits for the greeting that the probe sends unasked; the caller limits the time. */
  greeting(): Promise<string | undefined> {
    return this.#reply(0);
  }

  /**
   * Sends requests in one go and hands over each reply as it comes.
   * @param silenceMs longest wait for the next reply
   * @returns how many replies came before the probe closed the line: all of them, if it lives
   * @throws SilenceError, ProtocolError
   */
  async request(
    commands: readonly string[],
    silenceMs: number,
    onReply: (reply: string, index: number) => void,
  ): Promise<number> {
    const first = this.#lastNumber + 1;
    this.#lastNumber += commands.length;
    const numbered = commands.map((command, index) => `${first + index} ${command}`);
    for (const line of numbered) this.#log(`> ${line}`);
    const sending = this.#send(numbered);
    for (const index of commands.keys()) {
      const reply = await within(silenceMs, this.#reply(first + index));
      if (reply === undefined) return index;
      onReply(reply, index);
    }
    await sending;
    return commands.length;
  }

  /** Writes while replies are already read, or both sides would wait for the other's buffer. */
  async #send(lines: readonly string[]): Promise<void> {
    try {
      await writeAll(this.#conn, new TextEncoder().encode(lines.map((line) => `${line}\n`).join("")));
    } catch (error) {
      // A probe that is gone is noticed by its silence, with better words than this.
      if (!GONE.some((kind) => error instanceof kind)) throw error;
    }
  }

  /** The reply with this number, without it; undefined when the line is closed. */
  async #reply(number: number): Promise<string | undefined> {
    const { value: line, done } = await this.#lines.next();
    if (done) return undefined;
    this.#log(`< ${line}`);
    const blank = line.indexOf(" ");
    if (blank < 0 || line.slice(0, blank) !== String(number)) {
      throw new ProtocolError(
        `reply ${number} expected, the probe sent ${JSON.stringify(line.slice(0, 200))}`,
      );
    }
    return line.slice(blank + 1);
  }
}

/** The value, unless it takes too long. */
export async function within<T>(limitMs: number, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new SilenceError(`no reply for ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([promise, silence]);
  } finally {
    clearTimeout(timer);
  }
}
