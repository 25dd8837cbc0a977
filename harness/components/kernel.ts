import { join, resolve } from "node:path";
import { CannotTestError } from "../errors.ts";
import { type Architecture, architectureOfRelease, hostArchitecture } from "./architecture.ts";
import { arm64Image } from "./arm64_image.ts";
import { type AptRoot, download, isOutdated, openAptRoot, withRecentLists } from "./apt_root.ts";
import { extractVmlinux } from "./bzimage.ts";
import { ensureEntry, type Entry, entryId, type EntryRequest } from "./cache.ts";
import { run } from "./command.ts";
import { ComponentError } from "./component_error.ts";
import { decompress } from "./decompress.ts";
import { filesBelow, sha256OfFile } from "./digest.ts";
import { hasPvhEntry } from "./elf.ts";
import { alternatives, chooseKernel, type KernelChoice, kernelChoices, kernelSpec } from "./kernel_choice.ts";
import { type ArchivePackage, packageId, totalMegabytes } from "./package_index.ts";
import { type OldRelease, oldReleasesFor, type Release, releaseOf, releases } from "./releases.ts";
import { recall, remember, type Remembered } from "./resolutions.ts";
import { type KernelSpec, parseKernelSpec } from "./spec.ts";
import { together } from "./together.ts";
import type { Context, Kernel, ReleaseName } from "./types.ts";
import { unpackDeb } from "./unpack.ts";
import { upstreamVersion } from "./version.ts";

interface KernelData {
  readonly version: string;
  readonly release: string;
  readonly debianRelease: ReleaseName;
  readonly extraction: number;
}

/** Raised when what is kept of a kernel changes, so that older entries aren't taken for it. */
const extraction = 3;

const keptFolders = ["vfio", "iommu", "virtio", "virt", "char", "pci", "misc", "vhost", "mdev", "uio"]
  .map((name) => `drivers/${name}`).concat("virt");

/** Of the 400 MB in a kernel's packages these are kept. */
const keptPatterns = [
  "./boot/vmlinuz-*",
  "./boot/config-*",
  "./usr/lib/modules/*/vmlinuz",
  "./usr/lib/modules/*/config",
  "./*lib/modules/*/modules.builtin",
  "./*lib/modules/*/kernel/drivers/block/brd.ko*",
  ...keptFolders.map((folder) => `./*lib/modules/*/kernel/${folder}/*`),
];

/**
 * A kernel by its spec, from the cache or fetched now.
 *
 * A series (`debian:6.12`) means the newest version in the archive; what it meant is remembered for 12 hours.
 *
 * @throws {UsageError} malformed spec
 * @throws {ComponentError} no such kernel, or it can't be fetched
 */
export async function resolveKernel(spec: string, context: Context): Promise<Kernel> {
  const wish = parseKernelSpec(spec);
  if (wish.kind === "deb") return await kernelFromFile(wish.file, context);
  const known = await recallKernel(spec, context);
  if (known !== undefined && (known.isFresh || isExact(wish, known.entry))) {
    return await openKernel(known.spec, known.entry);
  }
  try {
    return await withRecentLists((maxAgeMs) => kernelFromArchive(spec, wish, context, maxAgeMs));
  } catch (error) {
    return await lastKnown(error, known, context);
  }
}

/** What a spec led to, unless less was kept of kernels then. */
async function recallKernel(spec: string, context: Context): Promise<Remembered<KernelData> | undefined> {
  const known = await recall<KernelData>(context, "kernel", spec);
  return known?.entry.component.data.extraction === extraction ? known : undefined;
}

/**
 * The kernels of an architecture that the archive has, newest first: all, or at least those of a series. An old release
 * that can't be had is left out, and said so.
 */
export async function listKernels(
  context: Context,
  series?: string,
  arch: Architecture = hostArchitecture,
): Promise<(KernelChoice & { spec: string; isCached: boolean })[]> {
  const old = await together(
    context,
    oldReleasesFor(series),
    (release, context) => openIfThere(context, release, arch),
  );
  const choices = kernelChoices([
    ...await archivePackages(context, releases, arch),
    ...old.flatMap((root) => root?.packages ?? []),
  ]);
  return await Promise.all(choices.map(async (choice) => {
    const spec = kernelSpec(choice, choices);
    return { ...choice, spec, isCached: await recallKernel(spec, context) !== undefined };
  }));
}

async function kernelFromArchive(
  spec: string,
  wish: KernelSpec & { kind: "debian" },
  context: Context,
  maxAgeMs: number,
): Promise<Kernel> {
  const wanted = [...releases, ...oldReleasesFor(wish.wanted)];
  const choices = kernelChoices(await archivePackages(context, wanted, wish.arch, maxAgeMs));
  const choice = chooseKernel(spec, wish, choices);
  const canonical = kernelSpec(choice, choices);
  const request = archiveRequest(choice, context, maxAgeMs);
  const [other] = alternatives(choice, choices);
  if (other !== undefined) {
    const { release, image } = choice;
    context.progress(
      `${spec}: ${release} of ${image.release}; for ${other.image.release}'s write ${
        kernelSpec(other, choices)
      }`,
    );
  }
  const entry = await ensureEntry(context, request);
  await remember(context, "kernel", spec, canonical, entryId(request));
  return await openKernel(canonical, entry);
}

async function archivePackages(
  context: Context,
  releases: readonly Release[],
  arch: Architecture,
  maxAgeMs?: number,
): Promise<ArchivePackage[]> {
  const roots = await together(
    context,
    releases,
    (release, context) => openAptRoot(context, release, maxAgeMs, arch),
  );
  return roots.flatMap(({ packages }) => packages);
}

async function openIfThere(
  context: Context,
  release: OldRelease,
  arch: Architecture,
): Promise<AptRoot | undefined> {
  try {
    return await openAptRoot(context, release, undefined, arch);
  } catch (error) {
    if (!(error instanceof ComponentError)) throw error;
    context.progress(`${error.message}; kernels of series ${release.series} are left out`);
    return undefined;
  }
}

function archiveRequest(choice: KernelChoice, context: Context, maxAgeMs: number): EntryRequest<KernelData> {
  const data = {
    version: choice.version,
    release: choice.release,
    debianRelease: choice.image.release,
    extraction,
  };
  const packages = choice.parts.map(packageId);
  return {
    kind: "kernel",
    label: choice.release,
    inputs: { extraction, packages },
    packages,
    async fill(directory) {
      context.progress(`fetching kernel ${choice.release} (${totalMegabytes(choice.parts)})`);
      const root = await openAptRoot(context, releaseOf(choice.image.release), maxAgeMs, choice.arch);
      const files = await download(context, root, packages, join(directory, "packages"));
      return await fillKernel(context, directory, files, data);
    },
  };
}

async function kernelFromFile(file: string, context: Context): Promise<Kernel> {
  const path = resolve(file);
  const [name = "", version = ""] = (await packageFields(path, context)).split("\n");
  const release = name.match(/^linux-(?:image|binary)-(\d.*?)(?:-unsigned)?$/)?.[1];
  if (release === undefined) {
    throw new ComponentError(
      `kernel "deb:${file}": the package is ${name}; give a linux-image-VERSION package`,
    );
  }
  const packages = [{ name, version, sha256: await sha256OfFile(path) }];
  const data = {
    version: upstreamVersion(version),
    release,
    debianRelease: releaseOfVersion(version),
    extraction,
  };
  const entry = await ensureEntry<KernelData>(context, {
    kind: "kernel",
    label: release,
    inputs: { extraction, packages },
    packages,
    fill: (directory) => fillKernel(context, directory, [path], data),
  });
  return await openKernel(`deb:${path}`, entry);
}

async function packageFields(path: string, context: Context): Promise<string> {
  try {
    return await run("dpkg-deb", ["--show", "--showformat=${Package}\n${Version}", path], context);
  } catch (error) {
    throw new ComponentError(
      `kernel "deb:${path}" can't be read: ${error instanceof Error ? error.message : error}`,
      {
        cause: error,
      },
    );
  }
}

/** Debian marks versions for a release other than the one that the kernel was first made for. */
function releaseOfVersion(version: string): ReleaseName {
  const [old] = oldReleasesFor(upstreamVersion(version));
  if (old !== undefined) return old.name;
  return /[~+](?:deb|bpo)13/.test(version) ? "trixie" : "bookworm";
}

/** Unpacks package files into `directory`, keeps what a guest needs, removes the rest. */
async function fillKernel(
  context: Context,
  directory: string,
  packageFiles: readonly string[],
  data: KernelData,
): Promise<{ data: KernelData; required: "all" }> {
  const tree = join(directory, "tree");
  await Deno.mkdir(tree);
  for (const file of packageFiles) await unpackDeb(context, file, tree, keptPatterns);
  const files = await filesBelow(tree);
  const image = files.find((path) => /(?:^|\/)vmlinuz[^/]*$/.test(path));
  const config = files.find((path) => /(?:^|\/)config[^/]*$/.test(path));
  const builtIn = files.find((path) => path.endsWith("/modules.builtin"));
  if (image === undefined || config === undefined || builtIn === undefined) {
    throw new ComponentError(`kernel ${data.release}: its packages lack vmlinuz, config or modules.builtin`);
  }
  await Deno.writeFile(
    join(directory, imageName(data.release)),
    await bootableImage(join(tree, image), data.release),
  );
  await Deno.rename(join(tree, config), join(directory, "config"));
  await Deno.rename(join(tree, builtIn.replace(/\/modules\.builtin$/, "")), join(directory, "modules"));
  await decompressModules(join(directory, "modules"));
  await Deno.remove(tree, { recursive: true });
  await Deno.remove(join(directory, "packages"), { recursive: true }).catch(ignoreMissing);
  return { data, required: "all" };
}

/** @throws {CannotTestError} a kernel for neither architecture */
function archOf(release: string): Architecture {
  const arch = architectureOfRelease(release);
  if (arch !== undefined) return arch;
  throw new CannotTestError(`kernel ${release} is for neither amd64 nor arm64`);
}

const imageName = (release: string): string => archOf(release) === "arm64" ? "Image" : "vmlinux";

/** What QEMU starts without the guest having to decompress it. */
async function bootableImage(path: string, release: string): Promise<Uint8Array<ArrayBuffer>> {
  if (archOf(release) === "arm64") return await arm64Image(await Deno.readFile(path));
  const vmlinux = await extractVmlinux(await Deno.readFile(path));
  if (hasPvhEntry(vmlinux)) return vmlinux;
  throw new CannotTestError(
    `kernel ${release} has no PVH entry point (CONFIG_PVH), without which QEMU can't start it`,
  );
}

async function decompressModules(directory: string): Promise<void> {
  for (const path of await filesBelow(directory)) {
    const plain = path.replace(/\.ko\.(?:xz|zst|gz)$/, ".ko");
    if (plain === path) continue;
    await Deno.writeFile(
      join(directory, plain),
      await decompress(await Deno.readFile(join(directory, path))),
    );
    await Deno.remove(join(directory, path));
  }
}

async function openKernel(spec: string, entry: Entry<KernelData>): Promise<Kernel> {
  const { directory, component } = entry;
  return {
    spec,
    arch: archOf(component.data.release),
    ...component.data,
    packages: component.packages,
    image: join(directory, imageName(component.data.release)),
    modulesDir: join(directory, "modules"),
    config: parseKernelConfig(await Deno.readTextFile(join(directory, "config"))),
    directory,
  };
}

/** The options that are set in a `.config`: `CONFIG_X` to `y`, `m` or a value, without quotes. */
export function parseKernelConfig(text: string): Map<string, string> {
  const lines = text.matchAll(/^(CONFIG_\w+)=(.*)$/gm);
  return new Map(Array.from(lines, ([, name, value]) => [name!, value!.replace(/^"(.*)"$/, "$1")]));
}

/** A spec that names one kernel stays good as long as the kernel is in the cache. */
function isExact(wish: KernelSpec & { kind: "debian" }, entry: Entry<KernelData>): boolean {
  return wish.wanted === entry.component.data.version || /[+-]/.test(wish.wanted);
}

/** Without the network a series means what it meant last time, and we say so. */
async function lastKnown(
  error: unknown,
  known: Remembered<KernelData> | undefined,
  context: Context,
): Promise<Kernel> {
  const isOffline = error instanceof ComponentError || isOutdated(error);
  if (known === undefined || !isOffline) throw error;
  context.progress(
    `${error instanceof Error ? error.message : error}; using ${known.spec}, found on ${known.resolved}`,
  );
  return await openKernel(known.spec, known.entry);
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
