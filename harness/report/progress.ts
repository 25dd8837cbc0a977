/** Progress for a person at a terminal; nothing at all elsewhere. */
import type { Event, Exploring } from "./events.ts";

const CLEAR_LINE = "\r\x1b[2K";

/** A line on standard error that always says how far the run is; clear it before anything else is printed. */
export class ProgressLine {
  readonly #write: (text: string) => void;
  readonly #begin = performance.now();
  #cells = 0;
  #cellsDone = 0;
  #scenarios = 0;
  #failures = 0;
  /** By cells, where these are explored. */
  readonly #explored = new Map<string, Exploring>();

  /** @param write takes text for the terminal */
  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** Makes room for other output. */
  clear(): void {
    this.#write(CLEAR_LINE);
  }

  /** Takes note of the event and draws the line. */
  handle(event: Event): void {
    if (event.type === "run-start") this.#cells = event.cells.length;
    if (event.type === "cell-end" || event.type === "cell-skip") this.#cellsDone++;
    if (event.type === "scenario-end" && event.verdict !== "skip") {
      this.#scenarios++;
      if (event.verdict !== "match" && event.verdict !== "known") this.#failures++;
    }
    if (event.type === "exploring") this.#explored.set(event.cell, event);
    this.clear();
    if (event.type !== "run-end") this.#write(this.#text());
  }

  #text(): string {
    const seconds = ((performance.now() - this.#begin) / 1000).toFixed(1);
    const failed = this.#failures > 0 ? `, ${this.#failures} failed` : "";
    return `${seconds} s  cells ${this.#cellsDone}/${this.#cells}  ${this.#playedText()}${failed}`;
  }

  #playedText(): string {
    if (this.#explored.size === 0) return `scenarios ${this.#scenarios}`;
    const all = [...this.#explored.values()];
    const sum = (count: (one: Exploring) => number) => all.reduce((total, one) => total + count(one), 0);
    return `played ${sum(({ played }) => played)}, steps ${sum(({ steps }) => steps)}`;
  }
}
