import type { ReleaseName } from "./types.ts";
import { isInSeries } from "./version.ts";

/** Suites of one Debian release that components come from, and the compiler that builds for its kernels. */
export interface Release {
  readonly name: ReleaseName;
  /** On the main site. */
  readonly suites: readonly string[];
  /** On the security site. */
  readonly securitySuites: readonly string[];
  readonly compiler: string;
  /** The release that has the compiler, where it isn't this one. */
  readonly compilerFrom?: ReleaseName;
}

/** A release that has been superseded: its lists are fetched only for what it alone has. */
export interface OldRelease extends Release {
  /** The series of its kernels. */
  readonly series: string;
}

/**
 * In order of preference: for a kernel that two releases have, the older release needs the smaller toolchain.
 * bookworm-backports is left out: its QEMU 10.0.2 can't boot amd-iommu guests, its kernels are in
 * bookworm-security too.
 */
export const releases: readonly Release[] = [
  { name: "bookworm", suites: ["bookworm"], securitySuites: ["bookworm-security"], compiler: "gcc-12" },
  {
    name: "trixie",
    suites: ["trixie", "trixie-backports"],
    securitySuites: ["trixie-security"],
    compiler: "gcc-14",
  },
];

/**
 * A mirror may have dropped these. bullseye's kernels are all that is wanted of it, and bookworm's compiler builds
 * for them as well: so half a megabyte of lists will do, and no further toolchain is needed.
 */
export const oldReleases: readonly OldRelease[] = [
  {
    name: "bullseye",
    suites: [],
    securitySuites: ["bullseye-security"],
    compiler: "gcc-12",
    compilerFrom: "bookworm",
    series: "5.10",
  },
];

/** The old releases whose kernels may be meant by `5.10`, `5.10.262` or `5`; by nothing said, all. */
export const oldReleasesFor = (wanted?: string): readonly OldRelease[] =>
  oldReleases.filter(({ series }) =>
    wanted === undefined || isInSeries(wanted, series) || isInSeries(series, wanted)
  );

const all: readonly Release[] = [...oldReleases, ...releases];

/** The release with this name. */
export function releaseOf(name: ReleaseName): Release {
  return all.find((release) => release.name === name)!;
}

/** Lower for the release to be preferred. */
export function rankOf(name: ReleaseName): number {
  return all.findIndex((release) => release.name === name);
}
