/** The plan: from specs and names to cells that only need to be run. */
import { basename, join, resolve } from "node:path";
import { buildModule, buildProbe } from "../components/build.ts";
import { NotInArchiveError } from "../components/component_error.ts";
import { resolveKernel } from "../components/kernel.ts";
import { moduleName, readModuleInfo } from "../components/modinfo.ts";
import { moduleClosure } from "../components/module_closure.ts";
import { resolveQemu } from "../components/qemu.ts";
import type { Context, Kernel, ModuleFile, QemuBuild } from "../components/types.ts";
import { CannotTestError, UsageError } from "../errors.ts";
import { chooseAccelerator, type WantedAccelerator } from "../guest/accelerator.ts";
import { bootParameters } from "../guest/boot_parameters.ts";
import type { GuestLimits } from "../guest/guest.ts";
import { archive, concatenatedArchives, type InitramfsFile } from "../guest/initramfs.ts";
import type { Accelerator, QemuPlan } from "../guest/qemu_process.ts";
import type { Machine } from "../machine/machine.ts";
import { machineArgs, unsupported } from "../machine/qemu_args.ts";
import { type KernelVersion, parseVersion } from "../model/version.ts";
import type { Scenario } from "../scenario/scenario.ts";
import type { CellPlan } from "./cell.ts";

/** What a run is asked to do. */
export interface RunRequest {
  readonly kernels: readonly string[];
  readonly qemus: readonly string[];
  readonly machines: readonly Machine[];
  readonly scenarios: readonly Scenario[];
  /** What to use instead of a spec, with a word to the user, when the archive no longer has it. */
  readonly instead: Readonly<Record<string, string>>;
  /** Files that replace the modules of the same name. */
  readonly modules: readonly string[];
  readonly accelerator: WantedAccelerator;
  /** Further options that a command to run a scenario again must have. */
  readonly repeatedOptions: readonly string[];
  readonly outDir: string;
  readonly limits: GuestLimits;
}

const INJECTOR_SOURCES = resolve(import.meta.dirname ?? ".", "../../guests/resvinj");

/** Firmware that does no more than a kernel needs, a tenth of a second faster than SeaBIOS. [QEMU: pc-bios/README] */
const QUICK_FIRMWARE = "qboot.rom";

/** What every guest loads: the control channel, type1, the device driver. */
const MODULES = ["virtio_pci", "virtio_console", "vfio_iommu_type1", "vfio-pci"];

/** What makes a kernel able to drive each IOMMU. [spec §0.1] */
const IOMMU_OPTION = {
  intel: { option: "CONFIG_INTEL_IOMMU", modules: [] },
  amd: { option: "CONFIG_AMD_IOMMU", modules: [] },
  virtio: { option: "CONFIG_VIRTIO_IOMMU", modules: ["virtio-iommu"] },
} as const;

/**
 * Fetches and builds what the cells need and lays them out, kernels first, machines last. A cell that is asked
 * for twice is one cell.
 * @throws UsageError, CannotTestError
 */
export async function planRun(request: RunRequest, context: Context): Promise<CellPlan[]> {
  const replacements = await Promise.all(request.modules.map(readReplacement));
  const qemus: QemuBuild[] = [];
  for (const spec of request.qemus) qemus.push(await resolvePinned(spec, request.instead, context));
  const cells: CellPlan[] = [];
  for (const spec of request.kernels) {
    const kernel = await resolveKernel(spec, context);
    for (const replacement of replacements) requireBuiltFor(replacement, kernel);
    const kit = new GuestKit(kernel, replacements, context);
    for (const qemu of qemus) {
      const accelerator = await accelerate(request, kit, qemu, context);
      for (const machine of request.machines) {
        cells.push(toCell(request, kit, qemu, machine, accelerator, cells.length + 1));
      }
    }
    const guests = cells.filter((cell) => cell.kernelSpec === kernel.spec && cell.skip === undefined);
    await kit.requireUseOfReplacements(guests.map(({ machine }) => machine.iommu.kind));
  }
  return [...new Map(cells.map((cell) => [cell.id, cell])).values()];
}

/** A kernel with what is built for it, made once however many guests use it. */
class GuestKit {
  readonly kernel: Kernel;
  readonly #replacements: readonly ModuleFile[];
  readonly #context: Context;
  readonly #bases = new Map<string, Promise<Uint8Array>>();

  constructor(kernel: Kernel, replacements: readonly ModuleFile[], context: Context) {
    this.kernel = kernel;
    this.#replacements = replacements;
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
    const modules = [...replaced, await this.#injector()];
    const probe = await buildProbe(this.kernel, this.#context);
    const files: InitramfsFile[] = [
      { path: "init", data: await Deno.readFile(probe), executable: true },
      ...modules.map(({ name, data }) => ({ path: modulePath(name), data })),
    ];
    const order = modules.map(({ name }) => `/${modulePath(name)}\n`).join("");
    const boot = [{ path: "iovacheck/modules", data: new TextEncoder().encode(order) }];
    return concatenatedArchives(archive(files), archive(boot));
  }

  /** The kernel's own modules that such a guest loads, in order. */
  #closure(kind: Machine["iommu"]["kind"]): Promise<readonly ModuleFile[]> {
    return moduleClosure(this.kernel, [...MODULES, ...IOMMU_OPTION[kind].modules]);
  }

  async #injector(): Promise<ModuleFile> {
    const file = await buildModule({ sourceDir: INJECTOR_SOURCES, kernel: this.kernel, ctx: this.#context });
    return { name: moduleName(file), data: await Deno.readFile(file) };
  }
}

const modulePath = (name: string): string => `iovacheck/${name}.ko`;

/** The archive keeps one version of a release's package: a pinned one is gone after the next update. */
async function resolvePinned(
  spec: string,
  instead: Readonly<Record<string, string>>,
  context: Context,
): Promise<QemuBuild> {
  try {
    return await resolveQemu(spec, context);
  } catch (error) {
    const other = instead[spec];
    if (!(error instanceof NotInArchiveError) || other === undefined) throw error;
    context.progress(`${error.message}; using ${other} instead`);
    return await resolveQemu(other, context);
  }
}

/** A module to load in the place of the kernel's own. */
interface Replacement extends ModuleFile {
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

async function readReplacement(file: string): Promise<Replacement> {
  try {
    const data = await Deno.readFile(file);
    return { name: moduleName(basename(file)), data, file, vermagic: readModuleInfo(data).vermagic };
  } catch (error) {
    throw new UsageError(`--module ${file}: ${(error as Error).message}`, { cause: error });
  }
}

/** Which accelerator the guests of a kernel and QEMU get. */
async function accelerate(
  request: RunRequest,
  kit: GuestKit,
  qemu: QemuBuild,
  context: Context,
): Promise<Accelerator> {
  const machine = request.machines[0];
  if (!machine) throw new UsageError("no machine to run on");
  const { accelerator, reason } = await chooseAccelerator(
    request.accelerator,
    qemu.spec,
    context.cacheDir,
    () => guestPlan(kit, qemu, machine, "kvm", join(request.outDir, "kvm-proof")),
  );
  context.progress(`accelerator ${accelerator}: ${reason}`);
  return accelerator;
}

function kernelVersion({ spec, version }: Kernel): KernelVersion {
  const parsed = parseVersion(version);
  if (!parsed) throw new CannotTestError(`kernel ${spec} has version ${version}, which tells nothing`);
  return parsed;
}

function qemuVersion({ spec, version }: QemuBuild): KernelVersion {
  const parsed = parseVersion(version);
  if (!parsed) throw new CannotTestError(`QEMU ${spec} calls itself ${version}, which tells no version`);
  return parsed;
}

async function guestPlan(
  kit: GuestKit,
  qemu: QemuBuild,
  machine: Machine,
  accelerator: Accelerator,
  artifactsDir: string,
): Promise<QemuPlan> {
  await Deno.mkdir(artifactsDir, { recursive: true });
  const initramfs = join(artifactsDir, "initramfs.cpio");
  await Deno.writeFile(initramfs, await kit.initramfs(machine.iommu.kind));
  return {
    command: qemu.command("x86_64"),
    env: qemu.env,
    accelerator,
    machineArgs: machineArgs(machine, qemuVersion(qemu)),
    // Debian's packages have it; a QEMU of somebody's own may not.
    ...(qemu.directory === undefined ? {} : { firmware: QUICK_FIRMWARE }),
    kernelImage: kit.kernel.image,
    kernelParameters: bootParameters(accelerator),
    initramfs,
    artifactsDir,
  };
}

function toCell(
  request: RunRequest,
  kit: GuestKit,
  qemu: QemuBuild,
  machine: Machine,
  accelerator: Accelerator,
  number: number,
): CellPlan {
  const { kernel } = kit;
  const { option } = IOMMU_OPTION[machine.iommu.kind];
  const skip = kernel.config.has(option)
    ? unsupported(machine, qemuVersion(qemu))
    : `${kernel.spec} is built without ${option}`;
  return {
    id: `${kernel.spec} ${qemu.spec} ${machine.name}`,
    kernelSpec: kernel.spec,
    kernelVersion: kernelVersion(kernel),
    qemuSpec: qemu.spec,
    qemuVersion: qemuVersion(qemu),
    machine,
    scenarios: request.scenarios,
    ...(skip === undefined ? {} : { skip }),
    artifactsDir: join(request.outDir, `${number}-${kernel.release}-${qemu.version}-${machine.name}`),
    limits: request.limits,
    guestPlan: (artifactsDir) => guestPlan(kit, qemu, machine, accelerator, artifactsDir),
    again: (scenario) =>
      [
        ...["deno", "task", "run", "--kernel", kernel.spec, "--qemu", qemu.spec, "--machine", machine.name],
        ...request.modules.flatMap((file) => ["--module", resolve(file)]),
        ...request.repeatedOptions,
        ...(scenario === "" ? [] : [scenario]),
      ].map(quoted).join(" "),
  };
}

/** A word as a shell takes it for one word. */
const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
