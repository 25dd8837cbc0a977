/** What a line that is being typed may go on with. */
import * as z from "zod";
import { EXPECTATION_SHAPE } from "../../scenario/expectation.ts";
import { STEP_KINDS } from "../../scenario/kinds.ts";
import { ADDRESS, CONTAINER, GROUP, PROCESS } from "../../scenario/schemas.ts";
import { alternativesOf, type Shape, shapeOf } from "./step_shape.ts";

/** The names that can be meant right now. */
export interface Names {
  readonly groups: readonly string[];
  readonly containers: readonly string[];
  readonly processes: readonly string[];
  /** Of addresses. */
  readonly symbols: readonly string[];
  /** Of the shell itself. */
  readonly commands: readonly string[];
}

/** Everything that the last word can become, and that word, as readline wants it. */
export type Completion = [candidates: string[], word: string];

/** Completes `map iova=0x1000 si`, and `map: { iova: 0x1000, si` as scenarios write it. */
export function complete(line: string, names: Names): Completion {
  const [, process, rest] = /^\s*in\s+(\S+)\s+(.*)$/s.exec(line) ?? [];
  if (process !== undefined && rest !== undefined) return complete(rest, { ...names, commands: [] });
  if (/^\s*\.\S*$/.test(line)) return dotted(line.trim(), names);
  const word = /[^\s,{}[\]=:]*$/.exec(line)?.[0] ?? "";
  const before = line.slice(0, line.length - word.length);
  return [candidates(before, names).filter((candidate) => candidate.startsWith(word)), word];
}

/** What may follow. */
function candidates(before: string, names: Names): string[] {
  const typed = before.trimStart().replace(/^-\s+/, "");
  if (typed === "") return [...Object.keys(STEP_KINDS), ...names.commands, "in"].map((name) => `${name} `);
  if (/^in\s+$/.test(typed)) return names.processes.map((name) => `${name} `);
  const [, step = "", colon] = /^\{?\s*([a-z-]+)(:?)[\s{]/.exec(typed) ?? [];
  const kind = Object.hasOwn(STEP_KINDS, step) ? STEP_KINDS[step] : undefined;
  if (!kind) return [];
  const shape = shapeOf(kind.schema);
  const key = (colon ? /([a-z-]+):\s*$/ : /([a-z-]+)=$/).exec(typed)?.[1];
  if (key === undefined || key === step) return argumentsOf(shape, typed, colon === ":", names);
  const field = shape.fields.get(key) ?? (EXPECTATION_SHAPE as Readonly<Record<string, z.ZodType>>)[key];
  return field ? valuesOf(field, names) : [];
}

/** What stands for all arguments, where nothing is written yet, and the keys that are left. */
function argumentsOf({ alone, fields }: Shape, typed: string, isYaml: boolean, names: Names): string[] {
  const isFirst = /^\{?\s*[a-z-]+:?\s*$/.test(typed);
  const values = isFirst ? alone.flatMap((one) => valuesOf(one, names)) : [];
  const keys = [...fields.keys()].filter((key) => !isGiven(typed, key));
  if (!isYaml) return [...values, ...keys.map((key) => `${key}=`)];
  if (typed.includes("{")) return [...values, ...keys.map((key) => `${key}: `)];
  return keys.length > 0 ? [...values, "{ "] : values;
}

function dotted(word: string, { commands }: Names): Completion {
  return [commands.map((name) => `.${name} `).filter((candidate) => candidate.startsWith(word)), word];
}

const isGiven = (typed: string, key: string): boolean => new RegExp(`[\\s{,]${key}[=:]`).test(typed);

/** Values that a key takes, as far as they can be listed. */
function valuesOf(field: z.ZodType, names: Names): string[] {
  return [...new Set(alternativesOf(field).flatMap((one) => listed(one, names)))];
}

function listed(schema: z.ZodType, { groups, containers, processes, symbols }: Names): string[] {
  if (schema === GROUP) return [...groups];
  if (schema === CONTAINER) return [...containers];
  if (schema === PROCESS) return [...processes];
  if (ADDRESS_PARTS.includes(schema)) return [...symbols];
  if (schema instanceof z.ZodEnum) return schema.options.map(String);
  if (schema instanceof z.ZodLiteral) return [...schema.values].map(String);
  return schema instanceof z.ZodBoolean ? ["true", "false"] : [];
}

/** An address is a number or a sum, and only sums have names in them. */
const ADDRESS_PARTS: readonly z.ZodType[] = alternativesOf(ADDRESS);
