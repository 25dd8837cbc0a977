import { stringify } from "yaml";
import { visible, visibleLine } from "./visible.ts";

/** Lines are cut here: names are for people. */
const NAME_LENGTH_MAX = 300;

/** Longer diagnostics are cut; all of it is in events.jsonl. */
const TEXT_LENGTH_MAX = 16_384;

/** One test point. */
export interface Point {
  ok: boolean;
  /** Place in its plan, from 1. */
  number: number;
  name: string;
  /** `SKIP` or `TODO` with its reason. TAP's TODO marks a failure that is known and doesn't count. */
  directive?: { kind: "SKIP" | "TODO"; reason: string };
  /** Printed unless there is a directive. */
  durationMs?: number;
  /** Printed as a YAML block; absent values are left out. */
  diagnostics?: Record<string, string | number | undefined>;
}

/** A test point as lines of TAP 14. No name or value can make it more than one point. */
export function pointLines(point: Point): string[] {
  const head = `${point.ok ? "ok" : "not ok"} ${point.number} - ${
    escaped(nameText(point.name) || "(no name)")
  }`;
  return [head + tail(point), ...(point.diagnostics === undefined ? [] : yamlBlock(point.diagnostics))];
}

/** The line that opens a subtest; the point that closes it has the same name. */
export function subtestLine(name: string): string {
  return `# Subtest: ${nameText(name) || "(no name)"}`;
}

/** The line after which a reader of TAP expects nothing more. */
export function bailOutLine(reason: string): string {
  return `Bail out! ${escaped(nameText(reason))}`.trimEnd();
}

/** A comment: one line, whatever the text. */
export function commentLine(text: string): string {
  return `# ${visibleLine(text)}`;
}

function tail({ directive, durationMs }: Point): string {
  if (directive !== undefined) return ` # ${directive.kind} ${escaped(nameText(directive.reason))}`.trimEnd();
  return durationMs === undefined ? "" : ` # time=${Math.round(durationMs)}ms`;
}

/** A name as a point shows it: one line, cut where it is long. */
export function nameText(text: string): string {
  const line = cut(visibleLine(text).trim(), NAME_LENGTH_MAX, "…").trim();
  // A brace at the end would open a subtest.
  return line.replace(/\{$/, "\\x7b");
}

function escaped(name: string): string {
  return name.replaceAll("\\", "\\\\").replaceAll("#", "\\#");
}

function yamlBlock(diagnostics: Record<string, string | number | undefined>): string[] {
  const entries = Object.entries(diagnostics).filter(([, value]) => value !== undefined);
  const readable = entries.map((
    [key, value],
  ) => [key, typeof value === "string" ? diagnostic(value) : value]);
  const yaml = stringify(Object.fromEntries(readable), { lineWidth: 0 }).trimEnd();
  return ["---", ...yaml.split("\n"), "..."].map((line) => `  ${line}`);
}

// Lines lose their trailing blanks, so that the block stays a readable literal.
function diagnostic(text: string): string {
  const tidy = visible(text).replace(/ +$/gm, "").replace(/\n+$/, "");
  return cut(tidy, TEXT_LENGTH_MAX, "\n… the rest is in events.jsonl");
}

function cut(text: string, lengthMax: number, mark: string): string {
  return text.length <= lengthMax ? text : text.slice(0, lengthMax).toWellFormed() + mark;
}
