import t from "#tap";
import { distance, near } from "../../harness/scenario/near.ts";
import { parseScenarios } from "../../harness/scenario/scenario.ts";
import { loadSuites, parseSuites, selectScenarios } from "../../harness/scenario/suite.ts";

const SCENARIOS = [
  ...scenariosOf("smoke", ["attach"]),
  ...scenariosOf("seed", ["one-byte-low", "one-byte-high", "conflict"]),
  ...scenariosOf("seedling", ["sprout"]),
];

const SUITES = parseSuites(
  "suite: quick\nscenarios: [smoke, seed/conflict]\n---\nsuite: smoke\nscenarios: [smoke]\n",
  "s.yaml",
);

function scenariosOf(folder: string, names: string[]) {
  const text = names.map((name) => `scenario: ${name}\nrule: §1\nsteps: [info: c0]\n`).join("---\n");
  return parseScenarios(text, `${folder}/a.yaml`, folder);
}

function ids(...selectors: string[]): string[] {
  return selectScenarios(SCENARIOS, SUITES, selectors).map(({ id }) => id);
}

const SELECTIONS: readonly [selectors: string[], ids: string[]][] = [
  [["seed/conflict"], ["seed/conflict"]],
  [["seed"], ["seed/one-byte-low", "seed/one-byte-high", "seed/conflict"]],
  [["seed/one-*"], ["seed/one-byte-low", "seed/one-byte-high"]],
  [["*/*low"], ["seed/one-byte-low"]],
  [["seed*"], ["seed/one-byte-low", "seed/one-byte-high", "seed/conflict", "seedling/sprout"]],
  [["*"], SCENARIOS.map(({ id }) => id)],
  [["quick"], ["smoke/attach", "seed/conflict"]],
  [["smoke"], ["smoke/attach"]],
  [["seed/conflict", "smoke", "seed/conf*"], ["smoke/attach", "seed/conflict"]],
];

t.test("selectors are suites, folders, scenarios and patterns; each scenario comes once, in its own order", async (t) => {
  for (const [selectors, expected] of SELECTIONS) t.same(ids(...selectors), expected, selectors.join(" "));
});

const UNKNOWN: readonly [selector: string, message: RegExp][] = [
  ["seed/conflikt", /called seed\/conflikt; did you mean seed\/conflict\?$/],
  ["conflict", /called conflict; did you mean seed\/conflict\?$/],
  ["quik", /called quik; did you mean quick\?$/],
  ["seed/one-byte-", /did you mean seed\/one-byte-low or seed\/one-byte-high\?$/],
  ["nonsense", /called nonsense; `deno task iovacheck scenarios` lists them$/],
  ["seed/.*", /called seed\/\.\*; /],
];

t.test("an unknown selector is an error that names what is like it", async (t) => {
  for (const [selector, message] of UNKNOWN) {
    t.throws(() => ids("seed", selector), { name: "UsageError", message }, selector);
  }
});

t.test("an unknown selector inside a suite is an error, too", async (t) => {
  const suites = parseSuites("suite: old\nscenarios: [smoke, sed]\n", "s.yaml");
  t.throws(() => selectScenarios(SCENARIOS, suites, ["old"]), { message: /called sed; did you mean seed/ });
});

const FAULTS: readonly [text: string, message: RegExp][] = [
  ["suite: a\nscenario: [seed]\n", /^s\.yaml:/],
  ["suite: a\nscenarios: []\n", /^s\.yaml:2:12: scenarios: write at least one/],
  ["suite: A b\nscenarios: [seed]\n", /^s\.yaml:1:8: suite: write a name such as seed$/],
  ["suite: a\nscenarios: seed\n", /^s\.yaml:2:12: scenarios: /],
  ["suite: a\nscenarios: [seed]\nextra: 1\n", /^s\.yaml:3:1: unknown key extra$/],
];

t.test("every fault of a suite says where it is", async (t) => {
  for (const [text, message] of FAULTS) t.throws(() => parseSuites(text, "s.yaml"), { message }, text);
  await t.rejects(loadSuites("/nonexistent/s.yaml", "s.yaml"), { message: /^s\.yaml: can't be read/ });
});

t.test("the distance of two words", async (t) => {
  t.equal(distance("", ""), 0);
  t.equal(distance("", "abc"), 3);
  t.equal(distance("kitten", "sitting"), 3);
  t.equal(distance("sitting", "kitten"), 3);
  t.equal(distance("smkoe", "smoke"), 1, "two letters swapped");
  t.equal(distance("abc", "cba"), 2, "they aren't neighbours");
  t.same(near("kitten", ["sitting", "kitchen", "dog"]), ["kitchen"]);
});
