/** The files that are kept of a divergence: a scenario to play again, and a trace of every call. */
import { join } from "node:path";
import type { Explain } from "../check/attempt.ts";
import type { CellPlan } from "../check/cell_plan.ts";
import type { Execution } from "../check/execution.ts";
import { answerText } from "../model/answer.ts";
import { parseScenarios, type Scenario } from "../scenario/scenario.ts";
import type { Find } from "./examination.ts";
import type { Playable } from "./playable.ts";
import { remarksOf, scenarioText } from "./scenario_file.ts";

/** What is to be written of it. */
export interface Record {
  readonly name: string;
  readonly seed: number;
  readonly find: Find;
  /** What was made of it, how that went, and what there is to say besides. */
  readonly playable: Playable;
  readonly execution: Execution;
  readonly notes: readonly string[];
}

/** Writes them into the cell's folder; the scenario is told as it stands in its file. */
export async function writeDivergence(
  plan: CellPlan,
  record: Record,
): Promise<{ scenario: Scenario; scenarioFile: string }> {
  const scenarioFile = join(plan.artifactsDir, `${record.name}.yaml`);
  const text = textOf(plan, record);
  await Deno.mkdir(plan.artifactsDir, { recursive: true });
  await Deno.writeTextFile(scenarioFile, text);
  await Deno.writeTextFile(join(plan.artifactsDir, `${record.name}.trace`), traceText(record));
  const [scenario = record.playable.scenario] = parseScenarios(text, scenarioFile, "explore");
  return { scenario, scenarioFile };
}

function textOf(plan: CellPlan, { name, seed, find, playable, execution, notes }: Record): string {
  const { kernelSpec: kernel, qemuSpec: qemu, machine: { name: machine }, id, ignoresDeviations, explain } =
    plan;
  const { index, playable: { sequence: { steps } } } = find;
  const { sequence, prediction } = playable;
  return scenarioText({
    name,
    ...(execution.rule === undefined ? {} : { rule: execution.rule }),
    sequence,
    found: {
      kernel,
      qemu,
      machine,
      seed,
      sequence: index,
      ...(ignoresDeviations ? { "no-deviations": true } : {}),
    },
    about: [
      `Found by explore on ${id}: sequence ${index} of seed ${seed}, of ${steps.length} steps; ${
        notes.join("; ")
      }.`,
      ...aboutExecution(execution, explain),
      "Beside each step is what was predicted, and by which rule.",
    ],
    remarks: remarksOf(sequence.steps.length, prediction.actions),
  });
}

function aboutExecution(
  { verdict, stepIndex, actionText, difference, rule, reason, console = [] }: Execution,
  explain: Explain = (rule) => rule,
): string[] {
  const where = stepIndex === undefined ? "" : ` at step ${stepIndex + 1}`;
  return [
    `${verdict}${where}${actionText === undefined ? "" : `: ${actionText}`}`,
    ...(difference ? [`predicted ${difference.predicted}`] : []),
    ...(rule === undefined ? [] : [`because   ${explain(rule)}`]),
    ...(difference ? [`observed  ${difference.observed}`] : []),
    ...(reason === undefined ? [] : [reason]),
    ...console.slice(0, CONSOLE_LINES_MOST),
  ].flatMap((text) => text.split("\n"));
}

const CONSOLE_LINES_MOST = 20;

/** Every call, what was predicted of it and what was observed. */
function traceText({ playable: { prediction: { actions } }, execution: { observed = [] } }: Record): string {
  return actions.map(({ action, stepIndex, right, real }, index) => {
    const answer = observed[index];
    const [predicted, seen] = [answerText(real), answer ? answerText(answer) : "?"];
    const known = answerText(right) === predicted ? "" : `   right: ${answerText(right)}`;
    const mark = answer && seen !== predicted ? "!" : " ";
    const step = stepIndex === undefined ? "-" : String(stepIndex + 1);
    return `${mark} ${
      step.padStart(3)
    }  ${action.text}\n         predicted ${predicted}${known}\n         observed  ${seen}\n`;
  }).join("");
}
