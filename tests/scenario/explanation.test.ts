import t from "#tap";
import { explain, explainBriefly } from "../../harness/scenario/explanation.ts";
import { Specification } from "../../harness/scenario/specification.ts";

const SPECIFICATION = new Specification(`# Title
## 1. Calls
### 1.1 Order of checks [G]

| #  | condition        | 5.10   | 6.1        | 7.3      |
| -- | ---------------- | ------ | ---------- | -------- |
| 1  | **pointer** _bad_ | EFAULT | EFAULT     | EFAULT   |
| 2  | size 0           | –      | –          | EINVAL   |
| 3  | wraps            | EINVAL | EINVAL     | \`EOVERFLOW\` |
| 4  | nothing          | –      |            | –        |

### 1.2 Steps

1. First step_of_all [L]
   goes on, and
   on.
2. Second step

Not part of it.

### 1.3 Effect

Two lines
of text.

| mode | rule |
| ---- | ---- |
| v1   | this |

## 12. Faults

| id | bug | present | fixed |
| -- | --- | ------- | ----- |
| R1 | one | ≤6.17   | 6.18  |
`);

const BRIEF: readonly [rule: string, text: string][] = [
  ["§1.1 row 1", "§1.1 row 1: pointer bad → EFAULT"],
  ["§1.1 row 2", "§1.1 row 2: size 0; 7.3: EINVAL"],
  ["§1.1 row 3", "§1.1 row 3: wraps; 5.10, 6.1: EINVAL; 7.3: EOVERFLOW"],
  ["§1.1 row 4", "§1.1 row 4: nothing"],
  ["§1.2 row 1", "§1.2 row 1: First step_of_all goes on, and on."],
  ["§1.2 row 2", "§1.2 row 2: Second step"],
  ["§1.2 rows 1 and 2", "§1.2 row 1: First step_of_all goes on, and on.; §1.2 row 2: Second step"],
  ["§1.3", "§1.3: Calls: Effect"],
  ["§12 R1", "§12 R1: one; present: ≤6.17; fixed: 6.18"],
  ["§1.1 row 1, §12", "§1.1 row 1: pointer bad → EFAULT; §12: Faults"],
];

t.test("a rule on one line", async (t) => {
  for (const [rule, text] of BRIEF) t.equal(explainBriefly(SPECIFICATION, rule), text);
});

t.test("a rule in full: sections have all their lines", async (t) => {
  t.equal(explain(SPECIFICATION, "§1.1 row 1"), "§1.1 row 1: pointer bad → EFAULT");
  t.equal(
    explain(SPECIFICATION, "§12 R1, §1.3"),
    [
      "§12 R1: one; present: ≤6.17; fixed: 6.18",
      "",
      "§1.3: Calls: Effect",
      "",
      "Two lines",
      "of text.",
      "",
      "| mode | rule |",
      "| --- | --- |",
      "| v1 | this |",
    ].join("\n"),
  );
});

t.test("what names no rule of the specification can't be explained", async (t) => {
  for (const rule of ["", "§1.1 row 5", "§2", "row 1"]) {
    t.throws(() => explain(SPECIFICATION, rule), RangeError, rule);
    t.throws(() => explainBriefly(SPECIFICATION, rule), RangeError, rule);
  }
});
