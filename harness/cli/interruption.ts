/** Ending early: by a signal, or because nobody reads what is printed. */
import process from "node:process";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Aborts its signal at the first interruption, so that everything ends in order. The second one finds the
 * handlers gone and ends the process at once; QEMU goes with it.
 */
export class Interruption implements Disposable {
  readonly #controller = new AbortController();
  readonly signal = this.#controller.signal;
  readonly #interrupt = () => {
    this.#controller.abort();
    this[Symbol.dispose]();
  };

  constructor() {
    for (const signal of SIGNALS) Deno.addSignalListener(signal, this.#interrupt);
    for (const stream of [process.stdout, process.stderr]) stream.on("error", this.#interruptQuietly);
  }

  /** A closed pipe stays closed: the listener stays, or the next write would be an uncaught error. */
  readonly #interruptQuietly = () => this.#controller.abort();

  [Symbol.dispose](): void {
    for (const signal of SIGNALS) Deno.removeSignalListener(signal, this.#interrupt);
  }
}
