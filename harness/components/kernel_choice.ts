import { NotInArchiveError } from "./component_error.ts";
import type { ArchivePackage } from "./package_index.ts";
import type { Flavour } from "./spec.ts";
import { oldReleases, rankOf } from "./releases.ts";
import { dependencyNames } from "./stanza.ts";
import { type Architecture, hostArchitecture } from "./architecture.ts";
import { compareVersions, isInSeries, upstreamVersion } from "./version.ts";

/** A kernel that can be had from the archive. */
export interface KernelChoice {
  /** Upstream version, `6.1.192`. */
  readonly version: string;
  /** Its `uname -r`, `6.1.0-56-amd64`. */
  readonly release: string;
  readonly flavour: Flavour;
  readonly arch: Architecture;
  /** The package that gives the kernel its name; parts of it may be in packages that it depends on. */
  readonly image: ArchivePackage;
  /** All packages with parts of the kernel. */
  readonly parts: readonly ArchivePackage[];
}

/** What is wanted, from a spec. */
export interface KernelWish {
  /** A series `6.12`, an upstream version `6.12.117`, a release `6.12.117+deb13`, or a package version. */
  readonly wanted: string;
  readonly flavour: Flavour;
  readonly arch: Architecture;
}

/** Every kernel among the packages, newest first; of a kernel that exists signed and unsigned, the signed one. */
export function kernelChoices(packages: readonly ArchivePackage[]): KernelChoice[] {
  const byName = Map.groupBy(packages, (candidate) => candidate.name);
  const choices = new Map<string, KernelChoice>();
  for (const image of packages) {
    const [, release, cloud, arch, unsigned] =
      image.name.match(/^linux-image-(\d.*?-(cloud-)?(amd64|arm64))(-unsigned)?$/) ?? [];
    // A package that depends on an image is a metapackage of Debian's ("the newest 6.12").
    if (release === undefined || /(?:^|[ ,])linux-image-/.test(image.depends)) continue;
    const key = `${image.release} ${release} ${image.version}`;
    if (unsigned !== undefined && choices.has(key)) continue;
    const parts = partsOf(image, release, byName);
    const flavour = cloud === undefined ? "standard" : "cloud";
    const version = upstreamVersion(image.version);
    if (parts === undefined) continue;
    choices.set(key, { version, release, flavour, arch: arch as Architecture, image, parts });
  }
  return [...choices.values()].sort((left, right) => preference(right, left));
}

/**
 * The kernel that a wish means: the newest that matches; if two releases have it, the older release's; if there
 * are several builds of it, the newest.
 *
 * @param spec for messages
 * @throws {NotInArchiveError} nothing matches
 */
export function chooseKernel(spec: string, wish: KernelWish, choices: readonly KernelChoice[]): KernelChoice {
  const eligible = choices.filter((choice) => choice.flavour === wish.flavour && choice.arch === wish.arch);
  const found = eligible.find((choice) => matches(choice, wish.wanted));
  if (found !== undefined) return found;
  throw new NotInArchiveError(`kernel "${spec}" is not in the archive; ${insteadOf(wish.wanted, eligible)}`);
}

/** The shortest spec that means exactly this kernel. */
export function kernelSpec(choice: KernelChoice, choices: readonly KernelChoice[]): string {
  const mark = (choice.flavour === "cloud" ? "@cloud" : "") +
    (choice.arch === hostArchitecture ? "" : `@${choice.arch}`);
  const short = chooseKernel("", { ...choice, wanted: choice.version }, choices);
  return `debian:${short === choice ? choice.version : plainRelease(choice)}${mark}`;
}

/** Releases other than the chosen one that have the same upstream version. */
export function alternatives(choice: KernelChoice, choices: readonly KernelChoice[]): KernelChoice[] {
  return choices.filter((other) =>
    other !== choice && other.version === choice.version && other.flavour === choice.flavour &&
    other.arch === choice.arch && other.image.release !== choice.image.release
  );
}

/** The release without flavour and architecture, `6.12.117+deb13`. */
export function plainRelease(choice: Pick<KernelChoice, "release">): string {
  return choice.release.replace(/(?:-cloud)?-(?:amd64|arm64)$/, "");
}

/** Since 7.x the image package is empty and depends on its parts. */
function partsOf(
  image: ArchivePackage,
  release: string,
  byName: ReadonlyMap<string, readonly ArchivePackage[]>,
): ArchivePackage[] | undefined {
  const names = ["linux-base", "linux-binary", "linux-modules"].map((part) => `${part}-${release}`)
    .filter((name) => dependencyNames(image.depends).includes(name));
  const parts = names.map((name) =>
    byName.get(name)?.find((part) => part.version === image.version && part.release === image.release)
  );
  return parts.every((part) => part !== undefined) ? [image, ...parts] : undefined;
}

function preference(left: KernelChoice, right: KernelChoice): number {
  return compareVersions(left.version, right.version) ||
    rankOf(right.image.release) - rankOf(left.image.release) ||
    compareVersions(left.image.version, right.image.version) ||
    compareVersions(left.release, right.release);
}

function matches(choice: KernelChoice, wanted: string): boolean {
  return isInSeries(choice.version, wanted) || plainRelease(choice) === wanted ||
    choice.image.version === wanted;
}

function insteadOf(wanted: string, eligible: readonly KernelChoice[]): string {
  const [major, minor] = wanted.split(".");
  const sameSeries = unique(
    eligible.filter(({ version }) => isInSeries(version, `${major}.${minor}`)),
    (it) => it.version,
  );
  if (sameSeries.length > 0) return `nearest: ${nearest(wanted, sameSeries).join(", ")}`;
  const series = unique(eligible, ({ version }) => version.split(".").slice(0, 2).join("."));
  const old = oldReleases.map(({ series }) => series).filter((name) => name !== wanted);
  return `there are ${[...new Set([...series, ...old])].join(", ")}; "deno task iovacheck kernels" lists all`;
}

function nearest(wanted: string, newestFirst: readonly string[]): string[] {
  const older = newestFirst.findIndex((version) => compareVersions(version, wanted) < 0);
  const middle = older < 0 ? newestFirst.length : older;
  return newestFirst.slice(Math.max(0, middle - 3), middle + 3);
}

function unique(choices: readonly KernelChoice[], text: (choice: KernelChoice) => string): string[] {
  return [...new Set(choices.map(text))];
}
