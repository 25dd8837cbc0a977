import { Parser, type Result } from "tap-parser";

/** How many assertions a test made, by outcome. A known failure (`TODO`) counts as skipped. */
export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

/** What one test file said on its standard output. */
export interface TapResult extends Tally {
  /** Why the file failed, when no failed assertion says it. */
  reason: string | undefined;
  /** Its output as TAP, without the version line. */
  lines: string[];
}

const BAIL_OUT = /^ *bail out!/i;

/** Reads the TAP of one test file while it comes. */
export class TapReader {
  readonly #parser = new Parser({ omitVersion: true });
  readonly #lines: string[] = [];
  readonly #tally: Tally = { passed: 0, failed: 0, skipped: 0 };
  #rest = "";
  #bailout: string | undefined;

  constructor() {
    this.#parser.on("line", (line: string) => this.#lines.push(line.trimEnd()));
    this.#parser.on("result", (result: Result) => this.#tally[outcome(result)]++);
  }

  write(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#line(line);
  }

  /**
   * @param death why the process didn't end by itself with success, if so
   */
  end(death: string | undefined): TapResult {
    if (this.#rest !== "") this.#line(this.#rest);
    const cause = this.#bailout ?? death;
    const complete = this.#parser.planEnd !== -1;
    // Closes open subtests and adds the missing plan.
    if (!complete && cause !== undefined) this.#parser.abort(cause);
    else this.#parser.end();
    return { ...this.#tally, ...this.#verdict(cause), lines: this.#lines.filter((line) => line !== "") };
  }

  #verdict(cause: string | undefined): { failed: number; reason: string | undefined } {
    const { passed, failed, skipped } = this.#tally;
    if (failed > 0) return { failed, reason: cause };
    const reason = cause ?? (passed + skipped === 0 ? "it made no assertion" : this.#violation());
    return { failed: reason === undefined ? 0 : 1, reason };
  }

  /** What the parser objects to, apart from failed assertions. */
  #violation(): string | undefined {
    const results = this.#parser.results;
    if (results?.ok) return undefined;
    const [first] = results?.failures ?? [];
    return first?.tapError ??
      (results?.bailout ? `Bail out! ${results.bailout}` : "its output is no valid TAP");
  }

  #line(line: string): void {
    // The parser would wait for ever for the end of a line that holds one of these.
    const whole = line.replace(/[\r\u2028\u2029]/g, " ");
    // A file that bails out ends itself, not the whole run.
    if (BAIL_OUT.test(whole)) this.#bailout ??= whole.trim();
    else this.#parser.write(`${whole}\n`);
  }
}

function outcome({ ok, skip, todo }: Result): keyof Tally {
  if (skip !== false || todo !== false) return "skipped";
  return ok ? "passed" : "failed";
}
