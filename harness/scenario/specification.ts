/** The model's specification as far as scenarios refer to it: its sections and their rows. */
import type { Reference, Rows } from "./rule.ts";

/** A row of a numbered table, an item of a numbered list, or a known fault. */
interface Row {
  /** `3`, `3a`, `R1b` */
  readonly id: string;
  /** Its beginning. */
  readonly about: string;
}

interface Section {
  /** `2.1` */
  readonly number: string;
  readonly title: string;
  readonly rows: Row[];
}

/** What a scenario can be about. */
export interface SpecifiedRule {
  /** `§2.2`, `§2.1 row 10`, `§12 R1b` */
  readonly name: string;
  readonly section: string;
  readonly about: string;
}

const HEADING = /^##+ (\d+(?:\.\d+)*)\.? +(.+)$/;
const LIST_ITEM = /^(\d+)\. +(.+)$/;
/** The first cell of tables whose rows are counted or named. */
const NUMBERED = ["#", "id"];

export class Specification {
  readonly #sections: ReadonlyMap<string, Section>;

  /** @param text Markdown with numbered headings */
  constructor(text: string) {
    this.#sections = sectionsOf(text);
  }

  /**
   * The rules of the chapters, in order: every section that isn't only the heading of others, and every row.
   * @param chapters `1`, `12`
   * @param recipes sections that only tell how to see the rules of others
   */
  rules(chapters: readonly string[], recipes: readonly string[]): SpecifiedRule[] {
    const chosen = [...this.#sections.values()].filter(({ number }) =>
      chapters.includes(number.split(".")[0] ?? "") && !recipes.includes(number)
    );
    return chosen.flatMap(({ number, title, rows }) => [
      ...(this.#hasSubsections(number) ? [] : [{ name: `§${number}`, section: number, about: title }]),
      ...rows.map(({ id, about }) => ({ name: rowName(number, id), section: number, about })),
    ]);
  }

  /**
   * The names of the rules that a reference means.
   * @throws RangeError for a section or row that isn't there
   */
  resolve({ text, section: number, rows }: Reference): string[] {
    const section = this.#sections.get(number);
    if (!section) throw new RangeError(`${text}: the specification has no §${number}`);
    if (rows.length === 0) return [`§${number}`];
    return rows.flatMap((some) => between(section, some)).map((id) => rowName(number, id));
  }

  #hasSubsections(number: string): boolean {
    return [...this.#sections.keys()].some((other) => other.startsWith(`${number}.`));
  }
}

const rowName = (section: string, id: string): string =>
  /^\d/.test(id) ? `§${section} row ${id}` : `§${section} ${id}`;

/** @throws RangeError */
function between({ number, rows }: Section, { first, last }: Rows): string[] {
  const ids = rows.map(({ id }) => id);
  const [from, to] = [first, last].map((id) => {
    if (ids.includes(id)) return ids.indexOf(id);
    throw new RangeError(`§${number} has no row ${id}; it has ${ids.join(", ") || "none at all"}`);
  }) as [number, number];
  if (to < from) throw new RangeError(`§${number} rows ${first} to ${last} end before they begin`);
  return ids.slice(from, to + 1);
}

function sectionsOf(text: string): Map<string, Section> {
  const sections = new Map<string, Section>();
  let section: Section | undefined;
  let inNumberedTable = false;
  let previous = "";
  for (const line of text.split("\n")) {
    const [, number, title] = HEADING.exec(line) ?? [];
    if (number !== undefined && title !== undefined) {
      section = { number, title: plain(title), rows: [] };
      sections.set(number, section);
    }
    const cells = cellsOf(line);
    if (cells === undefined) inNumberedTable = false;
    else if (cellsOf(previous) === undefined) inNumberedTable = NUMBERED.includes(cells[0] ?? "");
    else if (inNumberedTable && !/^-+$/.test(cells[0] ?? "")) {
      section?.rows.push({ id: cells[0] ?? "", about: cells[1] ?? "" });
    }
    const [, item, about] = LIST_ITEM.exec(line) ?? [];
    if (item !== undefined && about !== undefined) section?.rows.push({ id: item, about: plain(about) });
    previous = line;
  }
  return sections;
}

/** The cells of a line of a table; undefined for any other line. */
function cellsOf(line: string): string[] | undefined {
  if (!line.startsWith("|")) return undefined;
  return line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => plain(cell));
}

/** Without emphasis and the tags of where a fact is from. */
const plain = (text: string): string => text.replace(/\*\*|`|\[[A-Z]\]/g, "").trim();
