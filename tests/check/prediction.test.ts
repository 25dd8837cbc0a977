import t from "#tap";
import { commandOf } from "../../harness/scenario/action.ts";
import { assignGroups } from "../../harness/check/assignment.ts";
import { exercisedDeviations } from "../../harness/check/model_play.ts";
import { predict } from "../../harness/check/prediction.ts";
import { ok } from "../../harness/model/answer.ts";
import type { State } from "../../harness/model/state.ts";
import type { Scenario } from "../../harness/scenario/scenario.ts";
import { AMD, type Prepared, prepared, scenarioOf, targetOf, VIRTIO } from "./target.ts";

const REFUSED = 'groups: { A: {}, B: { reserved: ["0x100000..0x1fffff reserved"] } }';
const GROUP_AT_EDGE = 'groups: { A: {}, B: { reserved: ["0x0..0xfffff reserved"] } }';

/** `1 map c0 …` for every action of step 1; `- …` before the first step. */
const textsOf = ({ prediction }: Prepared): string[] =>
  prediction.actions.map(({ action, stepIndex }) => `${stepIndex ?? "-"} ${action.text}`);

t.test("read-backs follow every change; mappings are shown to be there when groups come and at the end", async (t) => {
  const played = prepared(
    scenarioOf(
      REFUSED,
      "steps:",
      "- attach: A",
      "- map: { iova: 0x10000, size: 8KiB }",
      "- attach: B",
      "- info",
    ),
  );
  t.same(textsOf(played), [
    "- inject nothing",
    "- list regions sorted",
    "- inject into B 0x100000..0x1fffff reserved",
    "- regions A",
    "- regions B",
    "- parameter allow_unsafe_interrupts=0",
    "0 open c0",
    "0 group-open A",
    "0 set-container A c0",
    "0 state",
    "0 set-iommu c0 3",
    "0 state",
    "1 map c0 0x10000 size 0x2000 rw",
    "1 state",
    "2 group-open B",
    "2 set-container B c0",
    "2 state",
    "2 map c0 0x10000 size 0x1000 rw",
    "2 map c0 0x11000 size 0x1000 rw",
    "3 info c0",
    "3 map c0 0x10000 size 0x1000 rw",
    "3 map c0 0x11000 size 0x1000 rw",
  ]);
  const alive = played.prediction.actions.slice(-2);
  t.same(alive.map(({ right }) => right.errno), ["EEXIST", "EEXIST"]);
});

t.test("groups are put behind their IOMMUs before anything else, with numbers of the guest's own", async (t) => {
  const played = prepared(scenarioOf(
    "groups: { A: {}, B: { iommu: far } }",
    'iommus: { far: { aperture: "0x10000..0x7fffffff" } }',
    "steps: [{ attach: A }, { attach: B }]",
  ));
  t.same(textsOf(played).slice(0, 3), [
    "- all groups behind the machine's IOMMU",
    "- group B behind IOMMU intel/far, 0x10000..0x7fffffff, 0x40201000",
    "- inject nothing",
  ]);
  const names = { groupNumber: (group: string) => (group === "B" ? 7 : 3), device: () => "" };
  t.same(played.prediction.actions.slice(0, 2).map(({ action }) => commandOf(action, names)), [
    "write /sys/module/twodom/parameters/clear 1",
    "write /sys/module/twodom/parameters/add 7 1 0x10000 0x7fffffff 0x40201000 not-coherent",
  ]);
  const ranges = played.prediction.actions.at(-1)?.right.values["c0.ranges"];
  t.equal(ranges, "0x10000..0x7fffffff");
});

t.test("a guest that has no module of ours isn't asked to inject, but shown to have nothing injected", async (t) => {
  const target = { ...targetOf(), lackOfModules: "headers are gone" };
  const played = prepared(scenarioOf("groups: { A: {}, B: {} }", "steps: [open: c0]"), target);
  t.same(textsOf(played).slice(0, 3), [
    "- regions A",
    "- regions B",
    "- parameter allow_unsafe_interrupts=0",
  ]);
});

t.test("a refusal is read back too", async (t) => {
  const lines = ["- attach: A", "- map: { iova: 0xfee00000, size: 4KiB }", "  expect: EINVAL"];
  const played = prepared(scenarioOf("steps:", ...lines));
  t.same(textsOf(played).slice(-2), ["1 map c0 0xfee00000 size 0x1000 rw", "1 state"]);
  t.same(played.prediction.contradictions, []);
});

const PARAMETER: readonly [iommu: string, line: string, value: number][] = [
  [AMD, "", 0],
  [VIRTIO, "", 1],
  [VIRTIO, "allow-unsafe-interrupts: false", 0],
  [AMD, "allow-unsafe-interrupts: true", 1],
];

t.test("unsafe interrupts are allowed where the machine needs it, unless the scenario says otherwise", async (t) => {
  for (const [iommu, line, value] of PARAMETER) {
    const played = prepared(scenarioOf(line, "steps: [open: c0]"), targetOf(iommu));
    t.ok(textsOf(played).includes(`- parameter allow_unsafe_interrupts=${value}`), `${iommu} ${line}`);
  }
});

const CONTRADICTIONS: readonly [lines: string[], message: RegExp][] = [
  [["- attach: A", "  expect: EINVAL"], /^seed\/a\.yaml:5:3: attach: A: the author expects EINVAL, .* ok$/],
  [
    ["- attach: A", "- map: { iova: 0xfee00000, size: 4KiB }"],
    /^seed\/a\.yaml:6:3: map: .*: the author expects ok, the model says EINVAL$/,
  ],
  [
    ["- attach: A", "- unmap: { size: top+1 }", "  returns: { size: 4KiB }"],
    /^seed\/a\.yaml:6:3: .*: the author expects size=0x1000, the model says ok size=0x0$/,
  ],
  [["- attach: B", "  holes: []"], /^seed\/a\.yaml:5:3: .*: the author expects 0x100000 to be in the list/],
];

for (const [lines, message] of CONTRADICTIONS) {
  t.test(`the author is contradicted: ${lines.join(" ")}`, async (t) => {
    const { prediction } = prepared(scenarioOf(REFUSED, "steps:", ...lines));
    t.equal(prediction.contradictions.length, 1);
    t.match(prediction.contradictions[0]?.message, message);
  });
}

t.test("an author is held against what is right, not against a known fault", async (t) => {
  const steps = ["steps:", "- attach: A", "- attach: B", "- detach: B", "  holes: []"];
  t.same(prepared(scenarioOf(GROUP_AT_EDGE, ...steps)).prediction.contradictions, []);
  const twice = ["- map: { iova: top-0xfff, size: 4KiB }", "- map: { iova: top-0xfff, size: 4KiB }"];
  const scenario = scenarioOf("steps:", "- attach: A", ...twice, "  expect: EEXIST");
  t.same(prepared(scenario, targetOf(AMD)).prediction.contradictions, []);
});

const DEVIATIONS: readonly [
  iommu: string,
  kernel: string,
  lines: string[],
  names: string[],
  leaked: bigint,
][] = [
  [AMD, "6.12.117", ["steps: [attach: A, map: { iova: 0x1000, size: 4KiB }]"], [], 0n],
  [AMD, "6.12.117", ["steps: [attach: A, map: { iova: top-0xfff, size: 4KiB }]"], ["map-at-the-top"], 1n],
  [AMD, "7.3.4", ["steps: [attach: A, map: { iova: top-0xfff, size: 4KiB }]"], [], 0n],
  [AMD, "6.12.117", [GROUP_AT_EDGE, "steps: [attach: A, attach: B]"], [], 0n],
  [AMD, "6.12.117", [GROUP_AT_EDGE, "steps: [attach: A, attach: B, detach: B]"], ["sticky-edges"], 0n],
  [AMD, "7.3.4", [GROUP_AT_EDGE, "steps: [attach: A, attach: B, detach: B]"], ["sticky-edges"], 0n],
];

t.test("a deviation is named where it makes a difference, be it only in what stays locked", async (t) => {
  for (const [iommu, kernel, lines, names, leaked] of DEVIATIONS) {
    const { prediction } = prepared(scenarioOf(...lines), targetOf(iommu, kernel));
    t.same(exercisedDeviations(prediction), names, lines.join("; "));
    t.equal(prediction.leakedPages, leaked);
  }
});

t.test("predictions differ only where a deviation is named", async (t) => {
  const { prediction } = prepared(
    scenarioOf(GROUP_AT_EDGE, "steps: [attach: A, attach: B, detach: B]"),
  );
  const differing = prediction.actions.filter(({ right, real }) =>
    right.values["c0.ranges"] !== real.values["c0.ranges"]
  );
  t.same(differing.map(({ action, stepIndex }) => `${stepIndex} ${action.text}`), ["2 state"]);
});

t.test("a scenario may map a quarter of the guest's memory", async (t) => {
  const mapping = (size: string) => scenarioOf(`steps: [attach: A, map: { iova: 0x0, size: ${size} }]`);
  t.doesNotThrow(() => prepared(mapping("64MiB")));
  t.throws(() => prepared(mapping("64MiB+4KiB")), {
    name: "ConfigError",
    message: /^seed\/a\.yaml:3:20: map: .*: maps more than 0x4000000 bytes/,
  });
});

t.test("a step that can't be played is the author's fault", async (t) => {
  t.throws(() => prepared(scenarioOf("steps: [close: c0]")), {
    name: "ConfigError",
    message: /^seed\/a\.yaml:3:9: close: c0: container c0 is not open$/,
  });
});

t.test("a page size of 0 has no answer that could be known", async (t) => {
  const step = "dirty-get: { iova: 0x0, size: 4KiB, page-size: 0 }";
  t.throws(() => prepared(scenarioOf(`steps: [attach: A, ${step}]`)), {
    name: "ConfigError",
    message: /^seed\/a\.yaml:3:20: dirty-get: .*: page-size 0: /,
  });
});

t.test("a scenario gives the devices back", async (t) => {
  const message = /^seed\/a\.yaml:1:11: at the end vfio-pci lacks devices of group A; /;
  const driver = (is: string) => `driver: { group: A, device: 1, is: ${is} }`;
  const incomplete = [driver("none"), driver("uio_pci_generic"), "remove: A"];
  for (const step of incomplete) {
    t.throws(() => prepared(scenarioOf(`steps: [${step}]`)), { name: "ConfigError", message }, step);
  }
  const complete = [
    ...incomplete.slice(0, 2).map((step) => `${step}, ${driver("vfio-pci")}`),
    "remove: A, rescan: A",
  ];
  for (const steps of complete) {
    t.doesNotThrow(() => prepared(scenarioOf(`steps: [${steps}]`)), steps);
  }
});

/** A scenario whose only step does what no step may: it changes the model's state at will. */
function tampering(apply: (state: State) => State): Scenario {
  const scenario = scenarioOf("steps: [attach: A, info]");
  const steps = scenario.steps.map((step, index) =>
    index === 0 ? step : {
      ...step,
      *unfold() {
        yield {
          text: "tamper",
          apply: (state: State) => ({ state: apply(state), answer: ok() }),
          command: () => "tamper",
          changes: "nothing" as const,
        };
      },
    }
  );
  return { ...scenario, steps };
}

t.test("a model that breaks its invariants is stopped where it does, and is no mistake in the file", async (t) => {
  const play = (apply: (state: State) => State) => {
    const scenario = tampering(apply);
    return predict(scenario, assignGroups(scenario, targetOf()), targetOf());
  };
  t.doesNotThrow(() => play((state) => state));
  t.throws(() => play((state) => ({ ...state, groups: new Map() })), {
    name: "BrokenInvariant",
    message: /^seed\/a\.yaml:3:20: info: the model broke its own invariant: c0: group A is elsewhere$/,
  });
});
