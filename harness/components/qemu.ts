import { join, resolve } from "node:path";
import { type Architecture, hostArchitecture, namesOf } from "./architecture.ts";
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

const libraries = `usr/lib/${namesOf[hostArchitecture].triplet}`;
// The link in lib64 is absolute in some releases and would lead to the machine's own loader.
const loader = `${libraries}/ld-linux-x86-64.so.2`;
const firmwareFolders = ["usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu"];

/**
 * A QEMU by its spec for guests of an architecture, from the cache or fetched now.
 *
 * @throws {UsageError} malformed spec
 * @throws {ComponentError} no such QEMU, or it can't be fetched or run
 */
export async function resolveQemu(spec: string, arch: Architecture, context: Context): Promise<QemuBuild> {
  const wish = parseQemuSpec(spec);
  if (wish.kind === "host") return await localQemu("host", namesOf[arch].qemuProgram, arch, context);
  if (wish.kind === "path") {
    const file = resolve(wish.file);
    return await localQemu(`path:${file}`, file, arch, context);
  }
  const key = qemuKey(spec, arch);
  const known = await recall<QemuData>(context, "qemu", key);
  if (known !== undefined && (known.isFresh || key === known.spec)) {
    return openQemu(specOfKey(known.spec), arch, known.entry);
  }
  try {
    return await withRecentLists((maxAgeMs) => qemuFromArchive(spec, wish.wanted, arch, context, maxAgeMs));
  } catch (error) {
    if (known === undefined || !(error instanceof ComponentError || isOutdated(error))) throw error;
    context.progress(
      `${error instanceof Error ? error.message : error}; using ${
        specOfKey(known.spec)
      }, found on ${known.resolved}`,
    );
    return openQemu(specOfKey(known.spec), arch, known.entry);
  }
}

/** What a spec means is remembered for each architecture on its own. */
export const qemuKey = (spec: string, arch: Architecture): string =>
  arch === hostArchitecture ? spec : `${spec}@${arch}`;

const specOfKey = (key: string): string => key.replace(/@.*$/, "");

/** Every QEMU for an architecture that the archive has, newest first. */
export async function listQemus(
  context: Context,
  arch: Architecture,
  maxAgeMs?: number,
): Promise<ArchivePackage[]> {
  const roots = await together(
    context,
    releases,
    (release, context) => openAptRoot(context, release, maxAgeMs),
  );
  return roots.flatMap(({ packages }) => packages)
    .filter(({ name }) => name === namesOf[arch].qemuPackage)
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
  arch: Architecture,
  context: Context,
  maxAgeMs: number,
): Promise<QemuBuild> {
  const choice = chooseQemu(spec, wanted, await listQemus(context, arch, maxAgeMs));
  const canonical = `debian:${upstreamVersion(choice.version)}`;
  const root = await openAptRoot(context, releaseOf(choice.release), maxAgeMs);
  const plan = await planClosure(context, root, [`${choice.name}=${choice.version}`], choice.suite);
  const packages = plan.map(packageId);
  const request = {
    kind: "qemu" as const,
    label: qemuKey(upstreamVersion(choice.version), arch),
    inputs: { packages },
    packages,
    async fill(directory: string) {
      const cost = `${plan.length} packages, ${totalMegabytes(plan)}`;
      context.progress(
        `fetching QEMU ${choice.version}${arch === hostArchitecture ? "" : ` for ${arch}`} (${cost})`,
      );
      await fillRoot(context, root, packages, directory);
      return {
        data: { version: await versionOf(qemuCommand(directory, arch), context) },
        required: "all" as const,
      };
    },
  };
  const entry = await ensureEntry<QemuData>(context, request);
  await remember(context, "qemu", qemuKey(spec, arch), qemuKey(canonical, arch), entryId(request));
  return openQemu(canonical, arch, entry);
}

function openQemu(spec: string, arch: Architecture, { directory, component }: Entry<QemuData>): QemuBuild {
  return {
    spec,
    version: component.data.version,
    arch,
    packages: component.packages,
    command: () => qemuCommand(directory, arch),
    // Otherwise QEMU loads what it finds of another build on this machine, and refuses it.
    env: { QEMU_MODULE_DIR: join(directory, libraries, "qemu") },
    directory,
  };
}

function qemuCommand(directory: string, arch: Architecture): string[] {
  return [
    join(directory, loader),
    "--library-path",
    join(directory, libraries),
    join(directory, "usr/bin", namesOf[arch].qemuProgram),
    ...firmwareFolders.flatMap((folder) => ["-L", join(directory, folder)]),
  ];
}

async function localQemu(
  spec: string,
  program: string,
  arch: Architecture,
  context: Context,
): Promise<QemuBuild> {
  const version = await versionOf([program], context).catch((error) => {
    throw new ComponentError(
      `QEMU "${spec}" can't be run: ${
        error instanceof Error ? error.message : error
      }; name another, or write debian:VERSION`,
      { cause: error },
    );
  });
  return { spec, version, arch, packages: [], command: () => [program], env: {} };
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
