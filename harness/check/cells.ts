/** Cells: each kernel and QEMU that is wanted is looked up once, and each cell that can't be says why. */
import { NotInArchiveError } from "../components/component_error.ts";
import type { QemuPreview } from "../components/preview.ts";
import { kernelSpecFor } from "../components/spec.ts";
import type { Architecture, Context, Kernel as WholeKernel } from "../components/types.ts";
import { CannotTestError } from "../errors.ts";
import { unseenBy } from "../machine/acpi/firmware.ts";
import type { Machine } from "../machine/machine.ts";
import { unsupported } from "../machine/qemu_args.ts";
import { coverPairs } from "../matrix/cover_pairs.ts";
import { type KernelVersion, parseVersion } from "../model/version.ts";
import { missingOption } from "./guest_kit.ts";

/** A kernel and a QEMU, by their specs, and a machine. */
export interface WantedCell {
  readonly kernel: string;
  readonly qemu: string;
  readonly machine: Machine;
  /** Why it is left out although it is wanted. */
  readonly excluded?: string;
}

/** Which cells a run is about. */
export interface Wish {
  readonly cells: readonly WantedCell[];
  /** Whether as few of them are enough as have every pair of kernel, QEMU and machine that any has. */
  readonly coversPairs: boolean;
  /** What to use instead of a spec, with a word to the user, when the archive no longer has it. */
  readonly instead: Readonly<Record<string, string>>;
}

/** What must be known of a kernel; its configuration is only once it was fetched. */
export type KernelFacts =
  & Pick<WholeKernel, "spec" | "version" | "arch">
  & Partial<Pick<WholeKernel, "config">>;

/** How specs are looked up: completely, or only as far as a list of cells needs. */
export interface Lookup<Kernel, Qemu> {
  kernel(spec: string, context: Context): Promise<Kernel>;
  qemu(spec: string, arch: Architecture, context: Context): Promise<Qemu>;
  /** Why nothing can be built for a kernel to load, if so. */
  lackOfHeaders(kernel: Kernel, context: Context): Promise<string | undefined>;
}

/** A cell whose kernel and QEMU are known. */
export interface Cell<Kernel, Qemu> {
  readonly id: string;
  readonly kernel: Kernel;
  readonly qemu: Qemu;
  readonly machine: Machine;
  /** Why there will be no such guest, if so. */
  readonly skip: string | undefined;
  /** Why its guests have none of the modules in guests/, if so. */
  readonly lackOfModules: string | undefined;
}

type Settled<Kernel, Qemu> = Omit<Cell<Kernel, Qemu>, "lackOfModules">;

/**
 * The cells of a run, in the order in which they are wanted. A cell that is wanted twice is one cell. A machine's
 * architecture decides which QEMU is meant, and which kernel where the spec names none.
 * @throws UsageError, CannotTestError
 */
export async function settleCells<Kernel extends KernelFacts, Qemu extends QemuPreview>(
  { cells, coversPairs, instead }: Wish,
  lookup: Lookup<Kernel, Qemu>,
  context: Context,
): Promise<Cell<Kernel, Qemu>[]> {
  const qemuOf = await eachOnce(
    cells,
    ({ qemu, machine: { arch } }) => `${qemu} ${arch}`,
    ({ qemu, machine: { arch } }) =>
      withInstead(qemu, instead, (spec) => lookup.qemu(spec, arch, context), context),
  );
  const kernelSpec = ({ kernel, machine: { arch } }: WantedCell) => kernelSpecFor(arch, kernel);
  const kernelOf = await eachOnce(cells, kernelSpec, (cell) => lookup.kernel(kernelSpec(cell), context));
  const settled = cells.map((cell): Settled<Kernel, Qemu> => {
    const { machine, excluded } = cell;
    const [kernel, qemu] = [kernelOf(cell), qemuOf(cell)];
    const skip = excluded ?? whyNoCell(kernel, qemu, machine);
    return { id: cellId(kernel, qemu, machine), kernel, qemu, machine, skip };
  });
  const distinct = [...new Map(settled.map((cell) => [cell.id, cell])).values()];
  const chosen = coversPairs ? withEveryPair(distinct, context) : distinct;
  const lackOf = await eachOnce(chosen, ({ kernel }) => kernel.spec, async ({ kernel }) => {
    if (chosen.every((cell) => cell.kernel.spec !== kernel.spec || cell.skip !== undefined)) return undefined;
    const lack = await lookup.lackOfHeaders(kernel, context);
    if (lack === undefined) return undefined;
    context.progress(`${kernel.spec}: ${lack}; scenarios that need a module of guests/ are skipped`);
    return lack;
  });
  return chosen.map((cell) => ({ ...cell, lackOfModules: lackOf(cell) }));
}

/** Does something once for all cells of the same key, one after the other; returns what it came to for a cell. */
async function eachOnce<One, Result>(
  cells: readonly One[],
  key: (cell: One) => string,
  action: (cell: One) => Promise<Result>,
): Promise<(cell: One) => Result> {
  const results = new Map<string, { readonly result: Result }>();
  for (const cell of cells) {
    if (!results.has(key(cell))) results.set(key(cell), { result: await action(cell) });
  }
  return (cell) => {
    const found = results.get(key(cell));
    if (!found) throw new RangeError("it was done for every cell");
    return found.result;
  };
}

/** The archive keeps one version of a release's package: a pinned one is gone after the next update. */
async function withInstead<Qemu>(
  spec: string,
  instead: Wish["instead"],
  find: (spec: string) => Promise<Qemu>,
  context: Context,
): Promise<Qemu> {
  try {
    return await find(spec);
  } catch (error) {
    const other = instead[spec];
    if (!(error instanceof NotInArchiveError) || other === undefined) throw error;
    context.progress(`${error.message}; using ${other} instead`);
    return await find(other);
  }
}

/** Cells that can't be have no pairs: what they would show has to be seen in others. */
function withEveryPair<One extends Settled<KernelFacts, QemuPreview>>(
  cells: readonly One[],
  context: Context,
): One[] {
  const possible = cells.filter(({ skip }) => skip === undefined);
  const { chosen, pairs } = coverPairs(
    possible.map(({ kernel, qemu, machine }) => [kernel.spec, qemu.spec, machine.name]),
  );
  const without = cells.length - possible.length;
  const impossible = without === 0 ? "" : `, ${without} can't be or are excluded`;
  const saved = possible.length - chosen.length;
  context.progress(
    `pairwise: ${chosen.length} cells cover all ${pairs} pairs; ${saved} of ${cells.length} saved${impossible}`,
  );
  return possible.filter((_, index) => chosen.includes(index));
}

/** A cell is called by what it is made of. */
const cellId = (kernel: KernelFacts, qemu: QemuPreview, machine: Machine): string =>
  `${kernel.spec} ${qemu.spec} ${machine.name}`;

/** Why there can be no such guest; undefined when there can, as far as the kernel's configuration is known. */
function whyNoCell(kernel: KernelFacts, qemu: QemuPreview, machine: Machine): string | undefined {
  if (kernel.arch !== machine.arch) {
    return `${kernel.spec} is for ${kernel.arch}, the machine is ${machine.arch}`;
  }
  const missing = kernel.config && missingOption(kernel.config, machine);
  if (missing !== undefined) return `${kernel.spec} is built without ${missing}`;
  return unseenBy(machine, versionOf("kernel", kernel)) ?? unsupported(machine, versionOf("QEMU", qemu));
}

/** @throws CannotTestError for a kernel or QEMU whose version tells nothing */
export function versionOf(
  what: "kernel" | "QEMU",
  { spec, version }: { readonly spec: string; readonly version: string },
): KernelVersion {
  const parsed = parseVersion(version);
  if (!parsed) throw new CannotTestError(`${what} ${spec} calls itself ${version}, which tells no version`);
  return parsed;
}
