import { UsageError } from "../errors.ts";
import { type Architecture, architectures, hostArchitecture } from "./architecture.ts";

export type Flavour = "standard" | "cloud";

/** What a kernel spec asks for. */
export type KernelSpec =
  | { kind: "debian"; wanted: string; flavour: Flavour; arch: Architecture }
  | { kind: "deb"; file: string };

/** What a QEMU spec asks for. */
export type QemuSpec = { kind: "host" } | { kind: "path"; file: string } | { kind: "debian"; wanted: string };

const versionWord = /^\d[A-Za-z0-9.+~:-]*$/;

/**
 * Reads `debian:6.12`, `debian:6.12.117+deb13@cloud`, `debian:6.1@arm64` or `deb:FILE`.
 *
 * @throws {UsageError} anything else
 */
export function parseKernelSpec(spec: string): KernelSpec {
  if (spec.startsWith("deb:") && spec.length > 4) return { kind: "deb", file: spec.slice(4) };
  const [version = "", ...marks] = spec.startsWith("debian:") ? spec.slice(7).split("@") : [];
  if (!versionWord.test(version)) {
    throw new UsageError(
      `kernel "${spec}": write debian:VERSION (debian:6.12, debian:6.12.117, debian:6.1@cloud) or deb:FILE`,
    );
  }
  const asked = architectures.filter((arch) => marks.includes(arch));
  const unknown = marks.find((mark) => mark !== "cloud" && !architectures.some((arch) => arch === mark));
  if (unknown !== undefined || asked.length > 1) {
    const fault = unknown === undefined ? "has two architectures" : `"@${unknown}" is unknown`;
    throw new UsageError(
      `kernel "${spec}": ${fault}; write @cloud (flavour), ${
        architectures.map((arch) => `@${arch}`).join(" or ")
      } (architecture)`,
    );
  }
  return {
    kind: "debian",
    wanted: version,
    flavour: marks.includes("cloud") ? "cloud" : "standard",
    arch: asked[0] ?? hostArchitecture,
  };
}

/**
 * What a kernel spec means for guests of an architecture: one that names neither a file nor an architecture means
 * the kernel of theirs.
 *
 * @throws {UsageError} malformed spec
 */
export function kernelSpecFor(arch: Architecture, spec: string): string {
  const isOpen = parseKernelSpec(spec).kind === "debian" &&
    !architectures.some((arch) => spec.includes(`@${arch}`));
  return isOpen && arch !== hostArchitecture ? `${spec}@${arch}` : spec;
}

/**
 * Reads `host`, `debian:11.1`, `debian:10.0.13` or `path:BIN`.
 *
 * @throws {UsageError} anything else
 */
export function parseQemuSpec(spec: string): QemuSpec {
  if (spec === "host") return { kind: "host" };
  if (spec.startsWith("path:") && spec.length > 5) return { kind: "path", file: spec.slice(5) };
  const version = spec.startsWith("debian:") ? spec.slice(7) : "";
  if (versionWord.test(version)) return { kind: "debian", wanted: version };
  throw new UsageError(`QEMU "${spec}": write host, debian:VERSION (debian:7.2, debian:11.1.3) or path:BIN`);
}
