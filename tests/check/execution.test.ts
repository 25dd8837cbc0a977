import t from "#tap";
import { GuestLost } from "../../harness/guest/guest_lost.ts";
import { commandOf, type HostOperation } from "../../harness/scenario/action.ts";
import fc from "fast-check";
import {
  type Condition,
  conditionOf,
  execute,
  type Execution,
  type Host,
} from "../../harness/check/execution.ts";
import { whyNot } from "../../harness/check/assignment.ts";
import { loadAllScenarios } from "../../harness/cli/configs.ts";
import { type Answer, ok } from "../../harness/model/answer.ts";
import { hex } from "../../harness/model/range_list.ts";
import { INJECTION_FAULTS } from "../../harness/scenario/steps/injection.ts";
import { PLACEMENT_FAULTS } from "../../harness/scenario/steps/placement.ts";
import { AMD, INTEL, PLUGGABLE, type Prepared, prepared, scenarioOf, targetOf } from "./target.ts";
import { replyText, StandIn, type StandInPlan } from "./stand_in.ts";

const BEFORE: Condition = { lockedPages: 7n, taint: 0x1000n };
const RESET = "ok vmlck=0x7 taint=0x1000";
const NAMES = { groupNumber: () => 5, device: () => "0000:00:03.0" };

/** Injects, attaches twice, maps, is refused, and shows the sticky edge on a real kernel. */
const SCENARIO = scenarioOf(
  'groups: { A: {}, B: { reserved: ["0x0..0xfffff reserved"] } }',
  "steps:",
  "- attach: A",
  "- map: { iova: 0x100000, size: 8KiB }",
  "- attach: B",
  "- map: { iova: 0x0, size: 4KiB }",
  "  expect: EINVAL",
  "- detach: B",
  "- unmap: { iova: 0x100000, size: 8KiB }",
);
const PLAYED = prepared(SCENARIO);
/** On a real kernel before 6.18 its page stays locked for good. */
const LEAKING = prepared(
  scenarioOf("steps: [attach: A, map: { iova: top-0xfff, size: 4KiB }]"),
  targetOf(AMD),
);

type Mode = "right" | "real";

const answersOf = ({ prediction }: Prepared, mode: Mode): Answer[] =>
  prediction.actions.map((action) => action[mode]);

const repliesOf = (answers: readonly Answer[]): string[] =>
  answers.map((answer) => replyText(answer, BEFORE.lockedPages));

/** Lets a guest answer like this, and judges it. */
function judged(played: Prepared, plan: StandInPlan): Promise<Execution> {
  const guest = new StandIn({ reset: RESET, ...plan });
  return execute(guest, played.scenario, played.prediction, NAMES, BEFORE);
}

t.test("all in one batch: the name, a mark before each step, the actions, the cleaning", async (t) => {
  const guest = new StandIn({ replies: repliesOf(answersOf(PLAYED, "right")), reset: RESET });
  await execute(guest, SCENARIO, PLAYED.prediction, NAMES, BEFORE);
  const { commands } = guest;
  t.equal(commands[0], "say seed/one");
  const marks = commands.filter((command) => command.startsWith("mark "));
  t.same(marks, SCENARIO.steps.map(({ text }, index) => `mark seed/one step ${index + 1} ${text}`));
  const actions = PLAYED.prediction.actions.map(({ action }) => commandOf(action, NAMES));
  t.same(commands.filter((command) => !/^(say|mark) /.test(command)).slice(0, actions.length), actions);
  t.ok(actions.includes("group-open B 5"), "with the guest's own names");
  t.equal(commands[commands.indexOf("open c0") - 1], marks[0]);
  t.same(commands.slice(commands.lastIndexOf(actions.at(-1) ?? "") + 1), [
    "write /sys/module/resvinj/parameters/fail 0",
    "write /sys/module/resvinj/parameters/clear 1",
    "write /sys/module/vfio_iommu_type1/parameters/dma_entry_limit 65535",
    "write /sys/module/vfio_iommu_type1/parameters/disable_hugepages N",
    ...INJECTION_FAULTS,
    "reset",
  ]);
});

const UNPLUGGED = prepared(
  scenarioOf(
    "groups: { A: {}, H: { pluggable: true } }",
    "steps: [attach: A, unplug: H, plug: H, attach: H]",
  ),
  targetOf(INTEL, "6.12.117", PLUGGABLE),
);

t.test("what the host does comes between what is asked before and after it", async (t) => {
  const replies = UNPLUGGED.prediction.actions
    .flatMap(({ action, right }) => "host" in action ? [] : [replyText(right, BEFORE.lockedPages)]);
  const guest = new StandIn({ replies, reset: RESET });
  const done: string[] = [];
  let number = 5;
  const names = { groupNumber: () => number, device: () => "0000:01:00.0" };
  const host = async ({ kind, group }: HostOperation) => {
    done.push(`${kind} ${group} after ${guest.commands.at(-1)}`);
    if (kind === "plug") number = 6;
    return "ok";
  };
  const { scenario, prediction } = UNPLUGGED;
  t.match(await execute(guest, scenario, prediction, names, BEFORE, host), { verdict: "match" });
  t.same(done, [
    "ask-to-leave H after mark seed/one step 2 unplug: H",
    "await-leaving H after mark seed/one step 2 unplug: H",
    "plug H after mark seed/one step 3 plug: H",
  ]);
  t.ok(guest.commands.includes("group-open A 5"));
  t.ok(guest.commands.includes("group-open H 6"), "by the number that it has by then");
});

t.test("what the host finds is compared, and what it is lost in is told", async (t) => {
  const replies = UNPLUGGED.prediction.actions
    .flatMap(({ action, right }) => "host" in action ? [] : [replyText(right, BEFORE.lockedPages)]);
  const { scenario, prediction } = UNPLUGGED;
  const play = (host: Host) => {
    const guest = new StandIn({ replies, reset: RESET });
    return execute(guest, scenario, prediction, NAMES, BEFORE, host);
  };
  t.match(await play(async ({ kind }) => kind === "await-leaving" ? "err ETIMEDOUT" : "ok"), {
    verdict: "mismatch",
    stepIndex: 1,
    actionText: "device 1 of H has left",
    difference: { predicted: "ok", observed: "ETIMEDOUT" },
  });
  const lost = new GuestLost("hang", "it is gone", []);
  t.match(await play(({ kind }) => kind === "plug" ? Promise.reject(lost) : Promise.resolve("ok")), {
    verdict: "hang",
    stepIndex: 2,
    actionText: "plug: H",
  });
  const guest = new StandIn({ replies, reset: RESET });
  await t.rejects(
    execute(guest, scenario, prediction, NAMES, BEFORE),
    { name: "RangeError" },
    "no host, no plug",
  );
});

t.test("a guest that has no module of ours isn't asked for what it does", async (t) => {
  const played = prepared(scenarioOf("steps: [attach: A]"), { ...targetOf(), lackOfModules: "no headers" });
  const guest = new StandIn({ replies: repliesOf(answersOf(played, "right")), reset: RESET });
  const { verdict } = await execute(guest, played.scenario, played.prediction, NAMES, BEFORE);
  t.equal(verdict, "match");
  t.same(guest.commands.filter((command) => command.includes("resvinj")), []);
  t.equal(guest.commands.at(-1), "reset");
});

t.test("what is right is a match, what the version is known to do is known", async (t) => {
  const condition = BEFORE;
  t.same(await judged(PLAYED, { replies: repliesOf(answersOf(PLAYED, "right")) }), {
    verdict: "match",
    condition,
  });
  const known = await judged(PLAYED, { replies: repliesOf(answersOf(PLAYED, "real")) });
  t.match(known, { verdict: "known", condition });
  t.notSame(
    known.difference?.predicted,
    known.difference?.observed,
    "and it says what would have been right",
  );
});

/** Everything that can be wrong with one answer. */
function alterations({ errno, values }: Answer): Answer[] {
  const keys = Object.keys(values);
  return [
    errno === null ? { errno: "EALTERED", values: {} } : ok(),
    { errno, values: { ...values, more: "1" } },
    ...keys.map((key) => ({ errno, values: { ...values, [key]: altered(key, values[key] ?? "") } })),
    ...keys.map((key) => ({
      errno,
      values: Object.fromEntries(Object.entries(values).filter(([other]) => other !== key)),
    })),
  ];
}

const altered = (key: string, value: string): string =>
  key === "vmlck" ? hex(BigInt(value) + 1n) : `${value}0`;

/** Whether the verdict is about this action, and an alarm. */
function isNoticed(played: Prepared, index: number, answer: Answer, found: Execution): boolean {
  const { action, stepIndex } = played.prediction.actions[index] ?? {};
  const verdict = stepIndex === undefined && answer.errno !== null ? "harness-fault" : "mismatch";
  return found.verdict === verdict && found.stepIndex === stepIndex && found.actionText === action?.text &&
    found.difference !== undefined && found.difference.predicted !== found.difference.observed;
}

for (const mode of ["right", "real"] as const) {
  t.test(`any single answer that departs from what is ${mode} is noticed where it does`, async (t) => {
    const answers = answersOf(PLAYED, mode);
    for (const [index, answer] of answers.entries()) {
      const missed: Answer[] = [];
      for (const wrong of alterations(answer)) {
        const found = await judged(PLAYED, { replies: repliesOf(answers.with(index, wrong)) });
        if (!isNoticed(PLAYED, index, wrong, found)) missed.push(wrong);
      }
      t.same(missed, [], `${index} ${PLAYED.prediction.actions[index]?.action.text}`);
    }
  });
}

t.test("so it is in every scenario there is", async (t) => {
  const stages = [targetOf(), targetOf(AMD), targetOf(AMD, "7.3.4")];
  const scenarios = await loadAllScenarios();
  const all = stages.flatMap((target) =>
    scenarios.filter((scenario) => whyNot(scenario, target) === undefined)
      .map((scenario) => () => prepared(scenario, target))
  );
  const property = fc.asyncProperty(
    fc.constantFrom(...all),
    fc.constantFrom<Mode>("right", "real"),
    fc.nat(),
    fc.nat(),
    async (predict, mode, at, which) => {
      const played = predict();
      const answers = answersOf(played, mode);
      const index = at % answers.length;
      const wrongs = alterations(answers[index] ?? ok());
      const wrong = wrongs[which % wrongs.length] ?? ok();
      const found = await judged(played, { replies: repliesOf(answers.with(index, wrong)) });
      return isNoticed(played, index, wrong, found);
    },
  );
  const details = await fc.check(property, { numRuns: 150 });
  t.notOk(details.failed, `${details.numRuns} cases`, { report: fc.defaultReportMessage(details) });
});

t.test("of two wrong answers the first is told", async (t) => {
  const answers = answersOf(PLAYED, "right").map((answer, index) => index < 8 ? answer : ok({ odd: "1" }));
  t.match(await judged(PLAYED, { replies: repliesOf(answers) }), {
    verdict: "mismatch",
    actionText: PLAYED.prediction.actions[8]?.action.text,
  });
});

const LEFT_OVER: readonly [
  name: string,
  played: Prepared,
  mode: Mode,
  pages: bigint,
  found: object,
][] = [
  ["none", PLAYED, "right", 0n, { verdict: "match" }],
  ["some", PLAYED, "right", 2n, {
    verdict: "mismatch",
    actionText: "close everything",
    difference: { predicted: "vmlck=0x0", observed: "vmlck=0x2" },
  }],
  ["as many as the known fault leaves", LEAKING, "real", 1n, { verdict: "known" }],
  ["none although the known fault leaves one", LEAKING, "right", 0n, { verdict: "match" }],
  ["more than the known fault leaves", LEAKING, "real", 2n, {
    verdict: "mismatch",
    difference: { predicted: "vmlck=0x1", observed: "vmlck=0x2" },
  }],
];

for (const [name, played, mode, pages, found] of LEFT_OVER) {
  t.test(`pages that stay locked: ${name}`, async (t) => {
    const reset = `ok vmlck=${hex(BEFORE.lockedPages + pages)} taint=0x1000`;
    const execution = await judged(played, { replies: repliesOf(answersOf(played, mode)), reset });
    t.match(execution, found);
    t.equal(execution.condition?.lockedPages, BEFORE.lockedPages + pages);
  });
}

t.test("pages that stay locked don't hide the answer that was wrong before", async (t) => {
  const answers = answersOf(PLAYED, "right").with(12, ok({ odd: "1" }));
  const found = await judged(PLAYED, { replies: repliesOf(answers), reset: "ok vmlck=0x9 taint=0x1000" });
  t.match(found, { verdict: "mismatch", actionText: PLAYED.prediction.actions[12]?.action.text });
});

const LOG = [
  "<14>[1.0] iovacheck: seed/one step 1 attach: A",
  "<14>[1.1] iovacheck: seed/one step 2 map",
  "<4>[1.2] ------------[ cut here ]------------",
  "<4>[1.2] WARNING: CPU: 0",
  "<14>[1.3] iovacheck: seed/one step 3 attach: B",
];

const COMPLAINTS: readonly [name: string, log: string[], taint: bigint, stepIndex: number | undefined][] = [
  ["it warns and taints itself", LOG, 0x1200n, 1],
  ["it warns and was tainted before", LOG, 0x1000n, 1],
  ["it taints itself without a word", LOG.slice(0, 2), 0x1200n, 1],
  ["it warned before the first step", ["<4>[0.1] WARNING: at boot", ...LOG], 0x1000n, undefined],
];

for (const [name, log, taint, stepIndex] of COMPLAINTS) {
  t.test(`a kernel that complains has crashed, whatever it answered: ${name}`, async (t) => {
    const replies = repliesOf(answersOf(PLAYED, "right"));
    const found = await judged(PLAYED, { replies, reset: `ok vmlck=0x7 taint=${hex(taint)}`, log });
    t.match(found, { verdict: "crash", reason: `from 0x1000 to ${hex(taint)}`, condition: { taint } });
    t.equal(found.stepIndex, stepIndex);
    const complaint = log.findIndex((line) => line.startsWith("<4>"));
    t.same(found.console, complaint < 0 ? log : log.slice(complaint));
  });
}

t.test("what the probe itself wrote into the log is no complaint", async (t) => {
  const log = ["<14>[1.0] iovacheck: seed/one step 1 say BUG: and WARNING: "];
  const found = await judged(PLAYED, { replies: repliesOf(answersOf(PLAYED, "right")), log });
  t.equal(found.verdict, "match");
});

for (const loss of ["crash", "hang", "harness-fault"] as const) {
  t.test(`a guest that is lost: ${loss}`, async (t) => {
    const replies = repliesOf(answersOf(PLAYED, "right"));
    const { actions } = PLAYED.prediction;
    const inStep = ({ stepIndex }: typeof actions[number]) => stepIndex === 4;
    for (const at of [actions.findIndex(inStep), actions.findLastIndex(inStep)]) {
      t.same(await judged(PLAYED, { replies, lost: { at, loss } }), {
        verdict: loss,
        reason: "it is gone",
        console: ["a", "b"],
        stepIndex: 4,
        actionText: SCENARIO.steps[4]?.text,
      });
    }
    const early = await judged(PLAYED, { replies, lost: { at: 0, loss } });
    t.match(early, { verdict: loss });
    t.equal(early.stepIndex, undefined, "in no step while it is prepared");
  });
}

t.test("a wrong answer is told although the guest is lost by our own fault after it", async (t) => {
  const { actions } = PLAYED.prediction;
  const opening = actions.findIndex(({ action }) => action.text === "group-open B");
  const replies = repliesOf(answersOf(PLAYED, "right")).with(opening, "err EBUSY");
  const lost = { at: opening + 2, loss: "harness-fault" } as const;
  t.match(await judged(PLAYED, { replies, lost }), {
    verdict: "mismatch",
    actionText: "group-open B",
    reason: "it is gone",
  });
  const lostBefore = { ...lost, at: opening };
  t.match(await judged(PLAYED, { replies, lost: lostBefore }), { verdict: "harness-fault" });
});

t.test("a request that the probe doesn't understand is a fault of the harness", async (t) => {
  const replies = repliesOf(answersOf(PLAYED, "right"));
  const found = await judged(PLAYED, { replies: replies.with(8, "bad no such command") });
  t.same(found, { verdict: "harness-fault", reason: 'the probe replied "bad no such command"' });
});

t.test("a wrong answer is told although the probe is at a loss after it", async (t) => {
  const { actions } = PLAYED.prediction;
  const opening = actions.findIndex(({ action }) => action.text === "group-open B");
  for (const mode of ["right", "real"] as const) {
    const replies = repliesOf(answersOf(PLAYED, mode)).with(opening, "err EBUSY")
      .with(opening + 1, "bad no open group B");
    const found = await judged(PLAYED, { replies });
    t.match(found, {
      verdict: "mismatch",
      actionText: "group-open B",
      difference: { predicted: "ok", observed: "EBUSY" },
    });
    t.equal(found.condition, undefined, "nothing more is asked of it");
  }
});

t.test("on a guest without the regions that were asked for nothing counts", async (t) => {
  const replies = repliesOf(answersOf(PLAYED, "right")).with(12, "ok odd=1");
  for (const command of INJECTION_FAULTS) {
    const found = await judged(PLAYED, { replies, instead: [command, "ok value=1"] });
    t.match(found, { verdict: "harness-fault", reason: /^regions were not injected as asked/ });
  }
});

t.test("groups that were put behind IOMMUs are put back, and on a guest without these nothing counts", async (t) => {
  const played = prepared(
    scenarioOf("groups: { A: { iommu: far } }", "iommus: { far: {} }", "steps: [attach: A]"),
  );
  const plan = { replies: repliesOf(answersOf(played, "right")), reset: RESET };
  const guest = new StandIn(plan);
  t.match(await execute(guest, played.scenario, played.prediction, NAMES, BEFORE), { verdict: "match" });
  const clear = "write /sys/module/twodom/parameters/clear 1";
  t.same(guest.commands.slice(guest.commands.lastIndexOf(clear)).slice(0, 3), [clear, ...PLACEMENT_FAULTS]);
  for (const command of PLACEMENT_FAULTS) {
    const found = await judged(played, { ...plan, instead: [command, "ok value=1"] });
    t.match(found, {
      verdict: "harness-fault",
      reason: /^groups were not put behind IOMMUs as asked: .* gave 1$/,
    });
  }
});

const UNCLEAN: readonly [command: string, reply: string, reason: RegExp][] = [
  ["say", "err EIO", /^say seed\/one: EIO$/],
  ["mark", "err EIO", /^mark seed\/one step 1 .*: EIO$/],
  ["write /sys/module/resvinj/parameters/fail", "err EIO", /parameters\/fail 0: EIO$/],
  ["reset", "err EIO", /^reset: EIO$/],
  ["reset", "ok", /^the probe answered reset with ok$/],
  ["reset", "ok vmlck=many taint=0x0", /^the probe answered reset with /],
  ...INJECTION_FAULTS.map((command): [string, string, RegExp] => [
    command,
    "ok value=1",
    /^regions were not injected as asked: .* gave 1$/,
  ]),
];

for (const [command, reply, reason] of UNCLEAN) {
  t.test(`a guest that can't be marked or cleaned: ${command} gives ${reply}`, async (t) => {
    const replies = repliesOf(answersOf(PLAYED, "right"));
    const found = await judged(PLAYED, { replies, instead: [command, reply] });
    t.match(found, { verdict: "harness-fault", reason });
    t.equal(found.condition, undefined, "nothing more is asked of it");
  });
}

t.test("what is no word of the guest is not swallowed", async (t) => {
  const guest = {
    request: () => Promise.reject(new TypeError("a fault of ours")),
    kernelLog: () => Promise.resolve([]),
  };
  await t.rejects(execute(guest, SCENARIO, PLAYED.prediction, NAMES, BEFORE), { name: "TypeError" });
});

t.test("the condition of a guest", async (t) => {
  t.same(conditionOf(RESET), BEFORE);
});
