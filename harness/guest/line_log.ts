import { CannotTestError, refusalText } from "../errors.ts";

/** One line per message, written at once: a log that is of use after a crash. */
export class LineLog implements Disposable {
  readonly #path: string;
  readonly #file: Deno.FsFile;

  /** @param path the file; begun anew */
  constructor(path: string) {
    this.#path = path;
    this.#file = Deno.openSync(path, { write: true, create: true, truncate: true });
  }

  /** @throws CannotTestError when the disk is full */
  write(line: string): void {
    const bytes = new TextEncoder().encode(`${line}\n`);
    try {
      for (let written = 0; written < bytes.length;) written += this.#file.writeSync(bytes.subarray(written));
    } catch (error) {
      const refusal = refusalText(error, this.#path);
      throw refusal === undefined ? error : new CannotTestError(refusal, { cause: error });
    }
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}
