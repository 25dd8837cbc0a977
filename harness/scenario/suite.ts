/** Suites: named selections of scenarios. */
import * as z from "zod";
import { type Loaded, loadYaml, parseYaml, type Position } from "../config.ts";
import { UsageError } from "../errors.ts";
import { near } from "./near.ts";
import type { Scenario } from "./scenario.ts";

/** One document of a suite file. */
export const SUITE_SCHEMA = z.strictObject({
  suite: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, "write a name such as seed"),
  scenarios: z.array(z.string()).min(1, "write at least one folder, scenario or pattern with *"),
});

export interface Suite {
  readonly name: string;
  /** Folders, ids of scenarios, or patterns with `*`. */
  readonly selectors: readonly string[];
  readonly position: Position;
}

/**
 * Reads the suites of a file.
 * @throws ConfigError that points at the first fault
 */
export async function loadSuites(file: string, shownAs: string): Promise<Suite[]> {
  return (await loadYaml(file, shownAs, SUITE_SCHEMA)).map(toSuite);
}

/** The same for a text already at hand. */
export const parseSuites = (text: string, shownAs: string): Suite[] =>
  parseYaml(text, shownAs, SUITE_SCHEMA).map(toSuite);

const toSuite = ({ value, at }: Loaded<z.infer<typeof SUITE_SCHEMA>>): Suite => ({
  name: value.suite,
  selectors: value.scenarios,
  position: at(["suite"]),
});

/**
 * The scenarios that any of the selectors names, in their own order.
 * @param selectors suites, folders, ids, or patterns with `*`
 * @throws UsageError for a selector that names none, with the names that are most like it
 */
export function selectScenarios(
  scenarios: readonly Scenario[],
  suites: readonly Suite[],
  selectors: readonly string[],
): Scenario[] {
  const chosen = new Set(selectors.flatMap((selector) => selected(scenarios, suites, selector)));
  return scenarios.filter((scenario) => chosen.has(scenario));
}

function selected(scenarios: readonly Scenario[], suites: readonly Suite[], selector: string): Scenario[] {
  const suite = suites.find(({ name }) => name === selector);
  if (suite) return suite.selectors.flatMap((inner) => selected(scenarios, [], inner));
  const pattern = wildcards(selector);
  const found = scenarios.filter(({ id }) => pattern.test(id));
  if (found.length > 0) return found;
  const like = near(selector, namesOf(scenarios, suites));
  const mend = like.length > 0
    ? `did you mean ${like.join(" or ")}?`
    : "`deno task iovacheck scenarios` lists them";
  throw new UsageError(`no suite, folder or scenario is called ${selector}; ${mend}`);
}

/** What a name with `*` means: `*` is any text; what is named may be a folder. */
export function wildcards(selector: string): RegExp {
  const parts = selector.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}(/.*)?$`);
}

/** Everything that a selector without `*` may say. */
function namesOf(scenarios: readonly Scenario[], suites: readonly Suite[]): string[] {
  const ids = scenarios.map(({ id }) => id);
  const folders = ids.map((id) => id.slice(0, id.indexOf("/")));
  return [...new Set([...suites.map(({ name }) => name), ...folders, ...ids])];
}
