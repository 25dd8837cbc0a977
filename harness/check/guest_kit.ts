/** What goes into the guests of a kernel: its modules, the probe, the injector. */
import { basename, resolve } from "node:path";
import { buildModule, buildProbe } from "../components/build.ts";
import { moduleName, readModuleInfo } from "../components/modinfo.ts";
import { moduleClosure } from "../components/module_closure.ts";
import type { Context, Kernel, ModuleFile } from "../components/types.ts";
import { UsageError } from "../errors.ts";
import { archive, concatenatedArchives, type InitramfsFile } from "../guest/initramfs.ts";
import type { Machine } from "../machine/machine.ts";
import { TABLE_OPTION } from "./firmware_tables.ts";

/** Our own modules: what injects reserved regions, what puts groups behind further IOMMUs, what tells of locked memory. */
const OWN_MODULES = ["resvinj", "twodom", "lockedvm"].map((name) =>
  resolve(import.meta.dirname ?? ".", "../../guests", name)
);

/** What every guest loads: the control channel, type1, the device driver. */
const MODULES = ["virtio_pci", "virtio_console", "vfio_iommu_type1", "vfio-pci"];

/** Modules for kernels with an option, without which some scenarios make no sense. */
const OPTIONAL_MODULES: Readonly<Record<string, string>> = {
  CONFIG_BLK_DEV_RAM: "brd",
  CONFIG_UIO_PCI_GENERIC: "uio_pci_generic",
  CONFIG_PCI_STUB: "pci-stub",
};

/**
 * A small RAM disk is enough for memory of files that are written back. [kernel: drivers/block/brd.c] Devices that nobody
 * has open stay awake: to wake one takes milliseconds under emulation.
 */
const PARAMETERS: Readonly<Record<string, string>> = {
  brd: " rd_nr=1 rd_size=4096",
  vfio_pci: " disable_idle_d3=1",
};

/** What makes a kernel able to drive each IOMMU. [spec §0.1] */
const IOMMU = {
  intel: { option: "CONFIG_INTEL_IOMMU", modules: [] },
  amd: { option: "CONFIG_AMD_IOMMU", modules: [] },
  virtio: { option: "CONFIG_VIRTIO_IOMMU", modules: ["virtio-iommu"] },
  smmuv3: { option: "CONFIG_ARM_SMMU_V3", modules: [] },
} as const;

/** The option without which a kernel can't drive the machine's IOMMU, or take its table; undefined when it has all. */
export function missingOption(
  config: Kernel["config"],
  { iommu, firmware }: Pick<Machine, "iommu" | "firmware">,
): string | undefined {
  const needed = [IOMMU[iommu.kind].option, ...(firmware.length > 0 ? [TABLE_OPTION] : [])];
  return needed.find((option) => !config.has(option));
}

export interface KitOptions {
  /** Loaded in the place of the kernel's own modules of the same names. */
  readonly replacements: readonly Replacement[];
  /** Whether guests load the modules of guests/. */
  readonly canBuildModules: boolean;
}

/** A kernel with what is built for it, made once however many guests use it. */
export class GuestKit {
  readonly kernel: Kernel;
  readonly #replacements: readonly Replacement[];
  readonly #canBuildModules: boolean;
  readonly #context: Context;
  readonly #bases = new Map<string, Promise<Uint8Array>>();

  /** @throws UsageError for a replacement that the kernel would refuse to load */
  constructor(kernel: Kernel, { replacements, canBuildModules }: KitOptions, context: Context) {
    for (const replacement of replacements) requireBuiltFor(replacement, kernel);
    this.kernel = kernel;
    this.#replacements = replacements;
    this.#canBuildModules = canBuildModules;
    this.#context = context;
  }

  /** The initramfs for guests with this kind of IOMMU. */
  initramfs(kind: Machine["iommu"]["kind"]): Promise<Uint8Array> {
    const made = this.#bases.get(kind) ?? this.#make(kind);
    this.#bases.set(kind, made);
    return made;
  }

  /** @throws UsageError for a replacement that no guest with one of these kinds of IOMMU loads */
  async requireUseOfReplacements(kinds: readonly Machine["iommu"]["kind"][]): Promise<void> {
    if (kinds.length === 0) return;
    const closures = await Promise.all(kinds.map((kind) => this.#closure(kind)));
    const loaded = new Set(closures.flat().map(({ name }) => name));
    const unused = this.#replacements.find(({ name }) => !loaded.has(name));
    if (!unused) return;
    const known = [...loaded].join(", ");
    throw new UsageError(
      `--module: no guest of ${this.kernel.spec} loads ${unused.name}; they load ${known}`,
    );
  }

  async #make(kind: Machine["iommu"]["kind"]): Promise<Uint8Array> {
    const replaced = (await this.#closure(kind)).map((module) =>
      this.#replacements.find(({ name }) => name === module.name) ?? module
    );
    const own = this.#canBuildModules ? OWN_MODULES : [];
    const modules = [...replaced, ...await Promise.all(own.map((folder) => this.#build(folder)))];
    const probe = await buildProbe(this.kernel, this.#context);
    const files: InitramfsFile[] = [
      { path: "init", data: await Deno.readFile(probe), executable: true },
      ...modules.map(({ name, data }) => ({ path: modulePath(name), data })),
    ];
    const order = modules.map(({ name }) => `/${modulePath(name)}${PARAMETERS[name] ?? ""}\n`).join("");
    const boot = [{ path: "iovacheck/modules", data: new TextEncoder().encode(order) }];
    return concatenatedArchives(archive(files), archive(boot));
  }

  /** The kernel's own modules that such a guest loads, in order. */
  #closure(kind: Machine["iommu"]["kind"]): Promise<readonly ModuleFile[]> {
    const optional = Object.entries(OPTIONAL_MODULES)
      .filter(([option]) => this.kernel.config.has(option)).map(([, module]) => module);
    return moduleClosure(this.kernel, [...MODULES, ...IOMMU[kind].modules, ...optional]);
  }

  async #build(sourceDir: string): Promise<ModuleFile> {
    const file = await buildModule({ sourceDir, kernel: this.kernel, ctx: this.#context });
    return { name: moduleName(file), data: await Deno.readFile(file) };
  }
}

const modulePath = (name: string): string => `iovacheck/${name}.ko`;

/** A module to load in the place of the kernel's own. */
export interface Replacement extends ModuleFile {
  readonly file: string;
  readonly vermagic: string;
}

/** @throws UsageError for a module that the kernel would refuse to load */
function requireBuiltFor({ file, vermagic }: Replacement, { spec, release }: Kernel): void {
  const [builtFor] = vermagic.split(" ");
  if (builtFor === release) return;
  throw new UsageError(
    `--module ${file}: built for ${builtFor}, not for ${release} (${spec}); build it anew`,
  );
}

export async function readReplacement(file: string): Promise<Replacement> {
  try {
    const data = await Deno.readFile(file);
    return { name: moduleName(basename(file)), data, file, vermagic: readModuleInfo(data).vermagic };
  } catch (error) {
    throw new UsageError(`--module ${file}: ${(error as Error).message}`, { cause: error });
  }
}
