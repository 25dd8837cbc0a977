/** Marks in the kernel log, which tell the steps that its messages belong to. */
import type { Scenario } from "../scenario/scenario.ts";

/** How the mark of a step begins. */
export const mark = (scenario: Pick<Scenario, "id">, stepIndex: number): string =>
  `${scenario.id} step ${stepIndex + 1} `;

/** The last step whose mark is in the log so far; -1 before the first. */
export const stepAt = (scenario: Pick<Scenario, "id" | "steps">, earlier: readonly string[]): number =>
  scenario.steps.findLastIndex((_, index) => earlier.some((line) => line.includes(mark(scenario, index))));
