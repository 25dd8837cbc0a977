/** Sequences as files of scenarios, for people to read and for replay to play. */
import { Document, isMap, isScalar, type Node, visit } from "yaml";
import { type Answer, answerText } from "../model/answer.ts";
import type { Found } from "../scenario/scenario.ts";
import type { PredictedAction } from "../check/two_models.ts";
import { RULE, type Sequence, type WrittenStep } from "./sequence.ts";

export interface ScenarioText {
  readonly name: string;
  /** What it is about; left out, what every sequence is. */
  readonly rule?: string;
  readonly sequence: Sequence;
  readonly found?: Found;
  /** Lines above the scenario. */
  readonly about: readonly string[];
  /** What to say beside each step. */
  readonly remarks: readonly string[];
}

/** What is this deep is written on one line: the needs of a group, the arguments of a step. */
const FLOW_DEPTH = 4;

/** No line is broken that can be read in one. */
const LINE_LENGTH_MOST = 160;

/** A YAML document that the scenario loader takes. */
export function scenarioText({ name, rule = RULE, sequence, found, about, remarks }: ScenarioText): string {
  const { setting, steps } = sequence;
  const document = new Document({
    scenario: name,
    rule,
    ...(found ? { found } : {}),
    ...setting,
    steps: steps.map(bare),
  }, { aliasDuplicateObjects: false });
  document.commentBefore = about.map((line) => ` ${line}`).join("\n");
  visit(document, {
    Scalar: (_, node) => {
      if (typeof node.value === "bigint" && node.value > 9n) node.format = "HEX";
    },
    Map: (_, node, path) => {
      if (path.length > FLOW_DEPTH) node.flow = true;
    },
    Seq: (_, node, path) => {
      if (path.length > FLOW_DEPTH) node.flow = true;
    },
  });
  for (const [index, remark] of remarks.entries()) {
    const step = document.getIn(["steps", index], true) as Node | undefined;
    const last = isMap(step) ? step.items.at(-1)?.value : step;
    if (remark !== "" && (isMap(last) || isScalar(last))) last.comment = ` ${remark}`;
  }
  return document.toString({ lineWidth: LINE_LENGTH_MOST });
}

/** A step that needs no arguments is its name, and an attach to the usual container says the group only. */
function bare(step: WrittenStep): unknown {
  const [[name, args] = [], ...others] = Object.entries(step);
  if (args === null && others.length === 0) return name;
  const { attach } = step;
  const isPlain = typeof attach === "object" && attach !== null && Object.keys(attach).join() === "group";
  return isPlain ? { ...step, attach: Object.values(attach)[0] } : step;
}

/** What was predicted of each step: the answer to its last call, and the rule that decided it. */
export function remarksOf(steps: number, actions: readonly PredictedAction[]): string[] {
  const answers = new Map<number, Answer>();
  for (const { action, stepIndex, real } of actions) {
    if (stepIndex !== undefined && action.text !== "state" && action.changes !== "nothing") {
      answers.set(stepIndex, real);
    }
  }
  return Array.from({ length: steps }, (_, index) => {
    const answer = answers.get(index);
    if (!answer) return "";
    return answer.rule === undefined ? answerText(answer) : `${answerText(answer)}, ${answer.rule}`;
  });
}
