import { CannotTestError, refusalText } from "../errors.ts";

/** A log that has grown so long makes room for another; the one before it is kept, under this name. */
const BYTES_MOST = 64 << 20;
const EARLIER = ".earlier";

/** One line per message, written at once: a log that is of use after a crash. */
export class LineLog implements Disposable {
  readonly #path: string;
  readonly #bytesMost: number;
  #file: Deno.FsFile;
  #byteCount = 0;

  /** @param path the file; begun anew */
  constructor(path: string, bytesMost = BYTES_MOST) {
    this.#path = path;
    this.#bytesMost = bytesMost;
    this.#file = this.#open();
  }

  #open(): Deno.FsFile {
    return Deno.openSync(this.#path, { write: true, create: true, truncate: true });
  }

  #beginAnew(): void {
    this.#file.close();
    Deno.renameSync(this.#path, this.#path + EARLIER);
    this.#file = this.#open();
    this.#byteCount = 0;
  }

  /** @throws CannotTestError when the disk is full */
  write(line: string): void {
    const bytes = new TextEncoder().encode(`${line}\n`);
    try {
      if (this.#byteCount + bytes.length > this.#bytesMost) this.#beginAnew();
      this.#byteCount += bytes.length;
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
