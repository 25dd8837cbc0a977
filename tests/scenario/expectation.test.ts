import t from "#tap";
import { assignGroups } from "../../harness/check/assignment.ts";
import { predict } from "../../harness/check/prediction.ts";
import { parseMachines } from "../../harness/machine/machine.ts";
import { predictedGroups } from "../../harness/machine/predicted.ts";
import { type KernelVersion, parseVersion } from "../../harness/model/version.ts";
import { isWithin } from "../../harness/scenario/expectation.ts";
import { parseScenarios } from "../../harness/scenario/scenario.ts";

const [MACHINE] = parseMachines(
  "machine: m\niommu: { kind: intel, address-bits: 39 }\ndevices: [slot: 3, slot: 4]\n",
  "m.yaml",
);

function version(text: string): KernelVersion {
  const parsed = parseVersion(text);
  if (!parsed) throw new Error(`${text} is no version`);
  return parsed;
}

/** What the author of these steps is told; B reserves a region. */
function contradictions(steps: string, kernel = "6.12.117"): string[] {
  if (!MACHINE) throw new Error("no machine");
  const groups = predictedGroups(MACHINE, { kernel: version(kernel), qemu: version("10.0.13") });
  const target = {
    groups,
    iommuKind: "intel",
    memoryBytes: 256n << 20n,
    version: version(kernel),
    options: new Set<string>(),
  };
  const text = `scenario: one
rule: §1
groups: { A: {}, B: { reserved: ["0x40000000..0x400fffff reserved"] } }
steps:
  - attach: A
${steps}`;
  return parseScenarios(text, "a.yaml", "seed")
    .flatMap((scenario) => predict(scenario, assignGroups(scenario, target), target).contradictions)
    .map(({ message }) => message);
}

t.test("a wrong answer is contradicted", async (t) => {
  t.same(contradictions("  - attach: B\n"), []);
  t.same(contradictions("  - attach: B\n    expect: EINVAL\n"), [
    "a.yaml:6:5: attach: B: the author expects EINVAL, the model says ok",
  ]);
  t.match(contradictions("  - map: { iova: 0xfee00000, size: 4KiB }\n"), [
    /^a\.yaml:6:5: map: .*: the author expects ok, the model says EINVAL$/,
  ]);
  t.same(contradictions("  - map: { iova: 0xfee00000, size: 4KiB }\n    expect: any\n"), []);
});

t.test("an answer per version counts for its versions", async (t) => {
  const nesting = (expect: string) =>
    `  - detach: A
  - set-container: { group: A }
  - set-iommu: { type: 6 }
    expect: ${expect}
`;
  const right = '{ "<6.13": EINVAL, ">=6.13": ENODEV }';
  for (const kernel of ["6.1.192", "6.12.117", "7.3.4"]) {
    t.same(contradictions(nesting(right), kernel), [], kernel);
  }
  t.equal(contradictions(nesting("EINVAL"), "7.3.4").length, 1);
  t.equal(contradictions(nesting("ENODEV"), "6.1.192").length, 1);
});

t.test("a wrong value is contradicted, also one that the answer lacks", async (t) => {
  const unmap = (returns: string) =>
    `  - map: { iova: 0, size: 8KiB }
  - unmap: { iova: 0, size: 8KiB }
    returns: ${returns}
`;
  t.same(contradictions(unmap("{ size: 8KiB }")), []);
  t.match(contradictions(unmap("{ size: 4KiB }")), [
    /the author expects size=0x1000, the model says ok size=0x2000$/,
  ]);
  t.match(contradictions(unmap("{ bytes: 8KiB }")), [/the author expects bytes=0x2000, the model says ok/]);
});

t.test("capabilities are held against the answer letter by letter", async (t) => {
  const info = (returns: string) => `  - info: c0\n    returns: ${returns}\n`;
  const migration = "migration: 0x0/0x0/0x1000/0x10000000";
  t.same(contradictions(info(`{ caps: "2@0x18,3@0x38,1@0x48", ${migration} }`), "6.12.117"), []);
  t.match(contradictions(info('{ caps: "2@0x18,3@0x38,1@0x48" }'), "6.1.192"), [
    /the author expects caps=2@0x18,3@0x38,1@0x48, the model says ok .*caps=2@0x18,3@0x38,1@0x44/,
  ]);
  t.match(contradictions(info("{ migration: 0x0/0x1/0x1000/0x10000000 }")), [/expects migration=0x0\/0x1/]);
});

const HOLES: readonly [name: string, step: string, holes: string, wrongAt: string | undefined][] = [
  ["none", "info: c0", "[]", undefined],
  ["one too many", "info: c0", '["0x1000..0x1fff"]', "0x1000 to be out of"],
  ["one too few", "attach: B", "[]", "0x40000000 to be in"],
  ["right", "attach: B", '["0x40000000..0x400fffff"]', undefined],
  ["in two pieces", "attach: B", '["0x40080000..0x400fffff", "0x40000000..0x4007ffff"]', undefined],
  ["a byte short at the start", "attach: B", '["0x40000001..0x400fffff"]', "0x40000000 to be in"],
  ["a byte long at the start", "attach: B", '["0x3fffffff..0x400fffff"]', "0x3fffffff to be out of"],
  ["a byte short at the end", "attach: B", '["0x40000000..0x400ffffe"]', "0x400fffff to be in"],
  ["a byte long at the end", "attach: B", '["0x40000000..0x40100000"]', "0x40100000 to be out of"],
  ["over the MSI hole, which is there anyway", "info: c0", '["0xfee00000..0xfee0ffff"]', undefined],
  ["no list any more", "detach: A", "[]", "0x0 to be in"],
];

t.test("holes are held against the list, byte by byte at every border", async (t) => {
  for (const [name, step, holes, wrongAt] of HOLES) {
    const found = contradictions(`  - ${step}\n    holes: ${holes}\n`);
    if (wrongAt === undefined) t.same(found, [], name);
    else t.match(found[0], new RegExp(`the author expects ${wrongAt} the list, the model says`), name);
  }
});

t.test("a bound holds a version or doesn't", async (t) => {
  t.equal(isWithin(version("6.12.117"), "<6.18"), true);
  t.equal(isWithin(version("6.18"), "<6.18"), false);
  t.equal(isWithin(version("6.18"), ">=6.18"), true);
  t.equal(isWithin(version("6.12.42"), ">=6.12.42"), true);
  t.equal(isWithin(version("6.12.41"), ">=6.12.42"), false);
});
