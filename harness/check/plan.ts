/** The plan: from specs and names to cells that only need to be run. */
import { join, resolve } from "node:path";
import { NotInArchiveError } from "../components/component_error.ts";
import { resolveKernel } from "../components/kernel.ts";
import { resolveQemu } from "../components/qemu.ts";
import type { Context, Kernel, QemuBuild } from "../components/types.ts";
import { CannotTestError, UsageError } from "../errors.ts";
import { chooseAccelerator, type WantedAccelerator } from "../guest/accelerator.ts";
import { bootParameters } from "../guest/boot_parameters.ts";
import type { GuestLimits } from "../guest/guest.ts";
import type { Accelerator, QemuPlan } from "../guest/qemu_process.ts";
import type { Machine } from "../machine/machine.ts";
import { machineArgs, unsupported } from "../machine/qemu_args.ts";
import { type KernelVersion, parseVersion } from "../model/version.ts";
import type { Scenario } from "../scenario/scenario.ts";
import type { CellPlan } from "./cell_plan.ts";
import { GuestKit, missingOption, readReplacement } from "./guest_kit.ts";

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
  /** How often a scenario that failed is played again. */
  readonly retries: number;
}

/** Firmware that does no more than a kernel needs, a tenth of a second faster than SeaBIOS. [QEMU: pc-bios/README] */
const QUICK_FIRMWARE = "qboot.rom";

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

/** A cell is called by what it is made of. */
export const cellId = (
  kernel: Pick<Kernel, "spec">,
  qemu: Pick<QemuBuild, "spec">,
  machine: Machine,
): string => `${kernel.spec} ${qemu.spec} ${machine.name}`;

/** Why there can be no such guest; undefined when there can, as far as the kernel's configuration is known. */
export function whyNoCell(
  kernel: Pick<Kernel, "spec"> & Partial<Pick<Kernel, "config">>,
  qemu: Pick<QemuBuild, "spec" | "version">,
  machine: Machine,
): string | undefined {
  const missing = kernel.config && missingOption(kernel.config, machine.iommu.kind);
  if (missing !== undefined) return `${kernel.spec} is built without ${missing}`;
  return unsupported(machine, versionOf("QEMU", qemu));
}

/** @throws CannotTestError for a kernel or QEMU whose version tells nothing */
export function versionOf(
  what: "kernel" | "QEMU",
  { spec, version }: Pick<Kernel, "spec" | "version">,
): KernelVersion {
  const parsed = parseVersion(version);
  if (!parsed) throw new CannotTestError(`${what} ${spec} calls itself ${version}, which tells no version`);
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
    machineArgs: machineArgs(machine, versionOf("QEMU", qemu)),
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
  const skip = whyNoCell(kernel, qemu, machine);
  return {
    id: cellId(kernel, qemu, machine),
    kernelSpec: kernel.spec,
    kernelVersion: versionOf("kernel", kernel),
    kernelOptions: kernel.config,
    qemuSpec: qemu.spec,
    qemuVersion: versionOf("QEMU", qemu),
    machine,
    scenarios: request.scenarios,
    ...(skip === undefined ? {} : { skip }),
    artifactsDir: join(request.outDir, `${number}-${kernel.release}-${qemu.version}-${machine.name}`),
    limits: request.limits,
    retries: request.retries,
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
