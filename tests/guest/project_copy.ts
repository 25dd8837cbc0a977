/** A copy of the project with something changed in it. */
import { dirname, join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname ?? ".", "../..");

/** All that a run needs. */
const NEEDED = ["deno.json", "deno.lock", "configs", "guests", "harness"];

/** One change of a file; the old text must be there exactly once. */
export interface Change {
  readonly file: string;
  readonly replace: string;
  readonly by: string;
}

/**
 * Copies the project into a folder and changes the copy.
 * @throws Error when a change doesn't fit
 */
export async function copyProject(to: string, changes: readonly Change[]): Promise<void> {
  for (const name of NEEDED) await copy(join(ROOT, name), join(to, name));
  for (const { file, replace, by } of changes) {
    const path = join(to, file);
    const parts = (await Deno.readTextFile(path)).split(replace);
    if (parts.length !== 2) {
      throw new Error(`${file}: ${JSON.stringify(replace)} is ${parts.length - 1} times in it`);
    }
    await Deno.writeTextFile(path, parts.join(by));
  }
}

async function copy(from: string, to: string): Promise<void> {
  if (!(await Deno.stat(from)).isDirectory) {
    await Deno.mkdir(dirname(to), { recursive: true });
    return await Deno.copyFile(from, to);
  }
  for await (const { name } of Deno.readDir(from)) await copy(join(from, name), join(to, name));
}
