/** A typed line as the step that a scenario would have. */
import { parseDocument } from "yaml";
import type * as z from "zod";
import { UsageError } from "../../errors.ts";
import { EXPECTATION_SHAPE } from "../../scenario/expectation.ts";
import { STEP_KINDS } from "../../scenario/kinds.ts";
import { near } from "../../scenario/near.ts";
import type { WrittenStep } from "../sequence.ts";
import { isList, shapeOf } from "./step_shape.ts";

/**
 * Reads `map: { iova: 0x1000, size: 4KiB }` as scenarios write it, or `map iova=0x1000 size=4KiB`, or the values alone
 * in the order of their keys, `map 0x1000 4KiB`; with `in p1` in front, what a child does.
 *
 * @throws UsageError, one line, for what is no step; what a step's values may be is seen when it is used
 */
export function readStep(line: string): WrittenStep {
  const text = line.trim().replace(/^-\s+/, "");
  const [, process, rest] = /^in\s+(\S+?):?\s+(.+)$/.exec(text) ?? [];
  if (process !== undefined && rest !== undefined) return { ...readStep(rest), in: process };
  return /^(\{|[\w-]+:(\s|$))/.test(text) ? readYaml(text) : readWords(text);
}

function readYaml(text: string): WrittenStep {
  const document = parseDocument(text, { intAsBigInt: true, prettyErrors: false });
  const [fault] = document.errors;
  if (fault) throw new UsageError(`${text}: ${fault.message.split("\n")[0]}`);
  const written: unknown = document.toJS();
  if (typeof written !== "object" || written === null || Array.isArray(written)) {
    throw new UsageError(`${text}: write a step such as attach: A`);
  }
  const name = Object.keys(written).find((key) => !Object.hasOwn(EXPECTATION_SHAPE, key));
  requireStep(name ?? text);
  return written as WrittenStep;
}

function readWords(text: string): WrittenStep {
  const [name = "", ...words] = wordsOf(text);
  requireStep(name);
  const schema = STEP_KINDS[name]?.schema;
  if (!schema) throw new RangeError(`there is a step ${name}`);
  if (words.length < 2) {
    const value = words[0] === undefined ? null : valueOf(words[0]);
    if (schema.safeParse(value).success) return { [name]: value };
    if (value === null) throw new UsageError(`${name} needs to be told what; ${takesText(schema)}`);
  }
  const reader = new WordReader(name, schema);
  for (const word of words) reader.read(word);
  return reader.written();
}

/** @throws UsageError for a word that is no step */
function requireStep(name: string): void {
  if (Object.hasOwn(STEP_KINDS, name)) return;
  const [like] = near(name, Object.keys(STEP_KINDS));
  const mend = like === undefined ? "`help` lists what there is" : `did you mean ${like}?`;
  throw new UsageError(`no step or command is called ${name}; ${mend}`);
}

/** Makes arguments of words. */
class WordReader {
  readonly #name: string;
  readonly #schema: z.ZodType;
  readonly #fields: ReadonlyMap<string, z.ZodType>;
  readonly #given = new Map<string, unknown>();
  readonly #beside: Record<string, unknown> = {};
  /** The list that further words belong to: `0x0..0xfff reserved` is one item of it. */
  #open: unknown[] | undefined;

  constructor(name: string, schema: z.ZodType) {
    this.#name = name;
    this.#schema = schema;
    this.#fields = shapeOf(schema).fields;
  }

  read(word: string): void {
    const [, key, value] = /^([a-z][a-z-]*)=(.*)$/s.exec(word) ?? [];
    if (key !== undefined && value !== undefined) return this.#give(key, valueOf(value));
    if (this.#open) return this.#goOn(this.#open, word);
    const free = [...this.#fields].find(([key, field]) =>
      !this.#given.has(key) && field.safeParse(isList(field) ? [word] : valueOf(word)).success
    );
    if (!free) throw new UsageError(`${this.#name}: what is ${word}? ${takesText(this.#schema)}`);
    this.#give(free[0], valueOf(word));
  }

  written(): WrittenStep {
    return { [this.#name]: Object.fromEntries(this.#given), ...this.#beside };
  }

  #give(key: string, value: unknown): void {
    this.#open = undefined;
    if (Object.hasOwn(EXPECTATION_SHAPE, key)) {
      this.#beside[key] = value;
      return;
    }
    const field = this.#fields.get(key);
    if (!field) throw new UsageError(`${this.#name} has no ${key}; ${this.#mend(key)}`);
    if (isList(field)) return this.#giveList(key, value);
    if (this.#given.has(key)) throw new UsageError(`${this.#name}: ${key} is given twice; write it once`);
    this.#given.set(key, value);
  }

  #giveList(key: string, value: unknown): void {
    const list = this.#given.get(key) as unknown[] | undefined ?? [];
    list.push(...Array.isArray(value) ? value : [value]);
    this.#given.set(key, list);
    this.#open = list;
  }

  #goOn(list: unknown[], word: string): void {
    list.push(`${list.pop()} ${word}`);
  }

  #mend(key: string): string {
    const [like] = near(key, [...this.#fields.keys()]);
    return like === undefined ? takesText(this.#schema) : `did you mean ${like}?`;
  }
}

function takesText(schema: z.ZodType): string {
  const { alone: [first], fields } = shapeOf(schema);
  if (fields.size > 0) return `it takes ${[...fields.keys()].join(", ")}`;
  return first?.safeParse("").error?.issues[0]?.message ?? "it takes one word";
}

const WORD = /(?:[^\s"'{}[\]]|"[^"]*"|'[^']*'|\{[^{}]*\}|\[[^[\]]*\])+/g;

/** Words with blanks between them; quotes and brackets hold together what is inside. */
function wordsOf(text: string): string[] {
  const rest = text.replaceAll(WORD, "").trim();
  if (rest === "") return text.match(WORD) ?? [];
  throw new UsageError(`${text}: ${rest[0]} has no partner; close what it opens`);
}

/** The value that a word stands for; quoted text and brackets mean what they do in scenarios. */
function valueOf(word: string): unknown {
  if (/^(0[xX][0-9a-fA-F]+|\d+)$/.test(word)) return BigInt(word);
  if (word === "true" || word === "false") return word === "true";
  if (!/^["'{[]/.test(word)) return word;
  const document = parseDocument(word, { intAsBigInt: true, prettyErrors: false });
  const [fault] = document.errors;
  if (fault) throw new UsageError(`${word}: ${fault.message.split("\n")[0]}`);
  return document.toJS();
}
