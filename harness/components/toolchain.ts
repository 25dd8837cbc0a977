import { join } from "node:path";
import { download, planClosure, withAptRoot } from "./apt_root.ts";
import { ensureEntry, type Entry, entryId } from "./cache.ts";
import { releaseOf } from "./releases.ts";
import { recall, remember } from "./resolutions.ts";
import type { Context, PackageId, ReleaseName } from "./types.ts";
import { unpackRoot } from "./unpack.ts";

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
  const { compiler, suites } = releaseOf(release);
  return await withAptRoot(context, releaseOf(release), async (root) => {
    const plan = await planClosure(context, root, [compiler, ...tools], suites[0]!);
    const packages = plan.map(({ name, version, sha256 }): PackageId => ({ name, version, sha256 }));
    const request = {
      kind: "toolchain" as const,
      label: `${release}-${compiler}`,
      inputs: { layout: 1, packages },
      packages,
      async fill(directory: string) {
        const sizeBytes = plan.reduce((sum, part) => sum + part.sizeBytes, 0);
        context.progress(
          `fetching ${compiler} of Debian ${release} (${plan.length} packages, ${
            Math.round(sizeBytes / 1e6)
          } MB)`,
        );
        const folder = join(directory, "packages");
        await unpackRoot(context, await download(context, root, packages, folder), directory);
        await Deno.remove(folder, { recursive: true });
        await completeRoot(directory);
        return { data: null, required: [`usr/bin/x86_64-linux-gnu-${compiler}`, "usr/bin/make"] };
      },
    };
    const entry = await ensureEntry<null>(context, request);
    await remember(context, "toolchain", release, release, entryId(request));
    return entry;
  });
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
