/** The rehearsal: scenarios are played on the model for every cell before any guest boots. */
import { hex } from "../model/range_list.ts";
import { runCell } from "./cell.ts";
import type { CellPlan } from "./cell_plan.ts";
import type { CellRun } from "./run.ts";
import { prepareCell, type PreparedCell, targetOf } from "./preparation.ts";

/** A cell that only needs to be run. */
export interface RehearsedCell extends CellRun {
  readonly plan: CellPlan;
  /** What its scenarios come to; to be asked for once, when its turn has come. */
  prepare(): PreparedCell;
}

/** A prepared cell takes 15 MB and half a second: so many are kept until their turn, others are prepared anew. */
const KEPT_MAX = 8;

/**
 * Plays every cell's scenarios on the model, so that what is wrong with one is told before anything else is.
 * @param tell is told of it when it takes a while
 * @throws ConfigError for a scenario that can't be played as it is written
 */
export function rehearse(plans: readonly CellPlan[], tell: (message: string) => void): RehearsedCell[] {
  const others = new Map(
    plans.slice(KEPT_MAX).filter(({ skip }) => skip === undefined).map((plan) => [worldKey(plan), plan]),
  );
  const kept = plans.slice(0, KEPT_MAX).map((plan) => {
    // In a cell that is skipped nothing was played that could stand for another.
    if (plan.skip === undefined) others.delete(worldKey(plan));
    return keptCell(plan, prepareCell(plan));
  });
  if (others.size > 0) tell(`playing the scenarios of ${kept.length + others.size} worlds on the model`);
  for (const plan of others.values()) prepareCell(plan);
  return [...kept, ...plans.slice(KEPT_MAX).map((plan) => toRun(plan, () => prepareCell(plan)))];
}

const toRun = (plan: CellPlan, prepare: () => PreparedCell): RehearsedCell => ({
  id: plan.id,
  plan,
  prepare,
  run: (emit, signal) => runCell(prepare(), emit, signal),
});

/** Is kept no longer than until it is asked for. */
function keptCell(plan: CellPlan, prepared: PreparedCell): RehearsedCell {
  let kept: PreparedCell | undefined = prepared;
  return toRun(plan, () => {
    const cell = kept ?? prepareCell(plan);
    kept = undefined;
    return cell;
  });
}

/** Cells with the same come to the same: QEMUs seldom make a difference. */
const worldKey = (plan: CellPlan): string =>
  JSON.stringify(
    [plan.kernelSpec, plan.machine.name, targetOf(plan).groups],
    (_, value) => typeof value === "bigint" ? hex(value) : value,
  );
