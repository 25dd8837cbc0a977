/** The model's reasons for its answers, in the words of the specification. */
import { type Answer, answerText } from "../../model/answer.ts";
import { difference } from "../../check/observation.ts";
import { explain, explainBriefly } from "../../scenario/explanation.ts";
import type { Specification } from "../../scenario/specification.ts";
import { deviationText } from "./side_by_side.ts";
import { type Answered, isOwn, type StepReport } from "./session.ts";

/** Why the model says what it says of each thing that a step did: refusals in full, what is allowed in a line. */
export function reasonsText({ answers, deviations }: StepReport, specification: Specification): string[] {
  return [
    ...answers.filter(isOwn).flatMap((answered) => reasonText(answered, specification)),
    ...deviations.map(({ name }) => deviationText(name)),
  ];
}

function reasonText({ action: { text }, right, real }: Answered, specification: Specification): string[] {
  const asIs = [`${text}: ${answerText(right)}`, ...ruleText(right, specification)];
  if (!difference(right, real)) return asIs;
  const isOther = real.rule !== right.rule;
  return [
    ...asIs,
    `kernels of this version: ${answerText(real)}`,
    ...(isOther ? ruleText(real, specification) : []),
  ];
}

function ruleText({ errno, rule }: Answer, specification: Specification): string[] {
  if (rule === undefined) return ["  nothing had to be decided"];
  const text = errno === null ? explainBriefly(specification, rule) : explain(specification, rule);
  return text.split("\n").map((line) => line === "" ? "" : `  ${line}`);
}
