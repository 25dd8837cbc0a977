/** What a run would do: its cells and what each would play, found out without a guest. */
import { NotInArchiveError } from "../components/component_error.ts";
import { type KernelPreview, previewKernel, previewQemu, type QemuPreview } from "../components/preview.ts";
import type { Context } from "../components/types.ts";
import type { Machine } from "../machine/machine.ts";
import { whyNot } from "./assignment.ts";
import { readReplacement } from "./guest_kit.ts";
import { cellId, type RunRequest, versionOf, whyNoCell } from "./plan.ts";
import { inOrder, targetOf } from "./preparation.ts";

/** What a cell would do with a scenario. */
export interface ListedScenario {
  /** Id of the cell. */
  readonly cell: string;
  readonly scenario: string;
  /** Why it would be skipped; undefined when it would be played. */
  readonly skip: string | undefined;
}

type Wish = Pick<RunRequest, "kernels" | "qemus" | "machines" | "scenarios" | "instead" | "modules">;

/**
 * Every scenario in every cell, in the order in which they would be played.
 * @throws UsageError, CannotTestError
 */
export async function listRun(wish: Wish, context: Context): Promise<ListedScenario[]> {
  await Promise.all(wish.modules.map(readReplacement));
  const qemus: QemuPreview[] = [];
  for (const spec of wish.qemus) qemus.push(await previewPinned(spec, wish.instead, context));
  const cells = new Map<string, ListedScenario[]>();
  for (const spec of wish.kernels) {
    const kernel = await previewKernel(spec, context);
    if (!kernel.config) {
      context.progress(`${kernel.spec}: not fetched yet; whether it can drive each IOMMU is seen when it is`);
    }
    for (const qemu of qemus) {
      for (const machine of wish.machines) {
        const id = cellId(kernel, qemu, machine);
        cells.set(id, listCell(id, kernel, qemu, machine, wish));
      }
    }
  }
  return [...cells.values()].flat();
}

function listCell(
  id: string,
  kernel: KernelPreview,
  qemu: QemuPreview,
  machine: Machine,
  { scenarios }: Wish,
): ListedScenario[] {
  const target = targetOf({
    machine,
    kernelVersion: versionOf("kernel", kernel),
    // Of a kernel that isn't here yet the best is assumed.
    kernelOptions: kernel.config ?? { has: () => true },
    qemuVersion: versionOf("QEMU", qemu),
  });
  const skip = whyNoCell(kernel, qemu, machine);
  return inOrder(scenarios).map((scenario) => ({
    cell: id,
    scenario: scenario.id,
    skip: skip ?? whyNot(scenario, target),
  }));
}

async function previewPinned(spec: string, instead: Wish["instead"], context: Context): Promise<QemuPreview> {
  try {
    return await previewQemu(spec, context);
  } catch (error) {
    const other = instead[spec];
    if (!(error instanceof NotInArchiveError) || other === undefined) throw error;
    return await previewQemu(other, context);
  }
}
