/** The model's specification as far as scenarios refer to it: its sections and their rows. */
import type { Reference, Rows } from "./rule.ts";

/** A row of a numbered table, an item of a numbered list, or a known fault. */
interface Row {
  /** `3`, `3a`, `R1b` */
  readonly id: string;
  /** Its beginning. */
  readonly about: string;
  /** All of it, on one line. */
  text: string;
}

interface Section {
  /** `2.1` */
  readonly number: string;
  readonly title: string;
  readonly rows: Row[];
  /** As they are written, without the heading. */
  readonly lines: string[];
}

/** What a scenario can be about. */
export interface SpecifiedRule {
  /** `§2.2`, `§2.1 row 10`, `§12 R1b` */
  readonly name: string;
  readonly section: string;
  readonly about: string;
}

/** A rule in the specification's words. */
export interface SpecifiedText {
  /** `§2.2`, `§2.1 row 10`, `§12 R1b` */
  readonly name: string;
  /** A row on one line; of a section its title, with that of what it is part of. */
  readonly text: string;
  /** The lines of a section, tables not aligned. */
  readonly body?: string;
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

  /**
   * What a reference means, in full.
   * @throws RangeError for a section or row that isn't there
   */
  read(reference: Reference): SpecifiedText[] {
    const names = this.resolve(reference);
    const section = this.#sections.get(reference.section);
    if (!section) throw new RangeError("a reference that can be resolved has a section");
    const { number, title, lines, rows } = section;
    if (reference.rows.length === 0) {
      const chapter = this.#sections.get(number.split(".").slice(0, -1).join("."));
      const text = chapter ? `${chapter.title}: ${title}` : title;
      return names.map((name) => ({ name, text, body: lines.map(narrow).join("\n").trim() }));
    }
    const texts = new Map(rows.map(({ id, text }) => [rowName(number, id), text]));
    return names.map((name) => ({ name, text: texts.get(name) ?? "" }));
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
  const reader = new SectionReader();
  for (const line of text.split("\n")) reader.read(line);
  return reader.sections;
}

/** Takes the specification line by line. */
class SectionReader {
  readonly sections = new Map<string, Section>();
  #section: Section | undefined;
  /** The line before, where it may be a table's head. */
  #head: readonly string[] | undefined;
  /** The head of the numbered table that goes on. */
  #table: readonly string[] | undefined;
  /** The list item that goes on. */
  #item: Row | undefined;

  read(line: string): void {
    const [, number, title] = HEADING.exec(line) ?? [];
    if (number !== undefined && title !== undefined) {
      this.#section = { number, title: plain(title), rows: [], lines: [] };
      this.sections.set(number, this.#section);
    } else this.#section?.lines.push(line);
    this.#readTable(cellsOf(line));
    this.#readItem(line);
  }

  #readTable(cells: readonly string[] | undefined): void {
    if (cells === undefined) this.#table = undefined;
    else if (this.#head === undefined) this.#table = NUMBERED.includes(cells[0] ?? "") ? cells : undefined;
    else if (this.#table && !/^-+$/.test(cells[0] ?? "")) {
      const [id = "", about = ""] = cells;
      this.#section?.rows.push({ id, about, text: rowText(this.#table, cells) });
    }
    this.#head = cells;
  }

  #readItem(line: string): void {
    const [, id, about] = LIST_ITEM.exec(line) ?? [];
    if (id !== undefined && about !== undefined) {
      this.#item = { id, about: plain(about), text: plain(about) };
      this.#section?.rows.push(this.#item);
    } else if (/^ +\S/.test(line) && this.#item) this.#item.text += ` ${plain(line)}`;
    else this.#item = undefined;
  }
}

/** Says nothing of the column that it stands in. */
const EMPTY_CELLS = ["", "–"];

/**
 * A row of a table in one line. What it says alike in all columns is said once: `overlap → EEXIST`; otherwise the
 * columns are named: `size == 0; 7.3: EINVAL here`.
 */
function rowText(head: readonly string[], [, about = "", ...cells]: readonly string[]): string {
  const columns = new Map<string, string[]>();
  for (const [index, cell] of cells.entries()) {
    if (!EMPTY_CELLS.includes(cell)) columns.set(cell, [...columns.get(cell) ?? [], head[index + 2] ?? ""]);
  }
  const [first] = columns;
  if (!first) return about;
  if (first[1].length === cells.length) return `${about} → ${first[0]}`;
  return [about, ...[...columns].map(([cell, names]) => `${names.join(", ")}: ${cell}`)].join("; ");
}

/** The cells of a line of a table; undefined for any other line. */
function cellsOf(line: string): string[] | undefined {
  if (!line.startsWith("|")) return undefined;
  return line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => plain(cell));
}

/** A line of a table without what aligns it, any other as it is. */
const narrow = (line: string): string =>
  line.startsWith("|") ? line.replace(/ {2,}/g, " ").replace(/-{4,}/g, "---") : line;

/** Without emphasis and the tags of where a fact is from. */
const plain = (text: string): string =>
  text.replace(/\*\*|`| ?\[[A-Z]\]/g, "").replace(/(?<!\w)_([^_]+)_(?!\w)/g, "$1").trim();
