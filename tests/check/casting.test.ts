import t from "#tap";
import { assignGroups, type Target, whyNot } from "../../harness/check/assignment.ts";
import { castScenario } from "../../harness/check/casting.ts";
import { scenarioOf, targetOf } from "./target.ts";

const STEPS = "steps: [info]";
const BEHIND_FAR = "groups: { A: {}, B: { iommu: far } }";

/** A machine whose second group is behind an IOMMU of its own. */
function twoIommus(name?: string, lackOfModules?: string): Target {
  const target = targetOf();
  const groups = target.groups.map((group, index) =>
    index === 1 ? { ...group, name, iommu: { ...group.iommu, name: "second" } } : group
  );
  return { ...target, groups, lackOfModules };
}

for (const name of ["far", undefined]) {
  t.test(`a scenario's IOMMU is the machine's, device ${name ?? "without a name"}`, async (t) => {
    const scenario = scenarioOf(BEHIND_FAR, "iommus: { far: {} }", STEPS);
    const { world, pretended } = assignGroups(scenario, twoIommus(name));
    t.equal(pretended.size, 0, "nothing is pretended");
    t.same([...world].map(([name, { iommu, devices }]) => [name, iommu.name, devices[0]]), [
      ["A", "intel", "0000:00:03.0"],
      ["B", "second", "0000:00:04.0"],
    ]);
  });
}

const NOT_AS_REAL = [
  'aperture: "0x10000..0x7fffffff"',
  "page-sizes: 4KiB",
  "coherent: true",
  'refuses: "0x0..0xfff"',
];

for (const wish of NOT_AS_REAL) {
  t.test(`a real IOMMU isn't made to be other than it is: ${wish}`, async (t) => {
    const needs = "groups: { S: { devices: several }, B: { iommu: far } }";
    const scenario = scenarioOf(needs, `iommus: { far: { ${wish} } }`, STEPS);
    const { world, pretended } = assignGroups(scenario, twoIommus());
    t.same([...pretended.keys()], ["B"]);
    t.equal(world.get("B")?.devices[0], "0000:00:03.0", "behind the one that most is behind");
    t.match(whyNot(scenario, twoIommus("far", "no headers")), /^needs guests\/twodom, .*: no headers$/);
  });
}

t.test("an IOMMU with too few groups isn't meant", async (t) => {
  const groups = "groups: { B: { iommu: far }, S: { devices: several, iommu: far } }";
  const cast = castScenario(scenarioOf(groups, "iommus: { far: {} }", STEPS), twoIommus().groups);
  t.match(cast, { genuine: new Map() });
});

t.test("one IOMMU isn't two of the scenario's", async (t) => {
  const needs = "groups: { B: { iommu: far }, C: { iommu: third } }";
  const scenario = scenarioOf(needs, "iommus: { far: {}, third: {} }", STEPS);
  t.match(castScenario(scenario, twoIommus().groups), { genuine: new Map([["far", "second"]]) });
});

t.test("where nothing has to be pretended no module is needed", async (t) => {
  const scenario = scenarioOf(BEHIND_FAR, "iommus: { far: {} }", STEPS);
  t.equal(whyNot(scenario, twoIommus("far", "no headers")), undefined);
  t.match(whyNot(scenario, { ...targetOf(), lackOfModules: "no headers" }), /^needs guests\/twodom/);
});

t.test("groups of which nothing is said are behind one IOMMU", async (t) => {
  const scenario = scenarioOf("groups: { A: {}, B: {} }", STEPS);
  t.equal(whyNot(scenario, targetOf()), undefined);
  t.equal(whyNot(scenario, twoIommus()), "needs 2 groups of one device");
});

t.test("who asks for a device by its name gets it, whatever it is behind", async (t) => {
  const scenario = scenarioOf("groups: { A: {}, B: { is: far } }", STEPS);
  const { world } = assignGroups(scenario, twoIommus("far"));
  t.equal(world.get("B")?.iommu.name, "second");
});
