import type { Architecture } from "./architecture.ts";

export type { Architecture } from "./architecture.ts";

/** What every function that may fetch, build or wait needs from its caller. */
export interface Context {
  /** Folder of the cache, see {@linkcode defaultCacheDir} in cache.ts. Created when missing. */
  readonly cacheDir: string;
  /** Told one line about each thing that takes time or was decided on the user's behalf. */
  progress(message: string): void;
  /** Ends running child processes and makes the call reject. */
  readonly signal?: AbortSignal;
}

/** A Debian release. Packages of one component always come from one release. */
export type ReleaseName = "bullseye" | "bookworm" | "trixie";

/** A package that went into a component, as the archive's signed index (or the file itself) names it. */
export interface PackageId {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
}

/** A kernel ready to boot. */
export interface Kernel {
  /** Canonical and exact, `debian:6.12.117`; means the same kernel when given again. */
  readonly spec: string;
  readonly arch: Architecture;
  /** Upstream version, `6.12.117`. */
  readonly version: string;
  /** What `uname -r` says in the guest, `6.12.117+deb12-amd64`. */
  readonly release: string;
  /** Release that the kernel and its headers come from. */
  readonly debianRelease: ReleaseName;
  readonly packages: readonly PackageId[];
  /** What QEMU starts: an uncompressed ELF vmlinux with a PVH entry, on arm64 an uncompressed Image. */
  readonly image: string;
  /** Folder with the kept modules, uncompressed, as `kernel/drivers/vfio/vfio.ko`, and `modules.builtin`. */
  readonly modulesDir: string;
  /** `CONFIG_X` to `y`, `m` or a value without quotes; what is not set is absent. */
  readonly config: ReadonlyMap<string, string>;
  readonly directory: string;
}

/** A QEMU ready to run. */
export interface QemuBuild {
  /** Canonical, `debian:11.1.3`, `host` or `path:/usr/local/bin/qemu-system-x86_64`. */
  readonly spec: string;
  /** What the binary itself reports, `7.2.22`. */
  readonly version: string;
  /** Empty for `host` and `path:`. */
  readonly packages: readonly PackageId[];
  /** Of the guests that it runs. */
  readonly arch: Architecture;
  /** The start of the argument vector: loader and its options, binary, firmware folders. */
  command(): string[];
  /** Added to the environment of the process. */
  readonly env: Readonly<Record<string, string>>;
  /** Root folder of the unpacked packages; absent for `host` and `path:`. */
  readonly directory?: string;
}

/** A kernel module to load. */
export interface ModuleFile {
  /** As `/proc/modules` shows it, `vfio_pci_core`. */
  readonly name: string;
  /** The ELF object, uncompressed. */
  readonly data: Uint8Array<ArrayBuffer>;
}
