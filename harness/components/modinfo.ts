import { CannotTestError } from "../errors.ts";
import { elfSection } from "./elf.ts";

/** What a module says of itself. */
export interface ModuleInfo {
  /** Modules that must be loaded before, from `depends=`. */
  readonly depends: readonly string[];
  /** Modules that had better be loaded before, from `softdep=pre:`. */
  readonly softDepends: readonly string[];
  /** Kernel that the module was built for, and how. */
  readonly vermagic: string;
}

/**
 * Reads the `.modinfo` section of a module.
 *
 * @throws {CannotTestError} not a kernel module
 */
export function readModuleInfo(module: Uint8Array<ArrayBuffer>): ModuleInfo {
  const section = elfSection(module, ".modinfo");
  if (section === undefined) throw new CannotTestError("not a kernel module: no .modinfo section");
  const fields = new TextDecoder().decode(section).split("\0");
  const values = (key: string) =>
    fields.filter((field) => field.startsWith(`${key}=`)).map((field) => field.slice(key.length + 1));
  return {
    depends: values("depends").flatMap((value) => value.split(",")).filter((name) => name !== "").map(
      moduleName,
    ),
    softDepends: values("softdep").flatMap(preModules).map(moduleName),
    vermagic: values("vermagic")[0] ?? "",
  };
}

/** A module's name as the kernel writes it: `vfio_pci_core` for `vfio-pci-core` and `…/vfio-pci-core.ko.xz`. */
export function moduleName(nameOrPath: string): string {
  return nameOrPath.replace(/^.*\//, "").replace(/\.ko(?:\.(?:xz|zst|gz))?$/, "").replaceAll("-", "_");
}

/** The words between `pre:` and `post:`. */
function preModules(softdep: string): string[] {
  return softdep.match(/\bpre:\s*(.*?)\s*(?:post:|$)/)?.[1]?.split(/\s+/).filter((name) => name !== "") ?? [];
}
