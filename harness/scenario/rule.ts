/** Rules: what a scenario says of the specification that it exercises. */
import * as z from "zod";

/** Neighbouring rows of a section; a single one is its own neighbour. */
export interface Rows {
  readonly first: string;
  readonly last: string;
}

/** A section of the specification, or some of its rows. */
export interface Reference {
  /** As it is written: `§2.1 rows 9 and 13`. */
  readonly text: string;
  /** `2.1` */
  readonly section: string;
  /** Empty for the section as a whole. */
  readonly rows: readonly Rows[];
}

export interface Rule {
  readonly text: string;
  readonly references: readonly Reference[];
}

const REFERENCE = /^§(\d+(?:\.\d+)*)(?: +(rows?|programs?))?(?: +(.+))?$/;
const ROWS = /^([A-Z]?\d+[a-z]?)(?: *(?:–|-|to) *([A-Z]?\d+[a-z]?))?$/;

/** Where the programs of §12 stand: they are its rows. */
const PROGRAMS = "12.2";

/**
 * Reads `§2.2`, `§4.1 rows 2, 4 and 7`, `§4.1 rows 2–6`, `§12 R1b`, `§12 program 8`, or several of these with
 * commas between them. Whether the specification has them isn't asked, see {@linkcode Specification}.
 *
 * @throws RangeError for anything else
 */
export function parseRule(text: string): Rule {
  return { text, references: text.split(/, *(?=§)/).map(parseReference) };
}

function parseReference(text: string): Reference {
  const [, section, word, list] = REFERENCE.exec(text) ?? [];
  if (section === undefined || (word !== undefined) !== /^\d/.test(list ?? "")) {
    throw new RangeError(
      `${text} names no rule; write a section (§2.2), its rows (§4.1 rows 2 and 8) or its ids (§12 R1b)`,
    );
  }
  const isProgram = section === "12" && word?.startsWith("program") === true;
  const rows = list?.split(/ *, *| +and +/) ?? [];
  return {
    text,
    section: isProgram ? PROGRAMS : section,
    rows: rows.map((part) => parseRows(text, part)),
  };
}

function parseRows(text: string, part: string): Rows {
  const [, first, last = first] = ROWS.exec(part) ?? [];
  if (first === undefined || last === undefined) {
    throw new RangeError(`${text}: ${part} is no row; write 3, 3a, R1b, 2–6 or 2 to 6`);
  }
  return { first, last };
}

/** A rule in a YAML file. */
export const RULE = z.string()
  .regex(/§/, "name the section of the specification that this exercises, such as §2.2")
  .transform((text, context) => {
    try {
      return parseRule(text);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      context.addIssue({ code: "custom", message: error.message });
      return z.NEVER;
    }
  });
