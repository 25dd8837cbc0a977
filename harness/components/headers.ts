import { join } from "node:path";
import { type AptRoot, download, openAptRoot, withRecentLists } from "./apt_root.ts";
import { ensureEntry, type Entry, entryId } from "./cache.ts";
import { NotInArchiveError } from "./component_error.ts";
import { type ArchivePackage, packageId } from "./package_index.ts";
import { releaseOf } from "./releases.ts";
import { recall, remember } from "./resolutions.ts";
import { dependencyNames } from "./stanza.ts";
import type { Context, Kernel } from "./types.ts";
import { unpackDeb } from "./unpack.ts";
import { compareVersions } from "./version.ts";

/**
 * What building a module for a kernel takes beside a compiler: a folder with `usr/src/linux-headers-RELEASE`.
 *
 * @throws {ComponentError} the archive no longer has the headers of this very kernel
 */
export async function resolveHeaders(kernel: Kernel, context: Context): Promise<Entry<null>> {
  const asked = askedFor(kernel);
  const known = await recall<null>(context, "headers", asked);
  if (known !== undefined) return known.entry;
  return await withRecentLists((maxAgeMs) => fetchHeaders(kernel, asked, context, maxAgeMs));
}

/**
 * Why no module can be built for a kernel, in words: the archive no longer has its headers. Undefined when it has, or
 * the cache; nothing but package lists is fetched to find out.
 */
export async function lackOfHeaders(kernel: Kernel, context: Context): Promise<string | undefined> {
  if (await recall<null>(context, "headers", askedFor(kernel)) !== undefined) return undefined;
  try {
    await withRecentLists(async (maxAgeMs) => {
      choosePackages(await openRoots(kernel, context, maxAgeMs), kernel);
    });
    return undefined;
  } catch (error) {
    if (error instanceof NotInArchiveError) return error.message;
    throw error;
  }
}

/** How headers are remembered. */
const askedFor = (kernel: Kernel): string => `${kernel.release} ${packageVersion(kernel)}`;

async function fetchHeaders(
  kernel: Kernel,
  asked: string,
  context: Context,
  maxAgeMs: number,
): Promise<Entry<null>> {
  const roots = await openRoots(kernel, context, maxAgeMs);
  const { sources, tools } = choosePackages(roots, kernel);
  const packages = [...sources, ...tools];
  const request = {
    kind: "headers" as const,
    label: kernel.release,
    inputs: { packages },
    packages,
    async fill(directory: string) {
      context.progress(`fetching headers of kernel ${kernel.release}`);
      const folder = join(directory, "packages");
      await download(context, roots.target, sources, folder);
      for (const file of await download(context, roots.host, tools, folder)) {
        await unpackDeb(context, file, directory);
      }
      await Deno.remove(folder, { recursive: true });
      return { data: null, required: [`usr/src/linux-headers-${kernel.release}/Makefile`] };
    },
  };
  const entry = await ensureEntry<null>(context, request);
  await remember(context, "headers", asked, asked, entryId(request));
  return entry;
}

/** Packages of the kernel's architecture, and of this machine's: what building runs must run here. */
interface Roots {
  readonly target: AptRoot;
  readonly host: AptRoot;
}

async function openRoots(kernel: Kernel, context: Context, maxAgeMs: number): Promise<Roots> {
  const release = releaseOf(kernel.debianRelease);
  const target = await openAptRoot(context, release, maxAgeMs, kernel.arch);
  return { target, host: await openAptRoot(context, release, maxAgeMs) };
}

const choosePackages = ({ target, host }: Roots, kernel: Kernel) => ({
  sources: headerPackages(target.packages, kernel).map(packageId),
  tools: kbuildPackages(target.packages, host.packages, kernel).map(packageId),
});

/** A package of the kernel's release in the kernel's own version. */
export function packageOfKernel(root: AptRoot, name: string, kernel: Kernel): ArchivePackage {
  return matching(root.packages, name, kernel);
}

/** The headers and those parts of them that are packages of their own; not the image, which they depend on too. */
export function headerPackages(packages: readonly ArchivePackage[], kernel: Kernel): ArchivePackage[] {
  const headers = matching(packages, `linux-headers-${kernel.release}`, kernel);
  const parts = dependencyNames(headers.depends).filter((name) => /^linux-headers-/.test(name));
  return [headers, ...parts.map((name) => matching(packages, name, kernel))];
}

/**
 * The tools that the headers are used with. They may be newer than the kernel: before 6.12 the archive keeps one
 * version of them for all kernels of a series.
 *
 * @param packages of the kernel's architecture
 * @param hostPackages of this machine's architecture, which the tools are taken from
 */
export function kbuildPackages(
  packages: readonly ArchivePackage[],
  hostPackages: readonly ArchivePackage[],
  kernel: Kernel,
): ArchivePackage[] {
  const headers = matching(packages, `linux-headers-${kernel.release}`, kernel);
  return dependencyNames(headers.depends).filter((name) => /^linux-kbuild-/.test(name))
    .map((name) => tools(hostPackages, name, kernel) ?? matching(hostPackages, name, kernel));
}

/** The oldest of the packages that aren't older than the kernel. */
function tools(
  packages: readonly ArchivePackage[],
  name: string,
  kernel: Kernel,
): ArchivePackage | undefined {
  const version = packageVersion(kernel);
  return packages
    .filter((candidate) => candidate.name === name && compareVersions(candidate.version, version) >= 0)
    .sort((left, right) => compareVersions(left.version, right.version))[0];
}

function matching(packages: readonly ArchivePackage[], name: string, kernel: Kernel): ArchivePackage {
  const version = packageVersion(kernel);
  const found = packages.find((candidate) => candidate.name === name && candidate.version === version);
  if (found !== undefined) return found;
  throw new NotInArchiveError(
    `${name} ${version} is not in the archive of ${kernel.debianRelease}, and ${kernel.spec} needs that very one`,
  );
}

function packageVersion(kernel: Kernel): string {
  return kernel.packages[0]!.version;
}
