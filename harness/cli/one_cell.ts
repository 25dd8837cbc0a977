/** The cell of a command that needs a single one. */
import type { CellPlan } from "../check/cell_plan.ts";
import { planRun } from "../check/plan.ts";
import { UsageError } from "../errors.ts";
import type { WantedAccelerator } from "../guest/accelerator.ts";
import type { GuestLimits } from "../guest/guest.ts";
import { componentContext } from "./component_context.ts";
import { loadMachinesNamed, loadPins } from "./configs.ts";
import { freshFolder } from "./out_folder.ts";

export interface OneCell {
  /** Kernel and QEMU; left out, those that are pinned. */
  readonly kernel?: string | undefined;
  readonly qemu?: string | undefined;
  readonly machine: string;
  /** Files that replace modules of the kernel. */
  readonly modules?: readonly string[];
  readonly accel?: WantedAccelerator;
  /** Folder for logs; left out, one in out/ that is called by the time. */
  readonly out?: string | undefined;
  readonly limits: GuestLimits;
}

/**
 * Fetches what the cell needs and lays it out.
 * @throws UsageError, also where such a cell can't be; CannotTestError
 */
export async function planOneCell(wish: OneCell, signal: AbortSignal): Promise<CellPlan> {
  const { kernel, qemu, machine, modules = [], accel = "auto", out, limits } = wish;
  const pins = await loadPins();
  const specs = { kernel: kernel ?? pins.kernel, qemu: qemu ?? pins.qemu };
  const [plan] = await planRun({
    cells: (await loadMachinesNamed([machine])).map((machine) => ({ ...specs, machine })),
    coversPairs: false,
    instead: { [pins.qemu]: pins["qemu-instead"] },
    scenarios: [],
    modules,
    accelerator: accel,
    repeatedOptions: [],
    outDir: await freshFolder(out),
    limits,
    retries: 0,
  }, { ...componentContext(), signal });
  if (!plan) throw new RangeError("one kernel, QEMU and machine are one cell");
  if (plan.skip !== undefined) throw new UsageError(`--machine ${machine}: ${plan.skip}`);
  return plan;
}
