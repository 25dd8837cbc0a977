/** What a run would do: its cells and what each would play, found out without a guest. */
import { lackOfHeaders } from "../components/headers.ts";
import { type KernelPreview, previewKernel, previewQemu, type QemuPreview } from "../components/preview.ts";
import type { Context } from "../components/types.ts";
import type { Scenario } from "../scenario/scenario.ts";
import { whyNot } from "./assignment.ts";
import { type Cell, type Lookup, settleCells, versionOf, type Wish } from "./cells.ts";
import { readReplacement } from "./guest_kit.ts";
import type { RunRequest } from "./plan.ts";
import { inOrder, targetOf } from "./preparation.ts";

/** What a cell would do with a scenario. */
export interface ListedScenario {
  /** Id of the cell. */
  readonly cell: string;
  readonly scenario: string;
  /** Why it would be skipped; undefined when it would be played. */
  readonly skip: string | undefined;
}

const LOOKUP: Lookup<KernelPreview, QemuPreview> = {
  kernel: lookUpKernel,
  qemu: previewQemu,
  // Of a kernel that isn't here yet the best is assumed.
  lackOfHeaders: async (kernel, context) => kernel.config ? await lackOfHeaders(kernel, context) : undefined,
};

type ListedRun = Wish & Pick<RunRequest, "scenarios" | "modules">;

/**
 * Every scenario in every cell, in the order in which they would be played.
 * @throws UsageError, CannotTestError
 */
export async function listRun(run: ListedRun, context: Context): Promise<ListedScenario[]> {
  await Promise.all(run.modules.map(readReplacement));
  const cells = await settleCells(run, LOOKUP, context);
  return cells.flatMap((cell) => listCell(cell, run.scenarios));
}

async function lookUpKernel(spec: string, context: Context): Promise<KernelPreview> {
  const kernel = await previewKernel(spec, context);
  if (!kernel.config) {
    context.progress(`${kernel.spec}: not fetched yet; whether it can drive each IOMMU is seen when it is`);
  }
  return kernel;
}

function listCell(
  { id, kernel, qemu, machine, skip, lackOfModules }: Cell<KernelPreview, QemuPreview>,
  scenarios: readonly Scenario[],
): ListedScenario[] {
  const target = targetOf({
    machine,
    kernelVersion: versionOf("kernel", kernel),
    kernelOptions: kernel.config ?? { has: () => true },
    qemuVersion: versionOf("QEMU", qemu),
    lackOfModules,
  });
  return inOrder(scenarios).map((scenario) => ({
    cell: id,
    scenario: scenario.id,
    skip: skip ?? whyNot(scenario, target),
  }));
}
