/** The line to the probe: numbered requests, numbered replies, in order. [guests/probe/PROTOCOL.md] */
import { linesOf, writeAll } from "./lines.ts";
import { within } from "./within.ts";

/** What the probe sent makes no sense. */
export class ProtocolError extends Error {
  override readonly name: string = "ProtocolError";
}

/** The line is closed, as it is when the guest's QEMU ends. */
export class LineClosedError extends Error {
  override readonly name: string = "LineClosedError";
  constructor() {
    super("the probe closed the line");
  }
}

/** A connection to the probe. Replies carry no number any more: the order tells whose they are. */
export class ProbeChannel {
  readonly #conn: Deno.Conn;
  readonly #lines: AsyncGenerator<string>;
  readonly #log: (line: string) => void;
  #lastNumber = 0;
  /** Whatever was sent before has been sent, and whatever was replied to it has been read, or never will be. */
  #sent: Promise<unknown> = Promise.resolve();
  #read: Promise<unknown> = Promise.resolve();

  /** @param log told every line in either direction, `> ` or `< ` in front */
  constructor(conn: Deno.Conn, log: (line: string) => void) {
    this.#conn = conn;
    this.#log = log;
    this.#lines = linesOf(conn);
  }

  /** Waits for the greeting that the probe sends unasked; undefined when it closes the line instead. */
  greeting(limitMs: number): Promise<string | undefined> {
    return within(limitMs, this.#reply(0));
  }

  /**
   * Sends requests in one go and collects the replies. Requests may follow while those before are still being replied to.
   * @param silenceMs longest wait for the next reply
   * @param replies where they go as they come: after an error, those that came before it
   * @throws SilenceError, ProtocolError, LineClosedError
   */
  async request(commands: readonly string[], silenceMs: number, replies: string[]): Promise<void> {
    const first = this.#lastNumber + 1;
    this.#lastNumber += commands.length;
    const numbered = commands.map((command, index) => `${first + index} ${command}`);
    for (const line of numbered) this.#log(`> ${line}`);
    // Written while replies are already read, or both sides would wait for the other's buffer.
    const sending = this.#sent.then(() => this.#send(numbered));
    const reading = this.#read.then(() => this.#collect(first, commands.length, silenceMs, replies));
    this.#sent = sending;
    this.#read = reading.catch(() => {});
    await reading;
    const failure = await sending;
    if (failure !== undefined) throw failure;
  }

  async #collect(first: number, count: number, silenceMs: number, replies: string[]): Promise<void> {
    for (let number = first; number < first + count; number++) {
      const reply = await within(silenceMs, this.#reply(number));
      if (reply === undefined) throw new LineClosedError();
      replies.push(reply);
    }
  }

  /** Lets go of the connection; where the guest's end closed it first, there is nothing left to do. */
  close(): void {
    try {
      this.#conn.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }

  /** Returns what went wrong, so that a guest that is lost meanwhile is told by its silence and by that only. */
  async #send(lines: readonly string[]): Promise<unknown> {
    try {
      await writeAll(this.#conn, new TextEncoder().encode(lines.map((line) => `${line}\n`).join("")));
      return undefined;
    } catch (error) {
      return error;
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
