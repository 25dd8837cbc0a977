/** Processes that a run has started. */

/**
 * Ids of the processes whose command line names a file in `dir`: the guests of a run, by its logs. Deno itself
 * doesn't let a program without all permissions read /proc.
 */
export async function processesIn(dir: string): Promise<number[]> {
  const { code, stdout } = await new Deno.Command("pgrep", { args: ["--full", "--", `${dir}/`] }).output();
  if (code > 1) throw new Error(`pgrep ended with exit code ${code}`);
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "").map(Number);
}

/**
 * Waits until no guest of a run is left. A dying QEMU closes its logs, which is when we look again.
 * @returns ids of those that are still there when the time is over
 */
export async function leftAfter(dir: string, limitMs: number): Promise<number[]> {
  using watcher = Deno.watchFs(dir);
  const timer = setTimeout(() => watcher.close(), limitMs);
  try {
    let left = await processesIn(dir);
    if (left.length === 0) return [];
    for await (const _ of watcher) {
      left = await processesIn(dir);
      if (left.length === 0) return [];
    }
    return left;
  } finally {
    clearTimeout(timer);
  }
}
