/** Narrowing a selection: of the scenarios that were named, those that are like this. */
import { UsageError } from "../errors.ts";
import { near } from "./near.ts";
import type { Scenario } from "./scenario.ts";
import { wildcards } from "./suite.ts";

/** What scenarios must be like; empty lists ask for nothing. */
export interface Narrowing {
  /** Parts of an id, a rule or a file, or patterns with `*` for the whole of one; any of them will do. */
  readonly filters: readonly string[];
  /** Any of these will do; `!slow` leaves out what is slow, whatever else it is. */
  readonly tags: readonly string[];
}

/**
 * The scenarios that pass, in their own order.
 * @throws UsageError when none does, or when a filter or tag fits none, with what is like it
 */
export function narrow(scenarios: readonly Scenario[], { filters, tags }: Narrowing): Scenario[] {
  for (const filter of filters) requireFit(scenarios, filter);
  for (const tag of tags) requireTag(scenarios, bare(tag));
  const wanted = tags.filter((tag) => !isExclusion(tag));
  const unwanted = tags.filter(isExclusion).map(bare);
  const left = scenarios.filter((scenario) =>
    isAny(filters, (filter) => fits(scenario, filter)) &&
    isAny(wanted, (tag) => scenario.tags.includes(tag)) &&
    !unwanted.some((tag) => scenario.tags.includes(tag))
  );
  if (left.length > 0) return left;
  const asked = [...filters.map((filter) => `--filter ${filter}`), ...tags.map((tag) => `--tag ${tag}`)];
  throw new UsageError(
    `none of the ${scenarios.length} scenarios is left by ${asked.join(" ")}; ask for less at once`,
  );
}

const isExclusion = (tag: string): boolean => tag.startsWith("!");

const bare = (tag: string): string => tag.replace(/^!/, "");

/** Whether one of the wishes is met; with no wish everything will do. */
const isAny = (wishes: readonly string[], isMet: (wish: string) => boolean): boolean =>
  wishes.length === 0 || wishes.some(isMet);

function fits({ id, rule, position: { file } }: Scenario, filter: string): boolean {
  const texts = [id, rule, file];
  if (!filter.includes("*")) return texts.some((text) => text.includes(filter));
  const pattern = wildcards(filter);
  return texts.some((text) => pattern.test(text));
}

function requireFit(scenarios: readonly Scenario[], filter: string): void {
  if (filter === "") {
    throw new UsageError("--filter: is empty and fits everything; write a part of a name, or leave it out");
  }
  if (scenarios.some((scenario) => fits(scenario, filter))) return;
  throw new UsageError(
    `--filter ${filter}: fits none of the ${scenarios.length} scenarios by id, rule or file; ${
      mend(filter, wordsOf(scenarios), "`deno task iovacheck scenarios` lists them")
    }`,
  );
}

function requireTag(scenarios: readonly Scenario[], tag: string): void {
  const tags = [...new Set(scenarios.flatMap((scenario) => scenario.tags))].sort();
  if (tags.includes(tag)) return;
  const known = tags.length > 0 ? `there are ${tags.join(", ")}` : "none of them has any";
  throw new UsageError(
    `--tag ${tag}: none of the ${scenarios.length} scenarios has it; ${mend(tag, tags, known)}`,
  );
}

function mend(word: string, names: readonly string[], otherwise: string): string {
  const like = near(word, names);
  return like.length > 0 ? `did you mean ${like.join(" or ")}?` : otherwise;
}

/** Everything that a filter is likely to be meant for: ids, their words, rules, files. */
function wordsOf(scenarios: readonly Scenario[]): string[] {
  const words = scenarios.flatMap(({ id, references, position: { file } }) => [
    ...id.split(/[/-]/),
    ...references.map(({ text }) => text),
    id,
    file,
    file.split("/").at(-1) ?? file,
  ]);
  return [...new Set(words)];
}
