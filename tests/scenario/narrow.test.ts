import t from "#tap";
import { narrow } from "../../harness/scenario/narrow.ts";
import { parseScenarios } from "../../harness/scenario/scenario.ts";

const HEADS = [
  ["one-byte-low", "§2.5", "[edges]"],
  ["one-byte-high", "§2.5, §12 R1e", "[edges, slow]"],
  ["conflict", "§2.1 row 10", "[slow]"],
  ["plain", "§4.1 rows 8 and 10", "[]"],
];
const SCENARIOS = parseScenarios(
  HEADS.map(([name, rule, tags]) => `scenario: ${name}\nrule: ${rule}\ntags: ${tags}\nsteps: [info: c0]\n`)
    .join("---\n"),
  "configs/scenarios/seed/some.yaml",
  "seed",
);

const names = (filters: string[], tags: string[]): string[] =>
  narrow(SCENARIOS, { filters, tags }).map(({ id }) => id.replace("seed/", ""));

const ALL = HEADS.map(([name]) => name!);

const NARROWED: readonly [filters: string[], tags: string[], left: string[]][] = [
  [[], [], ALL],
  [["byte"], [], ["one-byte-low", "one-byte-high"]],
  [["seed/con"], [], ["conflict"]],
  [["§2.5"], [], ["one-byte-low", "one-byte-high"]],
  [["row 10"], [], ["conflict"]],
  [["R1e", "plain"], [], ["one-byte-high", "plain"]],
  [["some.yaml"], [], ALL],
  [["seed/*low"], [], ["one-byte-low"]],
  [["*10"], [], ["conflict", "plain"]],
  [["§2.*"], [], ["one-byte-low", "one-byte-high", "conflict"]],
  [["*/some.yaml"], [], ALL],
  [["se*"], [], ALL],
  [[], ["edges"], ["one-byte-low", "one-byte-high"]],
  [[], ["slow", "edges"], ["one-byte-low", "one-byte-high", "conflict"]],
  [[], ["!slow"], ["one-byte-low", "plain"]],
  [[], ["edges", "!slow"], ["one-byte-low"]],
  [["byte"], ["slow"], ["one-byte-high"]],
];

t.test("filters and tags narrow a selection: any filter, any tag, none that is excluded", async (t) => {
  for (const [filters, tags, left] of NARROWED) t.same(names(filters, tags), left, `${filters} ${tags}`);
});

const NOTHING: readonly [filters: string[], tags: string[], message: RegExp][] = [
  [["konflict"], [], /^--filter konflict: fits none of the 4 scenarios .*; did you mean conflict or /],
  [["byte", "§2.1 row 11"], [], /^--filter §2.1 row 11: fits none .*; did you mean §2.1 row 10\?$/],
  [["byte*"], [], /^--filter byte\*: fits none of the 4 scenarios by id, rule or file; /],
  [["nothing-like-it"], [], /; `deno task iovacheck scenarios` lists them$/],
  [[], ["quick"], /^--tag quick: none of the 4 scenarios has it; there are edges, slow$/],
  [[], ["sloww"], /^--tag sloww: none of the 4 scenarios has it; did you mean slow\?$/],
  [[], ["!edge"], /^--tag edge: none of the 4 scenarios has it; did you mean edges\?$/],
  [
    ["plain"],
    ["slow"],
    /^none of the 4 scenarios is left by --filter plain --tag slow; ask for less at once$/,
  ],
  [[], ["slow", "!slow"], /is left by --tag slow --tag !slow/],
];

t.test("an empty selection says what was asked, and what is like it", async (t) => {
  for (const [filters, tags, message] of NOTHING) {
    t.throws(() => names(filters, tags), { name: "UsageError", message }, `${filters} ${tags}`);
  }
  const [plain] = SCENARIOS.slice(-1);
  t.throws(() => narrow(plain ? [plain] : [], { filters: [], tags: ["slow"] }), {
    message: /; none of them has any$/,
  });
});

t.test("tags are words", async (t) => {
  const text = "scenario: a\nrule: §1\ntags: [Slow]\nsteps: [info: c0]\n";
  t.throws(() => parseScenarios(text, "a.yaml", "seed"), {
    name: "ConfigError",
    message: "a.yaml:3:8: tags.0: write a tag such as slow",
  });
});
