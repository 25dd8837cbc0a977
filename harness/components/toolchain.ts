import { join } from "node:path";
import { openAptRoot, planClosure, withRecentLists } from "./apt_root.ts";
import { ensureEntry, type Entry, entryId } from "./cache.ts";
import { fillRoot } from "./fill_root.ts";
import { packageId, totalMegabytes } from "./package_index.ts";
import { type Release, releaseOf } from "./releases.ts";
import { recall, remember } from "./resolutions.ts";
import type { Context, ReleaseName } from "./types.ts";

/** What building a static program or a kernel module takes, beside the compiler. */
const tools = "make libc6-dev bash dash coreutils sed grep mawk findutils libelf1 libssl3 zlib1g".split(" ");

/**
 * The compiler of a Debian release with all that it needs, as a root folder to run it in.
 *
 * It stays the same until the cache is cleared: a newer patch of the compiler is no reason to fetch 60 MB.
 *
 * @throws {ComponentError} it can't be fetched
 */
export async function resolveToolchain(release: ReleaseName, context: Context): Promise<Entry<null>> {
  const known = await recall<null>(context, "toolchain", release);
  if (known !== undefined) return known.entry;
  return await withRecentLists((maxAgeMs) => fetchToolchain(releaseOf(release), context, maxAgeMs));
}

async function fetchToolchain(release: Release, context: Context, maxAgeMs: number): Promise<Entry<null>> {
  const { name, compiler, suites } = release;
  const root = await openAptRoot(context, release, maxAgeMs);
  const plan = await planClosure(context, root, [compiler, ...tools], suites[0]!);
  const packages = plan.map(packageId);
  const request = {
    kind: "toolchain" as const,
    label: `${name}-${compiler}`,
    inputs: { layout: 1, packages },
    packages,
    async fill(directory: string) {
      const cost = `${plan.length} packages, ${totalMegabytes(plan)}`;
      context.progress(`fetching ${compiler} of Debian ${name} (${cost})`);
      await fillRoot(context, root, packages, directory);
      await completeRoot(directory);
      return { data: null, required: [`usr/bin/x86_64-linux-gnu-${compiler}`, "usr/bin/make"] };
    },
  };
  const entry = await ensureEntry<null>(context, request);
  await remember(context, "toolchain", name, name, entryId(request));
  return entry;
}

/** Makes the links that package scripts would have made, and the folders that build_root.sh mounts on. */
async function completeRoot(directory: string): Promise<void> {
  await linkUnlessPresent("dash", join(directory, "usr/bin/sh"));
  await linkUnlessPresent("mawk", join(directory, "usr/bin/awk"));
  for (const folder of ["dev", "proc", "headers", "work"]) {
    await Deno.mkdir(join(directory, folder), { recursive: true });
  }
  // Kernel headers name each other by absolute paths below /usr/src.
  await Deno.remove(join(directory, "usr/src")).catch(ignoreMissing);
  await Deno.symlink("/headers/usr/src", join(directory, "usr/src"));
}

async function linkUnlessPresent(target: string, path: string): Promise<void> {
  await Deno.symlink(target, path).catch((error) => {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  });
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
