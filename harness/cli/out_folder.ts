/** Folders for the logs of one run each. */
import { join, resolve } from "node:path";
import { UsageError } from "../errors.ts";

/** @throws UsageError for a folder that can't be made */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await Deno.mkdir(folder, { recursive: true });
  } catch (error) {
    throw new UsageError(`--out ${folder}: can't be made (${(error as Error).message})`, { cause: error });
  }
}

/**
 * The folder that was asked for, or one in out/ that is called by the time.
 * @throws UsageError for a folder that holds a run already, as two in one couldn't be told apart, and for no name
 */
export async function freshFolder(asked: string | undefined): Promise<string> {
  if (asked === "") throw new UsageError("--out: is empty; name a folder");
  const folder = resolve(asked ?? join("out", timestamp()));
  try {
    await Deno.stat(join(folder, "events.jsonl"));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return folder;
    throw new UsageError(`--out ${folder}: can't be looked into (${(error as Error).message})`, {
      cause: error,
    });
  }
  throw new UsageError(`--out ${asked}: holds an earlier run; name another folder or remove this one`);
}

/** `20261122-201530-4711`, unique among the runs of this machine. */
function timestamp(): string {
  const digits = new Date().toISOString().replace(/\D/g, "");
  return `${digits.slice(0, 8)}-${digits.slice(8, 14)}-${Deno.pid}`;
}
