/** Every refusal of the model says which rule decided it, and no answer names a rule that the specification lacks. */
import t from "#tap";
import fc from "fast-check";
import { resolve } from "node:path";
import { prepare } from "../../harness/check/preparation.ts";
import { loadAllMachines, loadAllScenarios, loadSpecification } from "../../harness/cli/configs.ts";
import { type Answer, answerText, ok, refused, type RuleText } from "../../harness/model/answer.ts";
import { explain } from "../../harness/scenario/explanation.ts";
import { targetOn } from "../check/target.ts";
import { always, refuted } from "../model/always.ts";
import { type Fault, playAll, realState, rightState, type Run, runArb } from "../model/random_run.ts";
import { dirtyArb, failureArb, toTheEndArb } from "../model/random_steps.ts";
import { ANY_WORLD } from "../model/random_worlds.ts";

const specification = await loadSpecification();

/** Every rule that was looked up, with what it says; undefined where the specification hasn't got it. */
const known = new Map<RuleText, string | undefined>();

function textOf(rule: RuleText): string | undefined {
  if (!known.has(rule)) known.set(rule, lookUp(rule));
  return known.get(rule);
}

function lookUp(rule: RuleText): string | undefined {
  try {
    return explain(specification, rule);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** What is wrong with the reason that an answer gives: none, one that isn't there, one that is for another errno. */
function faultOf({ errno, rule }: Answer): string | undefined {
  if (rule === undefined) return errno === null ? undefined : `${errno} without a rule`;
  const text = textOf(rule);
  if (text === undefined) return `${rule} is not in the specification`;
  return errno === null || text.includes(errno) ? undefined : `${rule} says nothing of ${errno}`;
}

const FAULTS: readonly [answer: Answer, fault: string | undefined][] = [
  [ok(), undefined],
  [ok({}, "§5.2"), undefined],
  [ok({}, "§5.9"), "§5.9 is not in the specification"],
  [ok({}, "§4.1 rows"), "§4.1 rows is not in the specification"],
  [refused("EINVAL", "§4.1 row 10"), undefined],
  [refused("EINVAL", "§4.1 row 100"), "§4.1 row 100 is not in the specification"],
  [refused("EPERM", "§4.1 row 10"), "§4.1 row 10 says nothing of EPERM"],
  [{ errno: "EINVAL", values: {} }, "EINVAL without a rule"],
];

t.test("what is wrong with a reason is seen", async (t) => {
  for (const [answer, fault] of FAULTS) {
    t.equal(faultOf(answer), fault, `${answerText(answer)}, ${answer.rule}`);
  }
});

const runs = runArb(ANY_WORLD, toTheEndArb, failureArb, dirtyArb);

/** On a model that does what is right, and on one with the faults of the version. */
function playRun(run: Run, fault?: Fault): void {
  for (const start of [rightState(run), realState(run)]) {
    playAll(start, run.world, run.steps, { reason: ({ answer }) => faultOf(answer) }, fault);
  }
}

t.test("reasons of what is done by chance", async (t) => {
  always(t, fc.property(runs, (run) => playRun(run)), { numRuns: 1000 });
});

/** The same answers, with something wrong. */
const BAD_REASONS: Readonly<Record<string, (answer: Answer) => Answer>> = {
  "none": ({ errno, values }) => ({ errno, values }),
  "not there": (answer) => (answer.rule === "§4.1 row 10" ? { ...answer, rule: "§4.1 row 15" } : answer),
  "another's": (answer) => (answer.rule === "§4.1 row 8" ? { ...answer, rule: "§4.1 row 9" } : answer),
};

for (const [name, spoil] of Object.entries(BAD_REASONS)) {
  t.test(`reasons of what is done by chance: ${name}`, async (t) => {
    const fault: Fault = ({ after: state, answer }) => ({ state, answer: spoil(answer) });
    refuted(t, name, fc.property(runs, (run) => playRun(run, fault)), { numRuns: 1000 });
  });
}

/** Machines that between them can play almost everything. */
const STAGES: readonly [machine: string, kernel: string][] = [
  ["intel-iommu", "6.12.117"],
  ["intel-topology", "6.1.192"],
  ["amd-iommu", "6.12.117"],
  ["amd-iommu", "5.10.262"],
  ["amd-ivmd", "5.10.262"],
  ["amd-ivmd", "7.3.4"],
  ["intel-rmrr", "6.1.192"],
  ["smmuv3", "6.1.192"],
  ["smmuv3", "6.12.117"],
];

const machines = await loadAllMachines();
const scenarios = await loadAllScenarios();

for (const [name, kernel] of STAGES) {
  t.test(`reasons of all scenarios on ${name}, kernel ${kernel}`, async (t) => {
    const machine = machines.find((machine) => machine.name === name);
    if (!machine) throw new Error(`no machine ${name}`);
    const target = targetOn(machine, kernel);
    const played = scenarios.map((scenario) => prepare(scenario, target));
    const answers = played.flatMap((one) =>
      "prediction" in one ? one.prediction.actions.flatMap(({ right, real }) => [right, real]) : []
    );
    t.ok(answers.length > 1000, `${answers.length} answers`);
    t.same([...new Set(answers.map(faultOf))], [undefined]);
  });
}

const MODEL = resolve(import.meta.dirname ?? ".", "../../harness/model");

/** What stands in the model's sources as a rule. */
const written = [...Deno.readDirSync(MODEL)].filter(({ name }) => name.endsWith(".ts")).flatMap(({ name }) =>
  [...Deno.readTextFileSync(resolve(MODEL, name)).matchAll(/"(§[^"]*)"/g)].map(([, rule]) => rule as RuleText)
);

t.test("reasons that the model can give are in the specification", async (t) => {
  t.ok(written.length > 50, `${written.length} rules`);
  t.same(written.filter((rule) => textOf(rule) === undefined), []);
});
