/** What a verdict says of the prediction that didn't hold. */
import t from "#tap";
import { causeOf } from "../../harness/check/attempt.ts";
import { judge, type Judgement, leftOver } from "../../harness/check/judgement.ts";
import type { Answer } from "../../harness/model/answer.ts";
import { AMD, type Prepared, prepared, scenarioOf, targetOf } from "./target.ts";

const PLAYED = prepared(scenarioOf(
  'groups: { A: {}, B: { reserved: ["0x0..0xfffff reserved"] } }',
  "steps:",
  "- attach: A",
  "- attach: B",
  "- map: { iova: 0x0, size: 4KiB }",
  "  expect: EINVAL",
  "- unmap: { iova: 0x200000, size: 4KiB }",
  "- detach: B",
));

const WRONG: Answer = { errno: "EWRONG", values: {} };

/** The verdict on a guest that does what is predicted, but for one answer. */
function judged({ prediction }: Prepared, mode: "right" | "real", at: number): Judgement {
  return judge(prediction, prediction.actions.map((action) => action[mode]).with(at, WRONG));
}

const RULES = [
  "0 open c0: §1.1 row 1",
  "0 group-open A: §1.1",
  "0 set-container A c0: §1.4",
  "0 state: §1.4",
  "0 set-iommu c0 3: §1.5 row 4",
  "0 state: §1.5 row 4",
  "1 group-open B: §1.1",
  "1 set-container B c0: §2.1 row 21",
  "1 state: §2.1 row 21",
  "2 map c0 0x0 size 0x1000 rw: §4.1 row 10",
  "2 state: §4.1 row 10",
  "3 unmap c0 0x200000 size 0x1000: §5.2 row 1",
  "3 state: §5.2 row 1",
  "4 unset-container B: §3.3",
  "4 state: §3.3",
];

t.test("what decided the answer is told, of a read-back what decided the answer before it", async (t) => {
  const rules = PLAYED.prediction.actions.flatMap(({ action, stepIndex }, at) =>
    stepIndex === undefined ? [] : [`${stepIndex} ${action.text}: ${judged(PLAYED, "real", at).rule}`]
  );
  t.same(rules, RULES);
});

t.test("of a known fault it is told what decided on what is right", async (t) => {
  const { prediction } = PLAYED;
  const known = judge(prediction, prediction.actions.map(({ real }) => real));
  t.match(known, { verdict: "known", stepIndex: 4, actionText: "state", rule: "§3.1 row 5" });
});

const AT_THE_TOP = prepared(
  scenarioOf(
    "steps:",
    "- attach: A",
    "- map: { iova: top-0xfff, size: 4KiB }",
    "- unmap: { iova: top-0xfff, size: 4KiB }",
    "- info",
  ),
  targetOf(AMD),
);

t.test("what has a known fault is told with the rule that the fault makes", async (t) => {
  const { actions } = AT_THE_TOP.prediction;
  const unmap = actions.findIndex(({ stepIndex }) => stepIndex === 2);
  t.match(judged(AT_THE_TOP, "real", unmap + 1), { verdict: "mismatch", rule: "§12 R1a" });
});

t.test("no scenario's own preparation has a rule", async (t) => {
  t.equal(judged(PLAYED, "right", 0).rule, undefined);
});

t.test("what stays locked has one", async (t) => {
  t.match(leftOver(PLAYED.prediction, 1n), { verdict: "mismatch", rule: "§8 row 4" });
  t.match(leftOver(AT_THE_TOP.prediction, 2n), { verdict: "mismatch", rule: "§12 R1a" });
});

t.test("a failure has the rule in words beside what its scenario is about", async (t) => {
  const { scenario, prediction } = PLAYED;
  const at = prediction.actions.findIndex(({ stepIndex }) => stepIndex === 2);
  const execution = judged(PLAYED, "right", at);
  t.match(causeOf(scenario, { execution }, (rule) => `${rule}, in words`).failure, {
    step: 3,
    predicted: "EINVAL",
    observed: "EWRONG",
    because: "§4.1 row 10, in words",
    rule: "§1",
  });
  t.equal(
    causeOf(scenario, { execution }).failure?.because,
    "§4.1 row 10",
    "by its name, if nobody has words",
  );
  const { failure } = causeOf(scenario, { execution: judged(PLAYED, "right", 0) });
  t.ok(failure && !("because" in failure));
});
