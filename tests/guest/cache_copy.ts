/** A cache of a test's own that costs nothing: what is fetched is the user's, what is built is not there yet. */
import { join } from "node:path";
import { defaultCacheDir } from "../../harness/components/cache.ts";

/** Only read by a run that finds in them what it needs. */
const SHARED = [
  "apt",
  "resolutions",
  "entries/kernel",
  "entries/qemu",
  "entries/toolchain",
  "entries/headers",
  "kvm-trials.json",
];

/**
 * @param base becomes XDG_CACHE_HOME
 * @param without names that are left out
 */
export async function copyCache(base: string, without: readonly string[] = []): Promise<void> {
  const to = join(base, "iovacheck");
  await Deno.mkdir(join(to, "entries"), { recursive: true });
  for (const name of SHARED.filter((name) => !without.includes(name))) {
    await Deno.symlink(join(defaultCacheDir(), name), join(to, name));
  }
}

/** The environment of a run with that cache: Deno's own stays where it is. */
export const cacheEnvironment = (base: string): Record<string, string> => ({
  XDG_CACHE_HOME: base,
  DENO_DIR: Deno.env.get("DENO_DIR") ?? join(defaultCacheDir(), "../deno"),
});
