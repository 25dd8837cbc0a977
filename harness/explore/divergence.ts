/** Divergences: what a guest did otherwise than predicted, and which of them are the same. */
import type { Execution } from "../check/execution.ts";

/** How a sequence went that didn't go as predicted. */
export interface Divergence {
  readonly execution: Execution;
  /** Equal for divergences that are taken to have one cause, whatever their addresses are. */
  readonly kind: string;
}

/** Undefined when all was as predicted. */
export function divergenceOf(execution: Execution): Divergence | undefined {
  const { verdict } = execution;
  if (verdict === "match" || verdict === "known") return undefined;
  return { execution, kind: [verdict, ...wordsOf(execution)].join(" ") };
}

function wordsOf({ verdict, actionText = "", difference, console = [], reason = "" }: Execution): string[] {
  if (verdict === "crash") return [withoutNumbers(console[0] ?? reason)];
  if (verdict === "harness-fault") return [withoutNumbers(reason)];
  const shapes = difference ? [shapeOf(difference.predicted), "but", shapeOf(difference.observed)] : [];
  return [callOf(actionText), ...shapes];
}

/** `map`, whoever does it and whatever it maps. */
const callOf = (actionText: string): string => actionText.replace(/^in \w+: /, "").split(" ")[0] ?? "";

/** The errno, or what there is a value of. */
const shapeOf = (answer: string): string =>
  /^E[A-Z0-9]+$/.test(answer) ? answer : answer.replace(/=\S*/g, "").replace(/\bc\d+\./g, "");

/** Time stamps, addresses and processes differ from one guest to the next. */
const withoutNumbers = (text: string): string => text.replace(/0x[0-9a-f]+|\b[0-9a-f]{8,}\b|\d+/g, "#");
