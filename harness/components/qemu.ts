import { join, resolve } from "node:path";
import { isOutdated, openAptRoot, planClosure, withRecentLists } from "./apt_root.ts";
import { ensureEntry, type Entry, entryId } from "./cache.ts";
import { run } from "./command.ts";
import { ComponentError, NotInArchiveError } from "./component_error.ts";
import { type ArchivePackage, packageId, totalMegabytes } from "./package_index.ts";
import { releaseOf, releases } from "./releases.ts";
import { recall, remember } from "./resolutions.ts";
import { parseQemuSpec } from "./spec.ts";
import { together } from "./together.ts";
import type { Context, QemuBuild } from "./types.ts";
import { fillRoot } from "./fill_root.ts";
import { compareVersions, isInSeries, upstreamVersion } from "./version.ts";

interface QemuData {
  readonly version: string;
}

const libraries = "usr/lib/x86_64-linux-gnu";
// The link in lib64 is absolute in some releases and would lead to the machine's own loader.
const loader = `${libraries}/ld-linux-x86-64.so.2`;
const binary = "usr/bin/qemu-system-x86_64";
const firmwareFolders = ["usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu"];

/**
 * A QEMU by its spec, from the cache or fetched now.
 *
 * @throws {UsageError} malformed spec
 * @throws {ComponentError} no such QEMU, or it can't be fetched or run
 */
export async function resolveQemu(spec: string, context: Context): Promise<QemuBuild> {
  const wish = parseQemuSpec(spec);
  if (wish.kind === "host") return await localQemu("host", "qemu-system-x86_64", context);
  if (wish.kind === "path") return await localQemu(`path:${resolve(wish.file)}`, resolve(wish.file), context);
  const known = await recall<QemuData>(context, "qemu", spec);
  if (known !== undefined && (known.isFresh || spec === known.spec)) return openQemu(known.spec, known.entry);
  try {
    return await withRecentLists((maxAgeMs) => qemuFromArchive(spec, wish.wanted, context, maxAgeMs));
  } catch (error) {
    if (known === undefined || !(error instanceof ComponentError || isOutdated(error))) throw error;
    context.progress(
      `${error instanceof Error ? error.message : error}; using ${known.spec}, found on ${known.resolved}`,
    );
    return openQemu(known.spec, known.entry);
  }
}

/** Every QEMU that the archive has, newest first. */
export async function listQemus(context: Context, maxAgeMs?: number): Promise<ArchivePackage[]> {
  const roots = await together(
    context,
    releases,
    (release, context) => openAptRoot(context, release, maxAgeMs),
  );
  return roots.flatMap(({ packages }) => packages)
    .filter(({ name }) => name === "qemu-system-x86")
    .sort((left, right) => compareVersions(right.version, left.version));
}

/** The newest QEMU that `wanted` (a series, an upstream version or a package version) means. */
export function chooseQemu(
  spec: string,
  wanted: string,
  newestFirst: readonly ArchivePackage[],
): ArchivePackage {
  const found = newestFirst.find(({ version }) =>
    isInSeries(upstreamVersion(version), wanted) || version === wanted
  );
  if (found !== undefined) return found;
  const versions = [...new Set(newestFirst.map(({ version }) => upstreamVersion(version)))];
  throw new NotInArchiveError(`QEMU "${spec}" is not in the archive; there are ${versions.join(", ")}`);
}

async function qemuFromArchive(
  spec: string,
  wanted: string,
  context: Context,
  maxAgeMs: number,
): Promise<QemuBuild> {
  const choice = chooseQemu(spec, wanted, await listQemus(context, maxAgeMs));
  const canonical = `debian:${upstreamVersion(choice.version)}`;
  const root = await openAptRoot(context, releaseOf(choice.release), maxAgeMs);
  const plan = await planClosure(context, root, [`qemu-system-x86=${choice.version}`], choice.suite);
  const packages = plan.map(packageId);
  const request = {
    kind: "qemu" as const,
    label: upstreamVersion(choice.version),
    inputs: { packages },
    packages,
    async fill(directory: string) {
      context.progress(`fetching QEMU ${choice.version} (${plan.length} packages, ${totalMegabytes(plan)})`);
      await fillRoot(context, root, packages, directory);
      return {
        data: { version: await versionOf(qemuCommand(directory), context) },
        required: "all" as const,
      };
    },
  };
  const entry = await ensureEntry<QemuData>(context, request);
  await remember(context, "qemu", spec, canonical, entryId(request));
  return openQemu(canonical, entry);
}

function openQemu(spec: string, { directory, component }: Entry<QemuData>): QemuBuild {
  return {
    spec,
    version: component.data.version,
    packages: component.packages,
    command: () => qemuCommand(directory),
    // Otherwise QEMU loads what it finds of another build on this machine, and refuses it.
    env: { QEMU_MODULE_DIR: join(directory, libraries, "qemu") },
    directory,
  };
}

function qemuCommand(directory: string): string[] {
  return [
    join(directory, loader),
    "--library-path",
    join(directory, libraries),
    join(directory, binary),
    ...firmwareFolders.flatMap((folder) => ["-L", join(directory, folder)]),
  ];
}

async function localQemu(spec: string, program: string, context: Context): Promise<QemuBuild> {
  const version = await versionOf([program], context).catch((error) => {
    throw new ComponentError(
      `QEMU "${spec}" can't be run: ${
        error instanceof Error ? error.message : error
      }; name another, or write debian:VERSION`,
      { cause: error },
    );
  });
  return { spec, version, packages: [], command: () => [program], env: {} };
}

/** What the binary reports, `7.2.22` of "QEMU emulator version 7.2.22 (Debian …)". */
async function versionOf([program = "", ...args]: readonly string[], context: Context): Promise<string> {
  const banner = await run(program, [...args, "--version"], context);
  const version = banner.match(/version (\d+(?:\.\d+)+)/)?.[1];
  if (version === undefined) {
    throw new ComponentError(`${program} is no QEMU: "${banner.split("\n")[0]}"`);
  }
  return version;
}
