import { join } from "node:path";
import { type Architecture, hostArchitecture, namesOf } from "./architecture.ts";
import { openAptRoot, planClosure, withRecentLists } from "./apt_root.ts";
import { ensureEntry, type Entry, entryId } from "./cache.ts";
import { fillRoot } from "./fill_root.ts";
import { packageId, totalMegabytes } from "./package_index.ts";
import { type Release, releaseOf } from "./releases.ts";
import { recall, remember } from "./resolutions.ts";
import type { Context, ReleaseName } from "./types.ts";

/** What building a static program or a kernel module takes, beside the compiler. */
const tools = "make bash dash coreutils sed grep mawk findutils libelf1 libssl3 zlib1g".split(" ");

/** The packages with the compiler and its C library. */
const compilerPackages = (compiler: string, arch: Architecture): string[] =>
  arch === hostArchitecture
    ? [compiler, "libc6-dev"]
    : [`${compiler}-${namesOf[arch].triplet}`, `libc6-dev-${arch}-cross`];

/** The compiler's program in the root, `aarch64-linux-gnu-gcc-12`. */
export const compilerProgram = (compiler: string, arch: Architecture): string =>
  `${namesOf[arch].triplet}-${compiler}`;

/**
 * The compiler of a Debian release for an architecture with all that it needs, as a root folder to run it in.
 *
 * It stays the same until the cache is cleared: a newer patch of the compiler is no reason to fetch 60 MB.
 *
 * @throws {ComponentError} it can't be fetched
 */
export async function resolveToolchain(
  release: ReleaseName,
  arch: Architecture,
  context: Context,
): Promise<Entry<null>> {
  const asked = arch === hostArchitecture ? release : `${release}@${arch}`;
  const known = await recall<null>(context, "toolchain", asked);
  if (known !== undefined) return known.entry;
  return await withRecentLists((maxAgeMs) =>
    fetchToolchain(releaseOf(release), arch, asked, context, maxAgeMs)
  );
}

async function fetchToolchain(
  release: Release,
  arch: Architecture,
  asked: string,
  context: Context,
  maxAgeMs: number,
): Promise<Entry<null>> {
  const { name, compiler, suites } = release;
  const root = await openAptRoot(context, release, maxAgeMs);
  const program = compilerProgram(compiler, arch);
  const plan = await planClosure(context, root, [...compilerPackages(compiler, arch), ...tools], suites[0]!);
  const packages = plan.map(packageId);
  const request = {
    kind: "toolchain" as const,
    label: arch === hostArchitecture ? `${name}-${compiler}` : `${name}-${program}`,
    inputs: { layout: 1, packages },
    packages,
    async fill(directory: string) {
      const cost = `${plan.length} packages, ${totalMegabytes(plan)}`;
      const purpose = arch === hostArchitecture ? "" : ` for ${arch}`;
      context.progress(`fetching ${compiler}${purpose} of Debian ${name} (${cost})`);
      await fillRoot(context, root, packages, directory);
      await completeRoot(directory);
      return { data: null, required: [`usr/bin/${program}`, "usr/bin/make"] };
    },
  };
  const entry = await ensureEntry<null>(context, request);
  await remember(context, "toolchain", asked, asked, entryId(request));
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
