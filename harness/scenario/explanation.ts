/** Why the model answers as it does: the rule that decided, in the words of the specification. */
import { parseRule } from "./rule.ts";
import type { Specification, SpecifiedText } from "./specification.ts";

/**
 * The rules that an answer's `rule` names, with all that the specification says: rows in one line each, sections in
 * full.
 * @throws RangeError for what names no rule of the specification
 */
export function explain(specification: Specification, rule: string): string {
  return readRule(specification, rule).map((text) => [line(text), text.body ?? ""].join("\n\n").trim())
    .join("\n\n");
}

/**
 * The same on one line, sections by their titles: `§4.1 row 8: overlap with an existing mapping (any byte) → EEXIST`.
 * @throws RangeError for what names no rule of the specification
 */
export const explainBriefly = (specification: Specification, rule: string): string =>
  readRule(specification, rule).map(line).join("; ");

const readRule = (specification: Specification, rule: string): SpecifiedText[] =>
  parseRule(rule).references.flatMap((reference) => specification.read(reference));

const line = ({ name, text }: SpecifiedText): string => `${name}: ${text}`;
