/** Reading YAML files so that every fault is reported as `file:line:column: what; mend`. */
import { isMap, isSeq, LineCounter, parseAllDocuments, visit } from "yaml";
import type { Alias, Document, Node, Pair, Scalar } from "yaml";
import * as z from "zod";
import { UsageError } from "./errors.ts";

/** Where something stands in a file; line and column count from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** `configs/machines/amd.yaml:9:15` */
export const positionText = ({ file, line, column }: Position): string => `${file}:${line}:${column}`;

/** A fault in a configuration file. */
export class ConfigError extends UsageError {
  override readonly name: string = "ConfigError";
  readonly position: Position;
  constructor(position: Position, fault: string) {
    super(`${positionText(position)}: ${fault}`);
    this.position = position;
  }
}

type Path = readonly PropertyKey[];

/** One YAML document that fits its schema. */
export interface Loaded<T> {
  readonly value: T;
  /** Where the value at a path, or the nearest one around it, stands. */
  at(path: Path): Position;
  /** Checks the part of the document at a path against a schema of its own. */
  parse<U>(schema: z.ZodType<U>, path: Path): U;
}

/**
 * Reads every document of a YAML file and checks it against a schema. Whole numbers arrive as bigint.
 * @param file path to read
 * @param shownAs how messages name the file
 * @throws ConfigError for the first fault of syntax or schema; UsageError when the file can't be read
 */
export async function loadYaml<T>(file: string, shownAs: string, schema: z.ZodType<T>): Promise<Loaded<T>[]> {
  let text: string;
  try {
    text = await Deno.readTextFile(file);
  } catch (error) {
    throw new UsageError(`${shownAs}: can't be read (${(error as Error).message})`, { cause: error });
  }
  return parseYaml(text, shownAs, schema);
}

/** The same for a text already at hand. */
export function parseYaml<T>(text: string, shownAs: string, schema: z.ZodType<T>): Loaded<T>[] {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    intAsBigInt: true,
    uniqueKeys: true,
    prettyErrors: false,
  });
  if (documents.length === 0) throw new UsageError(`${shownAs}: is empty; write at least one document`);
  const positionAt = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { file: shownAs, line, column: col };
  };
  return documents.map((document) => {
    const fault = document.errors[0];
    if (fault) throw new ConfigError(positionAt(fault.pos[0]), fault.message.split("\n")[0] ?? fault.code);
    const alias = brokenAlias(document);
    if (alias) {
      const { source, range } = alias;
      throw new ConfigError(
        positionAt(range?.[0] ?? 0),
        `nothing is called ${source}; write &${source} in front of what is meant, further up`,
      );
    }
    const whole: unknown = document.toJS();
    const at = (path: Path) => positionAt(offsetOf(document, path));
    const parse = <U>(schema: z.ZodType<U>, path: Path): U => {
      const checked = schema.safeParse(valueAt(whole, path), { reportInput: true });
      if (checked.success) return checked.data;
      throw issueError(document, positionAt, path, checked.error.issues[0]);
    };
    return { value: parse(schema, []), at, parse };
  });
}

/**
 * What a program has made, in the place of a document: all of it stands at the beginning of what isn't a file.
 * @throws ConfigError for the first fault
 */
export function asLoaded<T>(whole: unknown, shownAs: string, schema: z.ZodType<T>): Loaded<T> {
  const position = { file: shownAs, line: 1, column: 1 };
  const parse = <U>(part: z.ZodType<U>, path: Path): U => {
    const checked = part.safeParse(valueAt(whole, path));
    if (checked.success) return checked.data;
    const [issue] = checked.error.issues;
    const where = [...path, ...(issue?.path ?? [])].map(String).join(".");
    throw new ConfigError(position, `${where}: ${issue?.message ?? "is wrong"}`);
  };
  return { value: parse(schema, []), at: () => position, parse };
}

/** The first alias that stands for nothing. */
function brokenAlias(document: Document.Parsed): Alias | undefined {
  let broken: Alias | undefined;
  visit(document, {
    Alias: (_, alias) => {
      if (alias.resolve(document)) return undefined;
      broken = alias;
      return visit.BREAK;
    },
  });
  return broken;
}

const valueAt = (whole: unknown, path: Path): unknown =>
  path.reduce((value, step) => (value as Record<PropertyKey, unknown>)[step], whole);

function issueError(
  document: Document.Parsed,
  positionAt: (offset: number) => Position,
  within: Path,
  issue: z.core.$ZodIssue | undefined,
): ConfigError {
  const path = [...within, ...(issue?.path ?? [])];
  if (issue?.code === "unrecognized_keys") {
    const key = issue.keys[0] ?? "";
    return new ConfigError(positionAt(offsetOf(document, [...path, key], true)), `unknown key ${key}`);
  }
  if (issue?.code === "invalid_key") {
    const [fault] = issue.issues;
    const where = positionAt(offsetOf(document, path, true));
    return new ConfigError(where, `${path.map(String).join(".")}: ${fault?.message ?? issue.message}`);
  }
  // YAML has no undefined: only what isn't written is.
  if (issue && "input" in issue && issue.input === undefined) {
    const key = path.map(String).join(".");
    return new ConfigError(positionAt(offsetOf(document, path)), `${key} is missing; write it`);
  }
  const where = path.length > 0 ? `${path.map(String).join(".")}: ` : "";
  return new ConfigError(positionAt(offsetOf(document, path)), `${where}${issue?.message ?? "is wrong"}`);
}

/** Offset of the node at a path (of its key, for `ofKey`), or of the last node on the way to it. */
function offsetOf(document: Document.Parsed, path: Path, ofKey = false): number {
  let node: Node | null | undefined = document.contents;
  let offset = node?.range?.[0] ?? 0;
  for (const [depth, step] of path.entries()) {
    const pair = pairOf(node, String(step));
    const key = pair?.key;
    const next: Node | null | undefined = pair ? pair.value : itemOf(node, Number(step));
    if (key?.range && (ofKey || !next) && depth === path.length - 1) return key.range[0];
    if (!next?.range) return key?.range?.[0] ?? offset;
    offset = next.range[0];
    node = next;
  }
  return offset;
}

const pairOf = (node: unknown, name: string): Pair<Scalar, Node | null> | undefined =>
  isMap<Scalar, Node | null>(node) ? node.items.find(({ key }) => String(key.value) === name) : undefined;

const itemOf = (node: unknown, index: number): Node | undefined =>
  isSeq<Node>(node) ? node.items[index] : undefined;
