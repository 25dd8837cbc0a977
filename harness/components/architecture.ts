/** Architectures of guests, and what Debian and QEMU call them. */
export const architectures = ["amd64", "arm64"] as const;

/** As Debian names it. */
export type Architecture = typeof architectures[number];

interface Names {
  /** How the names of compilers begin, and their libraries' folder. */
  readonly triplet: string;
  readonly qemuProgram: string;
  readonly qemuPackage: string;
}

/** What builds and emulates runs here, whatever the guest's architecture. */
export const hostArchitecture: Architecture = "amd64";

export const namesOf: Readonly<Record<Architecture, Names>> = {
  amd64: {
    triplet: "x86_64-linux-gnu",
    qemuProgram: "qemu-system-x86_64",
    qemuPackage: "qemu-system-x86",
  },
  arm64: {
    triplet: "aarch64-linux-gnu",
    qemuProgram: "qemu-system-aarch64",
    qemuPackage: "qemu-system-arm",
  },
};

/** The architecture that a kernel's release ends in, `6.12.117+deb12-arm64`; undefined where it names none. */
export const architectureOfRelease = (release: string): Architecture | undefined =>
  architectures.find((arch) => release.endsWith(`-${arch}`));
