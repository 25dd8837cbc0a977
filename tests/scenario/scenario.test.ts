import t from "#tap";
import { assignGroups, type Target, whyNot } from "../../harness/check/assignment.ts";
import { predict } from "../../harness/check/prediction.ts";
import { ConfigError } from "../../harness/config.ts";
import { parseMachines } from "../../harness/machine/machine.ts";
import { predictedGroups } from "../../harness/machine/predicted.ts";
import { parseScenarios } from "../../harness/scenario/scenario.ts";

const FILE = "seed/a.yaml";
const VERSION = { major: 6, minor: 12, patch: 117 };
const QEMU = { major: 10, minor: 0, patch: 13 };
const [MACHINE] = parseMachines(
  "machine: m\niommu: { kind: intel, address-bits: 39 }\ndevices: [slot: 3, slot: 4]\n",
  "m.yaml",
);

function header(lines: string): string {
  return `scenario: one\nrule: §2.5\n${lines}\n`;
}

function target(): Target {
  if (!MACHINE) throw new Error("no machine");
  const groups = predictedGroups(MACHINE, { kernel: VERSION, qemu: QEMU });
  return { groups, iommuKind: "intel", memoryBytes: 256n << 20n, version: VERSION, options: new Set() };
}

/** Reads a scenario and plays it, as far as that goes. */
function play(text: string) {
  return parseScenarios(text, FILE, "seed").map((scenario) =>
    predict(scenario, assignGroups(scenario, target()), target())
  );
}

t.test("a scenario has a name in its folder, a rule, groups and steps", async (t) => {
  const [scenario] = parseScenarios(
    header("groups:\n  B: { devices: several, reserved: [0x0..0xfff msi] }\nsteps:\n  - attach: B\n  - info"),
    FILE,
    "seed",
  );
  t.match(scenario, {
    id: "seed/one",
    rule: "§2.5",
    leaks: false,
    position: { file: FILE, line: 1, column: 11 },
  });
  t.match(scenario?.groups.get("B"), { devices: "several", reserved: ["0x0..0xfff msi"] });
  t.same(scenario?.steps.map(({ text, position }) => [text, position.line]), [["attach: B", 6], ["info", 7]]);
});

t.test("left out, there is one group A and success is expected", async (t) => {
  const [scenario] = parseScenarios(header("steps: [attach: A]"), FILE, "seed");
  t.same([...scenario?.groups.keys() ?? []], ["A"]);
  t.match(scenario?.steps[0]?.expect, { expect: "ok", returns: {} });
});

const FAULTS: readonly [name: string, text: string, message: string | RegExp][] = [
  ["unknown key", header("colour: red\nsteps: [info]"), `${FILE}:3:1: unknown key colour`],
  [
    "unknown key of a group",
    header("groups: { A: { size: 4 } }\nsteps: [info]"),
    `${FILE}:3:16: unknown key size`,
  ],
  [
    "unknown key of a step's arguments",
    header("steps:\n  - map: { iova: 0, size: 4KiB, prot: rw }"),
    `${FILE}:4:33: unknown key prot`,
  ],
  [
    "unknown step",
    header("steps:\n  - info\n  - atach: A"),
    /^seed\/a\.yaml:5:5: no step is called atach; there are attach, /,
  ],
  ["unknown bare step", header("steps:\n  - remap"), /^seed\/a\.yaml:4:5: no step is called remap/],
  [
    "a list as a step",
    header("steps:\n  - [attach, A]"),
    /^seed\/a\.yaml:4:5: this step doesn't say what to do/,
  ],
  [
    "bare step that needs arguments",
    header("steps:\n  - map"),
    /^seed\/a\.yaml:4:5: map needs to be told what/,
  ],
  [
    "two kinds in one step",
    header("steps:\n  - attach: A\n    detach: A"),
    `${FILE}:5:13: a step does one thing; detach is a second`,
  ],
  [
    "wrong type",
    header("steps:\n  - map: { iova: true, size: 4KiB }"),
    /^seed\/a\.yaml:4:18: steps\.0\.map\.iova: write a number or a sum such as 0x1000/,
  ],
  ["wrong type of a switch", header("leaks: 3\nsteps: [info]"), /^seed\/a\.yaml:3:8: leaks: /],
  [
    "wrong errno",
    header("steps:\n  - attach: A\n    expect: perhaps"),
    /^seed\/a\.yaml:5:13: steps\.0\.expect: write ok, any or an errno/,
  ],
  [
    "an errno as a number",
    header("steps:\n  - attach: A\n    expect: 22"),
    /^seed\/a\.yaml:5:13: steps\.0\.expect: write ok, any, an errno such as EINVAL, or one per/,
  ],
  [
    "wrong version bound",
    header('steps:\n  - attach: A\n    expect: { ">6.1": EINVAL }'),
    /^seed\/a\.yaml:5:\d+: steps\.0\.expect/,
  ],
  ["no steps", header("steps: []"), /^seed\/a\.yaml:3:8: steps: write at least one step$/],
  ["no rule", "scenario: one\nsteps: [info]\n", /^seed\/a\.yaml:1:1: rule is missing; write it$/],
  [
    "rule without a section",
    "scenario: one\nrule: all\nsteps: [info]\n",
    /^seed\/a\.yaml:2:7: rule: name the section/,
  ],
  [
    "bad name",
    "scenario: One\nrule: §1\nsteps: [info]\n",
    /^seed\/a\.yaml:1:11: scenario: write a name such as/,
  ],
  ["bad YAML", "scenario: one\nrule: [\n", /^seed\/a\.yaml:\d+:\d+: /],
  [
    "bad address",
    header("steps:\n  - attach: A\n  - map: { iova: 4KB, size: 4KiB }"),
    /^seed\/a\.yaml:5:5: map: .*: 4KB is no address; write a sum/,
  ],
  [
    "an address below 0",
    header("steps:\n  - attach: A\n  - map: { iova: -1, size: 4KiB }"),
    `${FILE}:5:5: map: {iova: -1, size: 4KiB}: -1 doesn't fit 64 bits`,
  ],
  [
    "bad symbol",
    header("steps:\n  - attach: A\n  - map: { iova: end, size: 4KiB }"),
    /^seed\/a\.yaml:5:5: map: .*: no address is called end; there are bottom, top, msi, msilast, max$/,
  ],
  [
    "bad region",
    header('groups:\n  A: { reserved: ["0x2..0x1 msi"] }\nsteps: [info]'),
    /^seed\/a\.yaml:4:6: range 0x2\.\.0x1 ends before it starts/,
  ],
  [
    "an IOMMU that isn't described",
    header("groups:\n  A: { iommu: far }\nsteps: [info]"),
    `${FILE}:4:15: no IOMMU is called far; describe it under iommus`,
  ],
  [
    "an IOMMU without groups",
    header("iommus:\n  far: {}\nsteps: [info]"),
    `${FILE}:4:8: no group is behind IOMMU far; write iommu: far in one`,
  ],
  [
    "bad name of an IOMMU",
    header("iommus:\n  Far: {}\nsteps: [info]"),
    `${FILE}:4:3: iommus.Far: write a name such as far`,
  ],
  [
    "bad hole",
    header("steps:\n  - attach: A\n    holes: [low]"),
    /^seed\/a\.yaml:4:5: attach: A: range low: write START\.\.LAST/,
  ],
  [
    "handle that isn't open",
    header("steps: [info: c0]"),
    /^seed\/a\.yaml:3:9: info: c0: container c0 is not open$/,
  ],
];

t.test("every fault says where it is", async (t) => {
  for (const [name, text, message] of FAULTS) {
    t.throws(() => play(text), { name: "ConfigError", message }, name);
  }
});

t.test("the second scenario of a name is refused where it stands", async (t) => {
  const twice = `${header("steps: [info]")}---\n${header("steps: [info]")}`;
  t.throws(() => parseScenarios(twice, FILE, "seed"), {
    name: "ConfigError",
    message: `${FILE}:5:11: scenario seed/one stands at ${FILE}:1:11 already; give this one another name`,
  });
});

const CONDITIONS: readonly [when: string, why: string | undefined][] = [
  ["{}", undefined],
  ["{ iommu: [intel, amd] }", undefined],
  ["{ iommu: [amd, virtio] }", "needs IOMMU amd or virtio"],
  ["{ interrupts-isolated: true }", undefined],
  ["{ interrupts-isolated: false }", "needs interrupts that are not isolated"],
  ["{ address-bits: 39 }", undefined],
  ["{ address-bits: 48 }", "needs an aperture of 48 bits"],
  ['{ kernel: [">=6.1", "<6.18"] }', undefined],
  ['{ kernel: [">=6.1", "<6.12.117"] }', "needs a kernel <6.12.117"],
];

t.test("conditions say why a scenario doesn't fit a machine", async (t) => {
  for (const [when, why] of CONDITIONS) {
    const [scenario] = parseScenarios(header(`when: ${when}\nsteps: [info]`), FILE, "seed");
    t.equal(scenario && whyNot(scenario, target()), why, when);
  }
  const [greedy] = parseScenarios(header("groups: { A: {}, B: {}, C: {} }\nsteps: [info]"), FILE, "seed");
  t.equal(greedy && whyNot(greedy, target()), "needs 3 groups of one device");
});

t.test("the faults are those of a ConfigError, whose position can be used", async (t) => {
  try {
    play(header("steps: [atach: A]"));
    t.fail("no fault");
  } catch (error) {
    t.ok(error instanceof ConfigError);
    if (error instanceof ConfigError) t.same(error.position, { file: FILE, line: 3, column: 9 });
  }
});
