import type { ReleaseName } from "./types.ts";

/** Suites of one Debian release that components come from, and the compiler that its kernels are built with. */
export interface Release {
  readonly name: ReleaseName;
  /** On the main site. */
  readonly suites: readonly string[];
  /** On the security site. */
  readonly securitySuites: readonly string[];
  readonly compiler: string;
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

/** The release with this name. */
export function releaseOf(name: ReleaseName): Release {
  return releases.find((release) => release.name === name)!;
}
