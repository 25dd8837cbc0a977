/** Lines that were typed, kept from one session to the next. */
import { dirname, join } from "node:path";

/** So many of the newest are kept. */
export const KEPT_LINES = 1000;

/**
 * Where they are kept: `$XDG_STATE_HOME/iovacheck/shell_history`, by default below `~/.local/state`.
 * Undefined where the user has no home.
 */
export function historyFile(env: { get(name: string): string | undefined } = Deno.env): string | undefined {
  const state = env.get("XDG_STATE_HOME");
  const home = env.get("HOME");
  // A relative path means nothing here. [XDG Base Directory Specification]
  if (state?.startsWith("/")) return join(state, "iovacheck/shell_history");
  return home ? join(home, ".local/state/iovacheck/shell_history") : undefined;
}

export class History {
  readonly #file: string | undefined;
  readonly #tell: (complaint: string) => void;
  #isBroken = false;

  /**
   * @param file where to keep lines; undefined for nowhere
   * @param tell is told once where that can't be
   */
  constructor(file: string | undefined, tell: (complaint: string) => void) {
    this.#file = file;
    this.#tell = tell;
  }

  /** What was typed in earlier sessions, oldest first; the file is cut down to it. */
  async load(): Promise<string[]> {
    return await this.#try(async (file) => {
      const lines = (await Deno.readTextFile(file)).split("\n").filter((line) => line !== "");
      const kept = lines.slice(-KEPT_LINES);
      if (kept.length < lines.length) {
        await Deno.writeTextFile(
          file,
          kept.map((line) => `${line}\n`).join(""),
        );
      }
      return kept;
    }) ?? [];
  }

  /** Adds a line at once, so that sessions beside each other lose nothing. */
  async add(line: string): Promise<void> {
    await this.#try(async (file) => {
      await Deno.mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await Deno.writeTextFile(file, `${line}\n`, { append: true, mode: 0o600 });
    });
  }

  async #try<T>(work: (file: string) => Promise<T>): Promise<T | undefined> {
    if (this.#file === undefined || this.#isBroken) return undefined;
    try {
      return await work(this.#file);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      if (!(error instanceof Error && "code" in error)) throw error;
      this.#isBroken = true;
      this.#tell(`${this.#file}: history can't be kept (${error.message})`);
      return undefined;
    }
  }
}
