/** A race that went wrong, for a person to follow. */
import { answerText } from "../../model/answer.ts";
import { regionText } from "../../model/reserved.ts";
import { DEFAULT_DMA_ENTRY_LIMIT } from "../../model/state.ts";
import type { Finding } from "./finding.ts";
import type { History, Misfit, Observed, Unexplained } from "./linearize.ts";
import type { Race } from "./race.ts";
import type { Odds } from "./shrink_race.ts";

/** What happened, what was done before, what each thread did and was answered, why that can't be, how often it is so. */
export function findingText({ race, reason, history, unexplained, console }: Finding, odds?: Odds): string {
  return [
    `${reason} (race ${race.index} of seed ${race.seed})`,
    ...labelled("regions", regionLines(race)),
    ...labelled("before", beforeLines(race, history)),
    ...threadLines(race, history).map((line) => `  ${line}`),
    ...(history && unexplained ? afterLines(history, unexplained) : []),
    ...(unexplained ? labelled("but", misfitLines(unexplained)) : []),
    ...labelled("", unexplained?.fitNowhere.map((text) => `${text}: its answer fits in no order`) ?? []),
    ...labelled("odds", odds ? [`it fails ${odds.failures} of ${odds.repetitions} times`] : []),
    ...labelled("kernel", console),
    "",
  ].join("\n");
}

const LABEL_WIDTH = 10;

const labelled = (label: string, lines: readonly string[]): string[] =>
  lines.map((line, index) => `  ${(index === 0 ? label : "").padEnd(LABEL_WIDTH)}${line}`);

const regionLines = ({ regions }: Race): string[] =>
  [...regions].filter(([, list]) => list.length > 0)
    .map(([name, list]) => `${name} ${list.map(regionText).join(" ")}`);

const lineOf = ({ action, answer }: Observed): string => `${action.text}: ${answerText(answer)}`;

/** What every race begins with goes without saying. */
function beforeLines({ setup, mappingLimit }: Race, history: History | undefined): string[] {
  const limit = mappingLimit === DEFAULT_DMA_ENTRY_LIMIT ? [] : [`room for ${mappingLimit} mappings`];
  const done = history?.before.slice(-setup.length || Infinity).map(lineOf);
  return [...limit, ...(done ?? setup.map(({ text }) => text))];
}

/** Both threads side by side. */
function threadLines({ threads }: Race, history: History | undefined): string[] {
  const [left, right] = history
    ? history.threads.map((calls) => calls.map(lineOf))
    : threads.map((actions) => actions.map(({ text }) => text));
  const columns = [left ?? [], right ?? []].map((lines, thread) => [
    `thread ${thread + 1}`,
    ...lines.map((line, index) => `${index + 1} ${line}`),
  ]) as [string[], string[]];
  const width = Math.max(...columns[0].map(({ length }) => length));
  const rows = Math.max(...columns.map(({ length }) => length));
  return Array.from(
    { length: rows },
    (_, row) => `${(columns[0][row] ?? "").padEnd(width)} | ${columns[1][row] ?? ""}`.trimEnd(),
  );
}

/** What was asked afterwards matters where it is what doesn't fit. */
function afterLines({ after }: History, { misfits }: Unexplained): string[] {
  const isTold = misfits.some(({ place }) => place === "after");
  return isTold ? labelled("after", after.map(lineOf)) : [];
}

function misfitLines({ farthest, misfits }: Unexplained): string[] {
  const order = farthest === ""
    ? "at the very beginning"
    : `with ${[...farthest].join(" ")}, which explains most`;
  return [order, ...misfits.map(misfitLine)];
}

const misfitLine = ({ place, text, predicted, observed, rule }: Misfit): string =>
  `${place} (${text}): predicted ${predicted}${
    rule === undefined ? "" : ` by ${rule}`
  }, observed ${observed}`;
