/** QEMU's machine protocol: commands by number, events as they come. [QEMU: docs/interop/qmp-spec] */
import { linesOf, writeAll } from "./lines.ts";

/** A command that QEMU refused. */
export class QmpError extends Error {
  override readonly name: string = "QmpError";
}

export interface QmpEvent {
  readonly event: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

interface Message extends Partial<QmpEvent> {
  readonly QMP?: unknown;
  readonly id?: number;
  readonly return?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Something that nobody needs to wait for. */
function arrival(): PromiseWithResolvers<void> {
  const awaited = Promise.withResolvers<void>();
  awaited.promise.catch(() => {});
  return awaited;
}

/** A QMP connection, ready for commands. */
export class Qmp {
  readonly #conn: Deno.Conn;
  readonly #log: (line: string) => void;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  /** Resolved by the next event, rejected when none will come any more. */
  #arrival = arrival();
  /** Events so far. */
  readonly events: QmpEvent[] = [];
  /** Resolves when the connection is closed, by QEMU or by a fault. */
  readonly closed: Promise<void>;

  /** @param log told every line in either direction, `> ` or `< ` in front */
  constructor(conn: Deno.Conn, log: (line: string) => void) {
    this.#conn = conn;
    this.#log = log;
    this.closed = this.#receive();
  }

  /**
   * Runs a command.
   * @throws QmpError when QEMU refuses it or is gone
   */
  async execute(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown> {
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#pending.set(id, { resolve, reject });
    const line = JSON.stringify({ execute: command, ...(args ? { arguments: args } : {}), id });
    this.#log(`> ${line}`);
    try {
      await writeAll(this.#conn, new TextEncoder().encode(`${line}\n`));
    } catch (error) {
      this.#pending.delete(id);
      throw new QmpError(`${command}: QEMU is gone`, { cause: error });
    }
    return await promise;
  }

  /**
   * The first event that is wanted, of those from a position in `events` on.
   * @throws QmpError when QEMU is gone before it comes
   */
  async event(from: number, isWanted: (event: QmpEvent) => boolean): Promise<QmpEvent> {
    for (;;) {
      const { promise } = this.#arrival;
      const found = this.events.slice(from).find(isWanted);
      if (found) return found;
      await promise;
    }
  }

  async #receive(): Promise<void> {
    try {
      for await (const line of linesOf(this.#conn)) {
        this.#log(`< ${line}`);
        this.#take(JSON.parse(line) as Message);
      }
      this.#rejectAll(undefined);
    } catch (error) {
      this.#rejectAll(error);
    }
  }

  /** Whoever still waits learns why in vain. */
  #rejectAll(cause: unknown): void {
    const why = cause instanceof Error ? `: ${cause.message}` : "";
    const error = new QmpError(`the connection to QEMU is closed${why}`, { cause });
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    this.#arrival.reject(error);
  }

  #take({ id, event, data, error, return: value }: Message): void {
    if (event !== undefined) {
      this.events.push({ event, ...(data ? { data } : {}) });
      this.#arrival.resolve();
      this.#arrival = arrival();
    }
    const pending = id === undefined ? undefined : this.#pending.get(id);
    if (id === undefined || !pending) return;
    this.#pending.delete(id);
    if (error) pending.reject(new QmpError(`${error.class}: ${error.desc}`));
    else pending.resolve(value);
  }
}
