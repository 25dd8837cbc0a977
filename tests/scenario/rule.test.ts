import t from "#tap";
import { coverage, isUncovered } from "../../harness/scenario/coverage.ts";
import { parseRule } from "../../harness/scenario/rule.ts";
import { parseScenarios } from "../../harness/scenario/scenario.ts";
import { Specification } from "../../harness/scenario/specification.ts";
import { parseUnreachable } from "../../harness/scenario/unreachable.ts";

const RULES: readonly [text: string, parts: (readonly [section: string, ...rows: string[]])[]][] = [
  ["§2.2", [["2.2"]]],
  ["§8", [["8"]]],
  ["§2.1 row 10, §2.2", [["2.1", "10..10"], ["2.2"]]],
  ["§4.1 rows 8 and 10", [["4.1", "8..8", "10..10"]]],
  ["§4.1 rows 2, 4 and 7, §5.2", [["4.1", "2..2", "4..4", "7..7"], ["5.2"]]],
  ["§4.1 rows 2–6", [["4.1", "2..6"]]],
  ["§4.1 rows 2-6", [["4.1", "2..6"]]],
  ["§2.1 rows 3 and 17 to 21", [["2.1", "3..3", "17..21"]]],
  ["§4.1 rows 3a and 5", [["4.1", "3a..3a", "5..5"]]],
  ["§12 R1b", [["12", "R1b..R1b"]]],
  ["§12 R1a to R1c and Q1", [["12", "R1a..R1c", "Q1..Q1"]]],
  ["§12 program 8", [["12.2", "8..8"]]],
];

t.test("a rule names sections, rows and ids", async (t) => {
  for (const [text, parts] of RULES) {
    const { references } = parseRule(text);
    const read = references.map(({ section, rows }) =>
      [section, ...rows.map(({ first, last }) => `${first}..${last}`)] as const
    );
    t.same(read, parts, text);
    t.equal(references.map(({ text }) => text).join(", "), text, "and each keeps its text");
  }
});

const NO_RULES = ["", "2.2", "§", "§two", "§2.2.", "§2.1 row", "§2.1 row ten", "§2.1 10", "§12 row R1b"]
  .concat("§2.1 rows 1 or 2", "§2.1 rows 1,", "§2.1 §2.2", "§2.1 row 1; §2.2", "§12 b");

t.test("what names no rule is refused", async (t) => {
  for (const text of NO_RULES) t.throws(() => parseRule(text), RangeError, text);
});

const TEXT = `# Title
## 1. First chapter
### 1.1 A section [G]

| # | check | 6.1 |
|---|---|---|
| 1 | **pointer** unreadable | EFAULT |
| 1a | a \\| b | EINVAL |
| 2 | last | EINVAL |

| arg | 6.1 |
|---|---|
| 7 | no rule of its own |

### 1.2 A list

1. First step
   goes on.
2. Second step

## 9. Not for the suite
### 9.1 Nor this
## 12. Faults

| id | bug |
|---|---|
| R1a | one |
| Q1 | two |

### 12.2 Programs

1. **one**: steps
`;
const SPECIFICATION = new Specification(TEXT);

t.test("the specification's sections, rows, steps and faults are rules", async (t) => {
  t.same(
    SPECIFICATION.rules(["1", "12"], ["12.2"]).map(({ name, about }) => [name, about]),
    [
      ["§1.1", "A section"],
      ["§1.1 row 1", "pointer unreadable"],
      ["§1.1 row 1a", "a \\| b"],
      ["§1.1 row 2", "last"],
      ["§1.2", "A list"],
      ["§1.2 row 1", "First step"],
      ["§1.2 row 2", "Second step"],
      ["§12 R1a", "one"],
      ["§12 Q1", "two"],
    ],
  );
});

const resolved = (text: string): string[] =>
  parseRule(text).references.flatMap((reference) => SPECIFICATION.resolve(reference));

t.test("references are resolved in the specification's order", async (t) => {
  t.same(resolved("§1.1 rows 1 to 2, §1.2, §12 program 1"), [
    "§1.1 row 1",
    "§1.1 row 1a",
    "§1.1 row 2",
    "§1.2",
    "§12.2 row 1",
  ]);
  t.same(resolved("§9.1, §1"), ["§9.1", "§1"], "sections of any kind");
});

function scenario(rule: string, id = "one"): string {
  return `scenario: ${id}\nrule: ${rule}\nsteps: [info: c0]\n`;
}

const covered = (scenarios: string, unreachable: string) =>
  coverage(
    SPECIFICATION,
    parseScenarios(scenarios, "seed/a.yaml", "seed"),
    parseUnreachable(unreachable, "u.yaml"),
  );

t.test("a rule has its scenarios, a reason, or nothing", async (t) => {
  const scenarios = `${scenario("§1.1 rows 1 and 1a")}---\n${scenario("§1.1 row 1, §12 Q1", "two")}`;
  const rules = covered(scenarios, "unreachable: §1.2 row 2\nreason: |\n  needs\n  more\n");
  t.same(rules.map(({ name, scenarios, unreachable }) => [name, scenarios.length, unreachable]), [
    ["§1.1", 2, undefined],
    ["§1.1 row 1", 2, undefined],
    ["§1.1 row 1a", 1, undefined],
    ["§1.1 row 2", 0, undefined],
    ["§1.2", 0, undefined],
    ["§1.2 row 1", 0, undefined],
    ["§1.2 row 2", 0, "needs more"],
    ["§12 R1a", 0, undefined],
    ["§12 Q1", 1, undefined],
  ]);
  t.same(rules.filter(isUncovered).map(({ name }) => name), ["§1.1 row 2", "§1.2", "§1.2 row 1", "§12 R1a"]);
});

const REASON = "reason: none\n";

const FAULTS: readonly [name: string, scenarios: string, unreachable: string, message: string][] = [
  [
    "a section that isn't there",
    scenario("§1.1, §1.9"),
    `unreachable: §12 R1a\n${REASON}`,
    "seed/a.yaml:2:7: §1.9: the specification has no §1.9",
  ],
  [
    "a row that isn't there",
    scenario("§1.1 rows 1 and 3"),
    `unreachable: §12 R1a\n${REASON}`,
    "seed/a.yaml:2:7: §1.1 has no row 3; it has 1, 1a, 2",
  ],
  [
    "rows of a section without any",
    scenario("§9.1 row 1"),
    `unreachable: §12 R1a\n${REASON}`,
    "seed/a.yaml:2:7: §9.1 has no row 1; it has none at all",
  ],
  [
    "rows backwards",
    scenario("§1.1 rows 2 to 1"),
    `unreachable: §12 R1a\n${REASON}`,
    "seed/a.yaml:2:7: §1.1 rows 2 to 1 end before they begin",
  ],
  [
    "a reason for what isn't there",
    scenario("§1.1"),
    `${REASON}unreachable: §12 R2\n`,
    "u.yaml:2:14: §12 has no row R2; it has R1a, Q1",
  ],
  [
    "a reason for what needs none",
    scenario("§1.1"),
    `unreachable: §9.1\n${REASON}`,
    "u.yaml:1:14: §9.1 is no rule that needs a scenario; take it off the list",
  ],
  [
    "a reason for what can be reached",
    scenario("§12 R1a"),
    `unreachable: §12 R1a\n${REASON}`,
    "u.yaml:1:14: seed/one reaches §12 R1a; take it off the list",
  ],
  [
    "no reason",
    scenario("§1.1"),
    "unreachable: §12 R1a\nreason: ' '\n",
    "u.yaml:2:9: reason: say why a guest with a stock kernel can't get there",
  ],
  [
    "a rule that can't be read",
    scenario("§1.1 rows"),
    `unreachable: §12 R1a\n${REASON}`,
    "seed/a.yaml:2:7: rule: §1.1 rows names no rule; write a section (§2.2), its rows (§4.1 rows 2 and 8) or " +
    "its ids (§12 R1b)",
  ],
];

t.test("every fault says where it is", async (t) => {
  for (const [name, scenarios, unreachable, message] of FAULTS) {
    t.throws(() => covered(scenarios, unreachable), { name: "ConfigError", message }, name);
  }
});
