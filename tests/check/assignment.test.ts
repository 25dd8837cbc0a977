import t from "#tap";
import { assignGroups, whyNot } from "../../harness/check/assignment.ts";
import { regionText } from "../../harness/model/reserved.ts";
import { AMD, INTEL, scenarioOf, targetOf, VIRTIO } from "./target.ts";

const STEPS = "steps: [info]";
const NO_ISOLATION = "{ kind: intel, address-bits: 39, interrupt-remapping: false }";

const CONDITIONS: readonly [lines: string, iommu: string, why: string | undefined][] = [
  ["when: {}", INTEL, undefined],
  ["when: { iommu: [intel, amd] }", AMD, undefined],
  ["when: { iommu: [intel, amd] }", VIRTIO, "needs IOMMU intel or amd"],
  ["when: { interrupts-isolated: true }", INTEL, undefined],
  ["when: { interrupts-isolated: true }", VIRTIO, "needs isolated interrupts"],
  ["when: { interrupts-isolated: false }", INTEL, "needs interrupts that are not isolated"],
  ["when: { interrupts-isolated: false }", NO_ISOLATION, undefined],
  ["when: { address-bits: 39 }", VIRTIO, undefined],
  ["when: { address-bits: 64 }", AMD, undefined],
  ["when: { address-bits: 64 }", INTEL, "needs an aperture of 64 bits"],
  ["when: { bounded: true }", INTEL, undefined],
  ["when: { bounded: true }", AMD, "needs an aperture that ends below 2^64"],
  ["when: { bounded: false }", AMD, undefined],
  ["when: { bounded: false }", INTEL, "needs an aperture that ends at 2^64"],
  ["when: { only-msi: true }", VIRTIO, undefined],
  ["when: { only-msi: true }", AMD, "needs a machine with no region beside the interrupt window"],
  ["when: { only-msi: false }", AMD, undefined],
  ["when: { only-msi: false }", INTEL, "needs a machine with a region beside the interrupt window"],
  ['when: { kernel: [">=6.12.117", "<6.13"] }', INTEL, undefined],
  ['when: { kernel: ["<6.12.117"] }', INTEL, "needs a kernel <6.12.117"],
  ['when: { kernel: ["<7.3", ">=6.12.118"] }', INTEL, "needs a kernel >=6.12.118"],
  ["groups: { A: {}, B: {}, C: { devices: several } }", INTEL, undefined],
  ["groups: { A: {}, B: {}, C: {} }", INTEL, "needs 3 groups of one device"],
  ["groups: { A: {}, B: { pluggable: true } }", INTEL, "needs a group of one device, to be unplugged"],
  ["groups: { A: { is: unity } }", INTEL, "needs a device named unity"],
  [
    "groups: { A: { device: lsi53c895a }, B: {} }",
    INTEL,
    "needs a group of one device, lsi53c895a",
  ],
  [
    "groups: { A: { devices: several }, B: { devices: several } }",
    INTEL,
    "needs 2 groups of several devices",
  ],
];

for (const [lines, iommu, why] of CONDITIONS) {
  t.test(`${lines} on ${iommu}: ${why ?? "fits"}`, async (t) => {
    t.equal(whyNot(scenarioOf(lines, STEPS), targetOf(iommu)), why);
  });
}

const MODULES: readonly [lines: string[], module?: string][] = [
  [["groups: { A: {}, B: {} }", STEPS]],
  [['groups: { A: {}, B: { reserved: ["0x1000..0x1fff reserved"] } }', STEPS], "resvinj"],
  [["list-order: as-written", STEPS], "resvinj"],
  [['steps: [attach: A, inject: { group: A, reserved: ["0x1000..0x1fff reserved"] }]'], "resvinj"],
  [["steps: [fail-collection: 1, info]"], "resvinj"],
  [["steps: [{ fail-collection: 1, in: p1 }]"], "resvinj"],
  [["groups: { A: {}, B: { iommu: far } }", "iommus: { far: {} }", STEPS], "twodom"],
];

t.test("what needs a module of ours, and that where there is none", async (t) => {
  for (const [lines, module] of MODULES) {
    const scenario = scenarioOf(...lines);
    t.same(scenario.modules, module === undefined ? [] : [module], lines.join("; "));
    t.equal(whyNot(scenario, targetOf()), undefined);
    const why = whyNot(scenario, { ...targetOf(), lackOfModules: "headers are gone" });
    const needs = `needs guests/${module}, which can't be built: headers are gone`;
    t.equal(why, module === undefined ? undefined : needs);
  }
});

t.test("a machine without groups is a fault of the program", async (t) => {
  t.throws(() => whyNot(scenarioOf(STEPS), { ...targetOf(), groups: [] }), { name: "RangeError" });
});

t.test("groups get the machine's in order, each kind for itself", async (t) => {
  const scenario = scenarioOf("groups: { Z: {}, S: { devices: several }, A: {} }", STEPS);
  const { world } = assignGroups(scenario, targetOf());
  t.same([...world].map(([name, { devices }]) => [name, devices]), [
    ["Z", ["0000:00:03.0"]],
    ["S", ["0000:00:06.0", "0000:00:06.1"]],
    ["A", ["0000:00:04.0"]],
  ]);
});

const REGIONS = ["0xff000000..0xff000fff reserved", "0x1000..0x1fff direct-relaxable x2 every 64KiB"];
const INJECTED = [
  "0xff000000..0xff000fff:reserved",
  "0x1000..0x1fff:direct-relaxable",
  "0x11000..0x11fff:direct-relaxable",
];
const MSI = "0xfee00000..0xfeefffff:msi";

const ORDERS = [
  ["list-order: sorted", [INJECTED[1], INJECTED[2], MSI, INJECTED[0]]],
  ["list-order: as-written", [MSI, ...INJECTED]],
] as const;

for (const [order, regions] of ORDERS) {
  t.test(`regions of the world, ${order}`, async (t) => {
    const groups = `groups: { A: { reserved: ${JSON.stringify(REGIONS)} }, B: {} }`;
    const { world, injected, plainGroup } = assignGroups(scenarioOf(order, groups, STEPS), targetOf());
    t.same(world.get("A")?.reserved.map(regionText), regions);
    t.same(injected.get("A")?.map(regionText), INJECTED, "injected as written");
    t.same(world.get("B")?.reserved.map(regionText), [MSI], "no other group has them");
    t.same(injected.get("B"), []);
    t.same(plainGroup.reserved.map(regionText), [MSI], "nor the machine itself");
  });
}

t.test("symbols are those of the aperture and of the interrupt window", async (t) => {
  t.same(assignGroups(scenarioOf(STEPS), targetOf()).symbols, {
    bottom: 0n,
    top: 0x7fffffffffn,
    msi: 0xfee00000n,
    msilast: 0xfeefffffn,
    max: 2n ** 64n - 1n,
  });
  const groups = 'groups: { A: { reserved: ["top-0xfff..top reserved"] } }';
  const { injected } = assignGroups(scenarioOf(groups, STEPS), targetOf());
  t.same(injected.get("A")?.map(regionText), ["0x7ffffff000..0x7fffffffff:reserved"]);
});

const FAR = 'iommus: { far: { aperture: "0x10000..0x7fffffff", page-sizes: 4KiB+2MiB } }';
const BEHIND = "groups: { A: {}, B: { iommu: far }, S: { devices: several, iommu: far } }";

t.test("groups behind another IOMMU: the machine's own, less what the scenario takes from it", async (t) => {
  const scenario = scenarioOf(FAR, BEHIND, STEPS);
  const { world, pretended, plainGroup, symbols } = assignGroups(scenario, targetOf());
  const own = plainGroup.iommu;
  const far = {
    ...own,
    name: "intel/far",
    aperture: { start: 0x10000n, last: 0x7fffffffn },
    pageSizes: 0x201000n,
  };
  t.same([...world].map(([name, { iommu }]) => [name, iommu]), [["A", own], ["B", far], ["S", far]]);
  t.same([...pretended], [["B", { number: 1, iommu: far }], ["S", { number: 1, iommu: far }]]);
  t.equal(symbols.top, 0x7fffffffffn, "symbols are those of the machine's own");
});

t.test("an IOMMU of which nothing is said is like the machine's, and not it", async (t) => {
  const scenario = scenarioOf(
    "iommus: { far: {}, third: {} }",
    "groups: { A: {}, B: { iommu: far }, S: { devices: several, iommu: third } }",
    STEPS,
  );
  const { world, pretended, plainGroup } = assignGroups(scenario, targetOf(AMD));
  t.same(world.get("B")?.iommu, { ...plainGroup.iommu, name: "amd/far" });
  t.same([...pretended.values()].map(({ number }) => number), [1, 2]);
});

const IOMMU_FAULTS: readonly [needs: string, message: RegExp][] = [
  [
    '{ aperture: "0x0..0x8000000000" }',
    /aperture 0x0\.\.0x8000000000: the machine's is .*; write a part of it$/,
  ],
  ['{ aperture: "0x2000..0x1fff" }', /range 0x2000\.\.0x1fff ends before it starts/],
  ['{ aperture: "0x0" }', /range 0x0: write START\.\.LAST/],
  ["{ page-sizes: 8KiB }", /page-sizes 0x2000: the machine's are 0x40201000; write some of them, 4KiB among/],
  ["{ page-sizes: 2MiB }", /page-sizes 0x200000: .*4KiB among them$/],
];

for (const [needs, message] of IOMMU_FAULTS) {
  t.test(`what the machine's IOMMU can't do is told where it is asked for: ${needs}`, async (t) => {
    const scenario = scenarioOf("groups: { A: { iommu: far } }", `iommus: { far: ${needs} }`, STEPS);
    t.throws(() => assignGroups(scenario, targetOf()), {
      name: "ConfigError",
      message: new RegExp(`^seed/a\\.yaml:4:16: ${message.source}`),
    });
  });
}

const FAULTS: readonly [group: string, message: RegExp][] = [
  ['{ reserved: ["0x2..0x1 msi"] }', /^seed\/a\.yaml:5:6: range 0x2\.\.0x1 ends before it starts/],
  ['{ reserved: ["0x1..0x2 odd"] }', /^seed\/a\.yaml:5:6: reserved region .*: no kind odd/],
  ['{ reserved: ["0x0..end msi"] }', /^seed\/a\.yaml:5:6: no address is called end/],
];

t.test("what the machine hasn't got is told where the scenario stands", async (t) => {
  const scenario = scenarioOf("groups: { A: { is: unity } }", STEPS);
  t.throws(() => assignGroups(scenario, targetOf()), {
    name: "ConfigError",
    message: "seed/a.yaml:1:11: the machine can't play it: needs a device named unity",
  });
});

t.test("those with most to ask for choose first", async (t) => {
  const groups = ["unity", undefined, undefined].map((name, index) => ({
    ...targetOf().groups[index % 2]!,
    name,
    kinds: [index === 1 ? "lsi53c895a" as const : "edu" as const],
    devices: [`${index}`],
  }));
  const wishes = "groups: { A: {}, E: { device: lsi53c895a }, U: { is: unity } }";
  const { world, plainGroup } = assignGroups(scenarioOf(wishes, STEPS), { ...targetOf(), groups });
  t.same(["A", "E", "U"].map((name) => world.get(name)?.devices), [["2"], ["1"], ["0"]]);
  t.same(plainGroup.devices, ["1"], "what has a name isn't plain");
});

for (const [group, message] of FAULTS) {
  t.test(`a fault is told where the group stands: ${group}`, async (t) => {
    const scenario = scenarioOf("groups:", "  A: { devices: several }", `  B: ${group}`, STEPS);
    t.throws(() => assignGroups(scenario, targetOf()), { name: "ConfigError", message });
  });
}
