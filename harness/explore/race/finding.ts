/** What is wrong with a race that was played. */
import type { Target } from "../../check/assignment.ts";
import { hex } from "../../model/range_list.ts";
import { deviationsOf, semanticsOf } from "../../model/semantics.ts";
import { initialState } from "../../model/state.ts";
import type { Condition } from "../../check/execution.ts";
import { type History, linearize, type Order, type Unexplained } from "./linearize.ts";
import { type Race, type Stage, worldOf } from "./race.ts";
import type { PlayedRace } from "./race_script.ts";

/** A race that went wrong. */
export interface Finding {
  readonly race: Race;
  readonly verdict: "mismatch" | "crash" | "hang";
  /** What happened, in a line. */
  readonly reason: string;
  /** What was answered, where the guest lived to answer. */
  readonly history?: History;
  /** Why no order of the calls explains that, where none does. */
  readonly unexplained?: Unexplained;
  /** What the kernel said, where it said something. */
  readonly console: readonly string[];
}

/**
 * The order that explains a race, or what is wrong with it. Doing what is right is as good as doing what the kernel's
 * version is known to do, if it is the one or the other throughout.
 * @throws BadRequestError where the probe was at a loss although all before was as it should be
 */
export function explain(
  { version, deviations = deviationsOf(version) }: Pick<Target, "version" | "deviations">,
  stage: Stage,
  { race, history, condition, fault }: PlayedRace,
  before: Condition,
): Order | Finding {
  const found = (reason: string, more: Partial<Finding> = {}): Finding => ({
    race,
    verdict: "mismatch",
    reason,
    history,
    console: [],
    ...more,
  });
  const world = worldOf(stage, race);
  const right = linearize(initialState(semanticsOf(version, new Set()), world), history);
  const explained = "order" in right
    ? right
    : linearize(initialState(semanticsOf(version, deviations), world), history);
  if ("unexplained" in explained) {
    return found("no order of the calls explains the answers", { unexplained: explained.unexplained });
  }
  if (fault) throw fault;
  const pages = condition.lockedPages - before.lockedPages;
  if (pages !== 0n) return found(`when all was closed, ${hex(pages)} pages stayed locked`);
  if (condition.taint !== before.taint) {
    return found(`the kernel's taint went from ${hex(before.taint)} to ${hex(condition.taint)}`);
  }
  return explained.order;
}
