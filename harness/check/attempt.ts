/** Attempts: a scenario may be played more than once, and no attempt is forgotten. */
import { positionText } from "../config.ts";
import { BootTimeout, GuestLost } from "../guest/guest_lost.ts";
import type { RuleText } from "../model/answer.ts";
import type { CellEnd, Failure, ScenarioEnd, Verdict } from "../report/events.ts";
import type { Scenario } from "../scenario/scenario.ts";
import type { Execution } from "./execution.ts";

/** A scenario, played once. */
export interface Attempt {
  readonly execution: Execution;
  /** Which of the cell's guests it was played on, from 1. */
  readonly guest: number;
  readonly durationMs: number;
}

/** Whether there is nothing to try again. */
export const passed = ({ execution: { verdict } }: Pick<Attempt, "execution">): boolean =>
  verdict === "match" || verdict === "known";

/**
 * What the attempts come to. One that passes after others failed doesn't make up for them: the scenario is
 * flaky.
 */
export function verdictOf(attempts: readonly Attempt[]): Verdict {
  const last = attempts.at(-1);
  if (last && passed(last) && attempts.length > 1) return "flaky";
  return toldOf(attempts).execution.verdict;
}

/** The attempt to tell of: the first that failed, a fault of the harness only if nothing else did. */
export function toldOf(attempts: readonly Attempt[]): Attempt {
  const failed = attempts.filter((attempt) => !passed(attempt));
  const told = failed.find(({ execution }) => execution.verdict !== "harness-fault") ?? failed[0] ??
    attempts[0];
  if (!told) throw new RangeError("a verdict needs an attempt");
  return told;
}

/** Puts a rule into words. */
export type Explain = (rule: RuleText) => string;

/** What went wrong in an attempt, if anything did. */
export function causeOf(
  scenario: Scenario,
  { execution }: Pick<Attempt, "execution">,
  explain: Explain = (rule) => rule,
): Pick<ScenarioEnd, "reason" | "failure"> {
  const { reason, console = [] } = execution;
  const said = [...(reason === undefined ? [] : [reason]), ...console].join("\n");
  return {
    ...(said === "" ? {} : { reason: said }),
    ...("actionText" in execution ? { failure: failureOf(scenario, execution, explain) } : {}),
  };
}

function failureOf(
  scenario: Scenario,
  { stepIndex, actionText, difference, rule, reason }: Execution,
  explain: Explain,
): Failure {
  const step = stepIndex === undefined ? undefined : scenario.steps[stepIndex];
  return {
    step: stepIndex === undefined ? 0 : stepIndex + 1,
    text: step ? `${step.text} (${actionText})` : actionText ?? "",
    position: positionText(step?.position ?? scenario.position),
    predicted: difference?.predicted ?? "an answer",
    ...(rule === undefined ? {} : { because: explain(rule) }),
    observed: difference?.observed ?? reason ?? "",
    rule: scenario.rule,
  };
}

/** What kept a cell from being tested, in words for its end. */
export function faultOf(error: Error): NonNullable<CellEnd["fault"]> {
  const [verdict, console] = error instanceof GuestLost
    ? [error.loss, error.console] as const
    : ["harness-fault", []] as const;
  const mend = error instanceof BootTimeout ? "; --boot-timeout SECONDS gives it longer" : "";
  return { verdict, text: [`${error.message}${mend}`, ...console].join("\n") };
}
