/** The guest's console, which QEMU writes into a file. */
export class ConsoleFile {
  readonly #path: string;
  #heardBytes = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** The guest answers: nothing that it has said so far is about its end. */
  hear(): void {
    this.#heardBytes = statOf(this.#path)?.size ?? 0;
  }

  /** What the guest has said since it last answered. */
  async unheardLines(): Promise<string[]> {
    if (statOf(this.#path) === undefined) return [];
    const unheard = (await Deno.readFile(this.#path)).subarray(this.#heardBytes);
    return new TextDecoder().decode(unheard).trimEnd().split(/\r?\n/);
  }
}

/** A guest that never ran has no console. */
function statOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
