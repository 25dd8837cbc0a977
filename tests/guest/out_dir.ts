/** Folders for the logs of runs. */
import t from "#tap";
import { join, resolve } from "node:path";

const OUT = resolve(import.meta.dirname ?? ".", "../../out");

type Test = Pick<typeof t, "passing" | "teardown" | "comment">;

/** A new folder below out/, removed when the test has passed; the logs of a failure are kept. */
export async function outDir(t: Test): Promise<string> {
  await Deno.mkdir(OUT, { recursive: true });
  const dir = await Deno.makeTempDir({ dir: OUT, prefix: "test-" });
  t.teardown(async () => {
    if (t.passing()) await Deno.remove(dir, { recursive: true });
    else t.comment(`logs: ${dir}`);
  });
  return dir;
}

/** The last folders of a tree: one per guest of a run. */
export async function guestDirs(outDir: string): Promise<string[]> {
  const cells = await folders(outDir);
  return (await Promise.all(cells.map(folders))).flat();
}

async function folders(dir: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(dir));
  return entries.filter(({ isDirectory }) => isDirectory).map(({ name }) => join(dir, name)).sort();
}
