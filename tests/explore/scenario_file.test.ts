import t from "#tap";
import { scenarioText } from "../../harness/explore/scenario_file.ts";
import { ConfigError } from "../../harness/config.ts";
import { parseScenarios, scenarioFrom } from "../../harness/scenario/scenario.ts";

const SEQUENCE = {
  setting: {
    groups: { A: { device: "edu", reserved: ["0x1000..0x1fff reserved"] }, B: { iommu: "far" } },
    iommus: { far: { aperture: "0x0..0xffffffff" } },
    "allow-unsafe-interrupts": true,
  },
  steps: [
    { attach: "A" },
    { map: { iova: 0xffffffffffff0000n, size: 0x10000n, memory: "shared" }, in: "p1" },
    { info: null },
  ],
} as const;

const FOUND = {
  kernel: "debian:6.12.117",
  qemu: "debian:10.0.13",
  machine: "intel-iommu",
  seed: 7,
  sequence: 12,
};

t.test("a file says what the sequence does, in the words of scenarios", async (t) => {
  const text = scenarioText({
    name: "seed-7-12",
    rule: "§4.1 row 8",
    sequence: SEQUENCE,
    found: FOUND,
    about: ["Found by explore.", "mismatch at step 2"],
    remarks: ["ok", "EINVAL", ""],
  });
  t.equal(
    text,
    `# Found by explore.
# mismatch at step 2

scenario: seed-7-12
rule: §4.1 row 8
found:
  kernel: debian:6.12.117
  qemu: debian:10.0.13
  machine: intel-iommu
  seed: 7
  sequence: 12
groups:
  A: { device: edu, reserved: [ 0x1000..0x1fff reserved ] }
  B: { iommu: far }
iommus:
  far: { aperture: 0x0..0xffffffff }
allow-unsafe-interrupts: true
steps:
  - attach: A # ok
  - map: { iova: 0xffffffffffff0000, size: 0x10000, memory: shared }
    in: p1 # EINVAL
  - info
`,
  );
  const [parsed] = parseScenarios(text, "f.yaml", "explore");
  t.match(parsed, { id: "explore/seed-7-12", found: FOUND, allowUnsafeInterrupts: true });
  const made = scenarioFrom(
    { scenario: "x", rule: "§4", ...SEQUENCE.setting, steps: SEQUENCE.steps },
    "x",
    "explore",
  );
  t.same(parsed?.steps.map(({ text }) => text), made.steps.map(({ text }) => text));
  t.same(parsed?.steps.map(({ position }) => position.line), [19, 20, 22]);
});

t.test("an attach to the usual container says the group only", async (t) => {
  const steps = [{ attach: { group: "A" } }, { attach: { group: "A", container: "c1" } }];
  const text = scenarioText({
    name: "x",
    sequence: { setting: { groups: { A: {} } }, steps },
    about: [],
    remarks: [],
  });
  t.match(text, /\n {2}- attach: A\n {2}- attach: \{ group: A, container: c1 \}\n/);
});

t.test("nobody expects anything of what was found; of other scenarios success is expected", async (t) => {
  const text = (found: string) => `scenario: x\nrule: §4\n${found}steps: [{ attach: A }]`;
  const found = `found: { kernel: k, qemu: q, machine: m, seed: 1, sequence: 0 }\n`;
  t.match(parseScenarios(text(found), "f", "x")[0]?.steps[0]?.expect, { expect: "any" });
  t.match(parseScenarios(text(""), "f", "x")[0]?.steps[0]?.expect, { expect: "ok" });
});

t.test("a fault in what a program wrote is told like any other", async (t) => {
  const written = { scenario: "x", rule: "§4", steps: [{ map: { iova: "top", size: true } }] };
  t.throws(() => scenarioFrom(written, "made", "explore"), ConfigError);
});
