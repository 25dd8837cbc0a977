/** Ending early: by a signal, or because nobody reads what is printed. */
import process from "node:process";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Ctrl-C comes twice at once: from the terminal, and from `deno task`, which passes on what it was sent itself. */
const ECHO_MS = 500;

/**
 * Aborts its signal at the first interruption, so that everything ends in order. One that comes more than half a
 * second later finds the handlers gone and ends the process at once; QEMU goes with it.
 */
export class Interruption implements Disposable {
  readonly #controller = new AbortController();
  readonly signal = this.#controller.signal;
  #echoTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #interrupt = () => {
    this.#controller.abort();
    this.#echoTimer ??= setTimeout(() => this[Symbol.dispose](), ECHO_MS).unref();
  };

  constructor() {
    for (const signal of SIGNALS) Deno.addSignalListener(signal, this.#interrupt);
    for (const stream of [process.stdout, process.stderr]) stream.on("error", this.#interruptQuietly);
  }

  /** A closed pipe stays closed: the listener stays, or the next write would be an uncaught error. */
  readonly #interruptQuietly = () => this.#controller.abort();

  [Symbol.dispose](): void {
    clearTimeout(this.#echoTimer);
    for (const signal of SIGNALS) Deno.removeSignalListener(signal, this.#interrupt);
  }
}
