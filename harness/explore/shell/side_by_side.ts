/** A step as a person reads it: kernel and model side by side, and why they differ where that is known. */
import { difference } from "../../check/observation.ts";
import { type Answer, answerText } from "../../model/answer.ts";
import { DEVIATIONS } from "../../model/semantics.ts";
import { visibleLine } from "../../report/visible.ts";
import { readBackAction } from "../../scenario/steps/info.ts";
import { inColumns, sideBySide } from "./columns.ts";
import type { Standing } from "../../check/comparison.ts";
import type { Paint, Tone } from "./paint.ts";
import { type Answered, isDifferent, isProof, type StepReport, type Trouble } from "./session.ts";

/** A line of the table. */
interface Row {
  readonly what: string;
  readonly kernel: string;
  readonly model: string;
  readonly standing: Standing;
  /** It is as it was before the step. */
  readonly isOld?: boolean;
}

/** An answer up to this length stands on one line. */
const SHORT = 34;

/** Of mark, what, kernel: tables of steps that follow each other look alike as far as they can. */
const WIDTHS = [1, 34, 26];

const MARKS: Readonly<Record<Standing, string>> = { same: " ", known: "~", different: "≠" };

/**
 * What came of a step, line by line.
 * @param before what came of the step before it: what hasn't changed since is less worth seeing
 */
export function reportText(report: StepReport, paint: Paint, before?: StepReport): string[] {
  const { number, text } = report;
  const heading = number === 0 ? text : `${number}  ${text}`;
  return [
    paint("heading", heading),
    ...tableText(rowsOf(report.answers, stateIn(before)), paint),
    ...notes(report, paint),
  ];
}

/** The same on a line where there is nothing to look at. */
export const briefText = (report: StepReport, paint: Paint): string[] =>
  report.answers.every(({ kernel, ...answer }) =>
      kernel && "standing" in answer && answer.standing === "same"
    ) &&
    !report.trouble
    ? [`${report.number}  ${report.text}: ${paint("faint", "as predicted")}`]
    : reportText(report, paint);

function tableText(rows: readonly Row[], paint: Paint): string[] {
  const head = [" ", "", "kernel", "model"];
  const [headLine = "", ...lines] = inColumns([
    head,
    ...rows.map(({ what, kernel, model, standing }) =>
      [MARKS[standing], what, kernel, model].map(visibleLine)
    ),
  ], WIDTHS);
  return [
    paint("faint", headLine),
    ...lines.map((line, index) => {
      const { standing = "same", isOld } = rows[index] ?? {};
      if (standing !== "same") return paint(standing, line);
      return isOld ? paint("faint", line) : line;
    }),
  ];
}

/** What was read back last. */
const stateIn = (report: StepReport | undefined): Answer | undefined =>
  report?.answers.findLast(({ action }) => action === readBackAction)?.kernel;

function rowsOf(answers: readonly Answered[], before: Answer | undefined): Row[] {
  const lastReadBack = answers.findLastIndex(({ action }) => action === readBackAction);
  const isWorthSeeing = (answer: Answered, index: number) =>
    standingOf(answer) !== "same" ||
    (index === lastReadBack || answer.action !== readBackAction) && !isProof(answer);
  const proofs = answers.filter((answer) => isProof(answer) && standingOf(answer) === "same");
  return [
    ...answers.filter(isWorthSeeing).flatMap((answer) =>
      answer.action === readBackAction ? stateRows(answer, before) : answerRows(answer)
    ),
    ...(proofs.length > 0 ? [proofRow(proofs.length)] : []),
  ];
}

function proofRow(count: number): Row {
  const text = `${count}, still mapped`;
  return { what: "first and last pages", kernel: text, model: text, standing: "same" };
}

const standingOf = (answer: Answered): Standing => answer.kernel ? answer.standing : "different";

/** What the model says, right or as known of the kernel, whichever the kernel agrees with; else what is right. */
function modelsAnswer({ right, real, kernel }: Answered): Answer {
  return kernel && difference(right, kernel) && !difference(real, kernel) ? real : right;
}

/** The model's word on an answer that is known to be wrong is what would be right. */
const shownAnswer = (answer: Answered): Answer =>
  standingOf(answer) === "same" ? modelsAnswer(answer) : answer.right;

function answerRows(answer: Answered): Row[] {
  const { action: { text }, kernel } = answer;
  const standing = standingOf(answer);
  const model = shownAnswer(answer);
  const kernelText = kernel ? answerText(kernel) : "no answer";
  const isShort = [kernelText, answerText(model)].every(({ length }) => length <= SHORT);
  if (!kernel || isShort) {
    return [{ what: text, kernel: kernelText, model: answerText(model), standing }, ...knownRows(answer)];
  }
  const heads = { kernel: kernel.errno ?? "ok", model: model.errno ?? "ok" };
  const head = { what: text, ...heads, standing: heads.kernel === heads.model ? "same" : standing } as const;
  return [head, ...valueRows(kernel, model, standing, (key) => `  ${key}`), ...knownRows(answer)];
}

/** What kernels of this version are known to say, where the kernel said neither that nor what is right. */
function knownRows(answer: Answered): Row[] {
  const { right, real } = answer;
  if (standingOf(answer) !== "different" || answerText(right) === answerText(real)) return [];
  const told = difference(real, right) ?? { predicted: answerText(real) };
  return [{ what: "  known of its version", kernel: "", model: told.predicted, standing: "different" }];
}

function stateRows(answer: Answered, before: Answer | undefined): Row[] {
  const model = shownAnswer(answer);
  const standing = standingOf(answer);
  if (!answer.kernel) return [{ what: "state", kernel: "no answer", model: "", standing }];
  const rows = valueRows(answer.kernel, model, standing, stateName);
  const isOld = (key: string) => before !== undefined && before.values[key] === answer.kernel?.values[key];
  return [...rows.map((row) => ({ ...row, isOld: isOld(row.key) })), ...knownRows(answer)];
}

const STATE_NAMES: Readonly<Record<string, string>> = {
  vmlck: "locked pages",
  pgsizes: "page sizes",
  avail: "mappings left",
  ranges: "list",
};

/** `c0 list` for `c0.ranges`. */
function stateName(key: string): string {
  const [last = "", owner] = key.split(".").reverse();
  const name = STATE_NAMES[last] ?? last;
  return owner === undefined ? name : `${owner} ${name}`;
}

/** A row for each value, several for a list. */
function valueRows(
  kernel: Answer,
  model: Answer,
  standing: Standing,
  name: (key: string) => string,
): (Row & { readonly key: string })[] {
  const keys = [...new Set([...Object.keys(model.values), ...Object.keys(kernel.values)])];
  return keys.flatMap((key) =>
    sideBySide(itemsOf(kernel, key), itemsOf(model, key)).map(({ left, right, isAlike }, index) => ({
      key,
      what: index === 0 ? name(key) : "",
      kernel: left,
      model: right,
      standing: isAlike ? "same" as const : standing,
    }))
  );
}

/** The items of a value, pages as decimal numbers. */
function itemsOf({ values }: Answer, key: string): string[] {
  const value = values[key];
  if (value === undefined) return ["absent"];
  return /(^|\.)vmlck$/.test(key) && value.startsWith("0x") ? [String(BigInt(value))] : value.split(",");
}

function notes(report: StepReport, paint: Paint): string[] {
  const { deviations, answers, contradiction, trouble, partedAt, number } = report;
  const said = (tone: Tone, ...texts: readonly string[]) => texts.map((text) => paint(tone, text));
  const isKnown = answers.some((answer) => answer.kernel && answer.standing === "known");
  return [
    ...said(
      "known",
      ...deviations.map(({ name, firstAt }) =>
        `~ ${firstAt === number ? deviationText(name) : `known deviation ${name}, as at step ${firstAt}`}`
      ),
    ),
    ...(isKnown && deviations.length === 0 ? said("known", "~ known of kernels of this version") : []),
    ...(isDifferent(report) && !trouble ? said("different", partingText(number, partedAt)) : []),
    ...(contradiction === undefined ? [] : said("known", `! ${contradiction}`)),
    ...(trouble ? troubleText(trouble, paint) : []),
  ];
}

/** What went wrong, and what the kernel said. */
export const troubleText = ({ kind, message, console }: Trouble, paint: Paint): string[] => [
  paint("different", `! ${kind}: ${visibleLine(message)}`),
  ...console.filter((line) => line.trim() !== "").map((line) => paint("faint", `  ${visibleLine(line)}`)),
];

function partingText(number: number, partedAt: number | undefined): string {
  if (partedAt === undefined || partedAt === number) {
    return "≠ not what the model says: here the kernel parts from it";
  }
  return `≠ not what the model says; they parted at step ${partedAt}, and this may come of it`;
}

/** What is known to be wrong, and where the specification tells of it. */
export function deviationText(name: string): string {
  const { summary = "", spec = "" } = DEVIATIONS.find((deviation) => deviation.name === name) ?? {};
  return `known deviation ${name}: ${summary} [${spec}]`;
}
