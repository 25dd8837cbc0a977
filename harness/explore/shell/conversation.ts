/** Lines for the shell: typed at a prompt, or read from what is no terminal. */
import process from "node:process";
import { createInterface, type Interface } from "node:readline";
import { UsageError } from "../../errors.ts";
import { complete } from "./completion.ts";
import { type History, KEPT_LINES } from "./history.ts";
import { NoGuestError } from "./session.ts";
import type { Shell } from "./shell.ts";

const PROMPT = "iovacheck> ";

/** What a person types at a terminal, with history and completion. */
export class Prompt implements Disposable {
  readonly #shell: Shell;
  readonly #history: History;
  readonly #interface: Interface;
  readonly #giveUp: () => void;
  readonly #typed: string[] = [];
  #wake = () => {};
  #isClosed = false;
  #isBusy = false;
  #hasInterrupted = false;

  private constructor(shell: Shell, history: History, giveUp: () => void, earlier: readonly string[]) {
    this.#shell = shell;
    this.#history = history;
    this.#giveUp = giveUp;
    this.#interface = createInterface({
      input: process.stdin,
      output: process.stdout,
      terminal: true,
      prompt: PROMPT,
      completer: (line: string) => complete(line, shell.names),
      history: earlier.toReversed(),
      historySize: KEPT_LINES,
      removeHistoryDuplicates: true,
    });
    this.#interface.on("line", (line) => {
      this.#typed.push(line);
      this.#hasInterrupted = false;
      this.#wake();
    });
    this.#interface.on("close", () => {
      this.#isClosed = true;
      this.#wake();
    });
    this.#interface.on("SIGINT", () => this.#interrupt());
  }

  /** @param giveUp ends what the guest is at */
  static async open(shell: Shell, history: History, giveUp: () => void): Promise<Prompt> {
    return new Prompt(shell, history, giveUp, await history.load());
  }

  /**
   * Does what is typed until the user has enough.
   * @param signal aborted, it ends at once
   */
  async converse(signal: AbortSignal): Promise<void> {
    const close = () => this.#interface.close();
    signal.addEventListener("abort", close);
    try {
      for (let line = await this.#next(); line !== undefined && !signal.aborted; line = await this.#next()) {
        await this.#enter(line);
        if (this.#shell.isOver) return;
      }
      // What is printed from now on doesn't belong behind the prompt.
      this.#shell.tell("");
    } finally {
      signal.removeEventListener("abort", close);
    }
  }

  [Symbol.dispose](): void {
    this.#interface.close();
  }

  /** The next line; undefined when there is none any more. */
  async #next(): Promise<string | undefined> {
    if (this.#typed.length === 0 && !this.#isClosed) {
      this.#interface.prompt();
      await new Promise<void>((wake) => this.#wake = wake);
    }
    return this.#isClosed && this.#typed.length === 0 ? undefined : this.#typed.shift();
  }

  async #enter(line: string): Promise<void> {
    this.#isBusy = true;
    try {
      if (line.trim() !== "") await this.#history.add(line.trim());
      await this.#shell.enter(line);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      this.#shell.tell(error.message);
    } finally {
      this.#isBusy = false;
    }
  }

  /** The first Ctrl-C takes back what was typed, the next one ends. */
  #interrupt(): void {
    const isBusy = this.#isBusy || this.#typed.length > 0;
    if (this.#hasInterrupted) {
      if (isBusy) this.#giveUp();
      return this.#interface.close();
    }
    this.#hasInterrupted = true;
    const what = isBusy ? "the guest is at work" : "the line is cancelled";
    this.#shell.tell(`^C ${what}; Ctrl-C once more ends`);
    if (isBusy) return;
    this.#interface.write(null, { ctrl: true, name: "e" });
    this.#interface.write(null, { ctrl: true, name: "u" });
    this.#interface.prompt();
  }
}

/**
 * Does what the lines say, up to the first that is wrong.
 * @param shownAs how messages name where the lines are from
 * @throws UsageError with the number of that line
 */
export async function obey(
  shell: Shell,
  lines: AsyncIterable<string>,
  shownAs: string,
  signal: AbortSignal,
): Promise<void> {
  let number = 0;
  for await (const line of lines) {
    if (signal.aborted) return;
    number++;
    try {
      await shell.enter(line);
    } catch (error) {
      // What goes on without a guest is no fault of whoever wrote the lines.
      if (error instanceof NoGuestError) return shell.tell(error.message);
      if (!(error instanceof UsageError)) throw error;
      throw new UsageError(`${shownAs}:${number}: ${error.message}`, { cause: error });
    }
    if (shell.isOver) return;
  }
}

/** Lines of a text that arrives in pieces; the last needs no line feed. */
export async function* linesOf(text: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = "";
  for await (const piece of text) {
    const lines = (rest + piece).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}
