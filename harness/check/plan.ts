/** The plan: from specs and names to cells that only need to be run. */
import { join, resolve } from "node:path";
import { lackOfHeaders } from "../components/headers.ts";
import { resolveKernel } from "../components/kernel.ts";
import { resolveQemu } from "../components/qemu.ts";
import { resolveUefi } from "../components/uefi.ts";
import { hostArchitecture } from "../components/architecture.ts";
import type { Context, Kernel, QemuBuild } from "../components/types.ts";
import { UsageError } from "../errors.ts";
import { chooseAccelerator, type WantedAccelerator } from "../guest/accelerator.ts";
import { bootParameters } from "../guest/boot_parameters.ts";
import type { GuestLimits } from "../guest/guest.ts";
import { concatenatedArchives } from "../guest/initramfs.ts";
import type { Accelerator, QemuPlan } from "../guest/qemu_process.ts";
import { firmwareParameters } from "../machine/acpi/firmware.ts";
import type { Machine } from "../machine/machine.ts";
import { machineArgs } from "../machine/qemu_args.ts";
import { needsTables } from "../machine/virt.ts";
import type { Scenario } from "../scenario/scenario.ts";
import type { Explain } from "./attempt.ts";
import type { CellPlan, GuestPlan } from "./cell_plan.ts";
import { type Cell, settleCells, versionOf, type Wish } from "./cells.ts";
import { FirmwareTables, tablesArchive } from "./firmware_tables.ts";
import { GuestKit, readReplacement } from "./guest_kit.ts";

/** What a run is asked to do. */
export interface RunRequest extends Wish {
  readonly scenarios: readonly Scenario[];
  /** Files that replace the modules of the same name. */
  readonly modules: readonly string[];
  readonly accelerator: WantedAccelerator;
  /** Further options that a command to run a scenario again must have. */
  readonly repeatedOptions: readonly string[];
  readonly outDir: string;
  readonly limits: GuestLimits;
  /** How often a scenario that failed is played again. */
  readonly retries: number;
  /** Says in words what decided a prediction; left out, that is told by its name in the specification. */
  readonly explain?: Explain;
}

const LOOKUP = { kernel: resolveKernel, qemu: resolveQemu, lackOfHeaders };

type PlannedCell = Cell<Kernel, QemuBuild>;

/** What the cells of a run have in common. */
interface Shared {
  readonly request: RunRequest;
  readonly tables: FirmwareTables;
  readonly context: Context;
}

/** What a guest is made from. */
interface GuestParts {
  readonly kit: GuestKit;
  readonly qemu: QemuBuild;
  readonly machine: Machine;
  readonly accelerator: Accelerator;
}

/**
 * Firmware that does no more than a kernel needs, a tenth of a second faster than SeaBIOS. [QEMU: pc-bios/README]
 * It numbers buses otherwise, and leaves out those of further root buses, so that only SeaBIOS will do for bridges.
 */
const QUICK_FIRMWARE = "qboot.rom";

/**
 * Fetches what the cells need and lays them out.
 * @throws UsageError, CannotTestError
 */
export async function planRun(request: RunRequest, context: Context): Promise<CellPlan[]> {
  const replacements = await Promise.all(request.modules.map(readReplacement));
  const cells = await settleCells(request, LOOKUP, context);
  const kits = new Map(cells.map(({ kernel, lackOfModules }) => {
    const canBuildModules = lackOfModules === undefined;
    return [kernel.spec, new GuestKit(kernel, { replacements, canBuildModules }, context)];
  }));
  const shared = { request, tables: new FirmwareTables(request.limits, context), context };
  const accelerators = new Map<string, Accelerator>();
  const plans: CellPlan[] = [];
  for (const cell of cells) {
    const { kernel, qemu, machine, skip } = cell;
    const kit = kits.get(kernel.spec);
    if (!kit) throw new RangeError("every kernel has a kit");
    const key = `${qemu.spec} ${qemu.arch}`;
    if (skip === undefined && !accelerators.has(key)) {
      accelerators.set(key, await accelerate(shared, kit, cell));
    }
    const accelerator = accelerators.get(key) ?? "tcg";
    plans.push(toPlan(shared, cell, { kit, qemu, machine, accelerator }, plans.length + 1));
  }
  for (const [spec, kit] of kits) {
    const guests = cells.filter(({ kernel, skip }) => kernel.spec === spec && skip === undefined);
    await kit.requireUseOfReplacements(guests.map(({ machine }) => machine.iommu.kind));
  }
  return plans;
}

/**
 * Which accelerator the guests of a QEMU get; a guest of the cell is what it is tried with.
 * @throws UsageError where KVM is wanted for another architecture than this machine's
 */
async function accelerate(
  { request, context }: Shared,
  kit: GuestKit,
  { qemu, machine }: PlannedCell,
): Promise<Accelerator> {
  if (machine.arch !== hostArchitecture) {
    if (request.accelerator === "kvm") {
      throw new UsageError(`--accel kvm: this machine can only emulate ${machine.arch}; write tcg or auto`);
    }
    context.progress(`accelerator tcg: this machine can only emulate ${machine.arch}`);
    return "tcg";
  }
  const { accelerator, reason } = await chooseAccelerator(
    request.accelerator,
    qemu.spec,
    context.cacheDir,
    () => plainPlan({ kit, qemu, machine, accelerator: "kvm" }, join(request.outDir, "kvm-proof"), context),
  );
  context.progress(`accelerator ${accelerator} with QEMU ${qemu.spec}: ${reason}`);
  return accelerator;
}

/** A guest of the machine with the firmware that QEMU makes for it. */
async function plainPlan(
  { kit, qemu, machine, accelerator }: GuestParts,
  artifactsDir: string,
  context: Context,
): Promise<QemuPlan> {
  await Deno.mkdir(artifactsDir, { recursive: true });
  const initramfs = join(artifactsDir, "initramfs.cpio");
  await Deno.writeFile(initramfs, await kit.initramfs(machine.iommu.kind));
  return {
    command: qemu.command(),
    env: qemu.env,
    arch: machine.arch,
    accelerator,
    machineArgs: machineArgs(machine, versionOf("QEMU", qemu)),
    ...await firmwareOf(qemu, machine, context),
    kernelImage: kit.kernel.image,
    kernelParameters: bootParameters(machine.arch, accelerator),
    initramfs,
    artifactsDir,
  };
}

/**
 * Debian's packages have the quick firmware; a QEMU of somebody's own may not. An arm64 kernel is started without any
 * where the device tree can tell all.
 */
async function firmwareOf(
  { arch, directory }: QemuBuild,
  machine: Machine,
  context: Context,
): Promise<Pick<QemuPlan, "firmware">> {
  if (needsTables(machine)) return { firmware: await resolveUefi(context) };
  const isQuick = arch === "amd64" && directory !== undefined && machine.bridges.length === 0;
  return isQuick ? { firmware: QUICK_FIRMWARE } : {};
}

/** A guest of the machine with the machine's own tables, if it has any. */
async function guestPlan(
  parts: GuestParts,
  artifactsDir: string,
  { tables, context }: Shared,
): Promise<GuestPlan> {
  const { machine, qemu } = parts;
  const plain = await plainPlan(parts, artifactsDir, context);
  const own = await tables.of(machine, qemu, plain);
  if (own.length === 0) return plain;
  const { initramfs, kernelParameters } = plain;
  await Deno.writeFile(initramfs, concatenatedArchives(tablesArchive(own), await Deno.readFile(initramfs)));
  return { ...plain, kernelParameters: [...kernelParameters, ...firmwareParameters(machine)], tables: own };
}

function toPlan(
  shared: Shared,
  { id, kernel, qemu, machine, skip, lackOfModules }: PlannedCell,
  parts: GuestParts,
  number: number,
): CellPlan {
  const { request } = shared;
  const specs = ["--kernel", kernel.spec, "--qemu", qemu.spec, "--machine", machine.name];
  const again = (task: readonly string[], what: readonly string[]) =>
    [
      ...["deno", "task", ...task],
      ...request.modules.flatMap((file) => ["--module", resolve(file)]),
      ...request.repeatedOptions,
      ...what,
    ].map(quoted).join(" ");
  return {
    id,
    kernelSpec: kernel.spec,
    kernelVersion: versionOf("kernel", kernel),
    kernelOptions: kernel.config,
    qemuSpec: qemu.spec,
    qemuVersion: versionOf("QEMU", qemu),
    machine,
    scenarios: request.scenarios,
    ...(skip === undefined ? {} : { skip }),
    lackOfModules,
    artifactsDir: join(request.outDir, `${number}-${kernel.release}-${qemu.version}-${machine.name}`),
    limits: request.limits,
    retries: request.retries,
    ...(request.explain ? { explain: request.explain } : {}),
    guestPlan: (artifactsDir) => guestPlan(parts, artifactsDir, shared),
    again: (scenario) => again(["run", ...specs], scenario === "" ? [] : [scenario]),
    replay: (file, where = "found") => again(["replay", ...(where === "here" ? specs : [])], [file]),
    explore: (options) => again(["explore", ...specs], options),
  };
}

/** A word as a shell takes it for one word. */
const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
