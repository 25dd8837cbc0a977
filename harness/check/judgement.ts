/** The verdict on what a guest answered: what is right, what is known of its kernel, what is neither. */
import type { Answer, RuleText } from "../model/answer.ts";
import { hex } from "../model/range_list.ts";
import type { AttemptVerdict } from "../report/events.ts";
import { type Difference, difference } from "./observation.ts";
import type { Prediction } from "./prediction.ts";

/** A verdict, and what it is about. */
export interface Judgement {
  readonly verdict: AttemptVerdict;
  /** The step that the verdict is about, and what was done in it; not for match. */
  readonly stepIndex?: number | undefined;
  readonly actionText?: string;
  readonly difference?: Difference;
  /** What decided the prediction that didn't hold, where something did. */
  readonly rule?: RuleText | undefined;
}

/**
 * Compares with what is right and with what this kernel version is known to do. Doing what is right is never
 * an alarm; a mismatch is told against the prediction that held longer.
 */
export function judge(prediction: Prediction, observed: readonly Answer[]): Judgement {
  const right = firstDifference(prediction, observed, "right");
  if (!right) return { verdict: "match" };
  const real = firstDifference(prediction, observed, "real");
  if (!real) return { verdict: "known", ...where(prediction, right) };
  const later = right.actionIndex > real.actionIndex ? right : real;
  const told = where(prediction, later);
  const cannotPrepare = told.stepIndex === undefined && observed[later.actionIndex]?.errno !== null;
  return { verdict: cannotPrepare ? "harness-fault" : "mismatch", ...told };
}

/**
 * What differed before the probe was at a loss, which may be why it was: what a kernel refuses to open has no handle
 * that later requests could name.
 */
export function mismatchSoFar(
  prediction: Prediction,
  observed: readonly Answer[],
): Judgement | undefined {
  const actions = prediction.actions.slice(0, observed.length);
  const judged = judge({ ...prediction, actions }, observed);
  return judged.verdict === "mismatch" ? judged : undefined;
}

/** An answer that is not the predicted one, and which one it is. */
interface Departure {
  readonly actionIndex: number;
  readonly difference: Difference;
  readonly mode: Mode;
}

/** Which of the two predictions. */
type Mode = "right" | "real";

/** A departure for the user to read. */
function where({ actions }: Prediction, { actionIndex, difference, mode }: Departure) {
  const { action, stepIndex } = actions[actionIndex] ?? {};
  const rule = ruleOf(actions.slice(0, actionIndex + 1), mode);
  return { stepIndex, actionText: action?.text ?? "", difference, rule };
}

/** What decided the last answer. A read-back has no rule: it shows what a call before it in its step has done. */
function ruleOf(actions: Prediction["actions"], mode: Mode): RuleText | undefined {
  const stepIndex = actions.at(-1)?.stepIndex;
  return actions.findLast((action) => action.stepIndex === stepIndex && action[mode].rule)?.[mode].rule;
}

function firstDifference(
  prediction: Prediction,
  observed: readonly Answer[],
  mode: Mode,
): Departure | undefined {
  for (const [actionIndex, predictedAction] of prediction.actions.entries()) {
    const answer = observed[actionIndex];
    if (!answer) throw new RangeError(`no answer to action ${actionIndex}`);
    const found = difference(predictedAction[mode], answer);
    if (found) return { actionIndex, difference: found, mode };
  }
  return undefined;
}

/**
 * Locked memory that stays where none should, or not as much as the known fault leaves.
 * @param pages more of them than before the scenario
 */
export function leftOver({ leakedPages }: Prediction, pages: bigint): Partial<Judgement> {
  if (pages === 0n) return {};
  if (pages === leakedPages) return { verdict: "known" };
  return {
    verdict: "mismatch",
    actionText: "close everything",
    rule: leakedPages === 0n ? "§8 row 4" : "§12 R1a",
    difference: { predicted: `vmlck=${hex(leakedPages)}`, observed: `vmlck=${hex(pages)}` },
  };
}
