import t from "#tap";
import {
  loadAllMachines,
  loadAllMatrices,
  loadAllScenarios,
  loadAllSuites,
  loadPins,
  loadWritten,
} from "../../harness/cli/configs.ts";
import { parseKernelSpec, parseQemuSpec } from "../../harness/components/spec.ts";
import { cellsOf } from "../../harness/matrix/matrix.ts";
import { selectScenarios } from "../../harness/scenario/suite.ts";

t.test("the pins are specs that can be read", async (t) => {
  const { kernel, qemu } = await loadPins();
  t.doesNotThrow(() => parseKernelSpec(kernel));
  t.doesNotThrow(() => parseQemuSpec(qemu));
});

t.test("every machine, in files that are named from the project's root", async (t) => {
  const machines = await loadAllMachines();
  const names = machines.map(({ name }) => name);
  t.ok(names.includes("intel-iommu") && names.includes("amd-iommu") && names.includes("virtio-iommu"));
  t.equal(new Set(names).size, names.length, "each once");
  t.ok(machines.every(({ position }) => /^configs\/machines\/[\w-]+\.yaml$/.test(position.file)));
});

t.test("every scenario, under the name of its folder", async (t) => {
  const scenarios = await loadAllScenarios();
  t.ok(scenarios.length > 50, `${scenarios.length} scenarios`);
  for (const { id, position } of scenarios) {
    const [, folder] = /^configs\/scenarios\/([\w-]+)\/[\w-]+\.yaml$/.exec(position.file) ?? [];
    if (folder === undefined || !id.startsWith(`${folder}/`)) t.fail(`${id} in ${position.file}`);
  }
});

t.test("every suite selects something", async (t) => {
  const [scenarios, suites] = [await loadAllScenarios(), await loadAllSuites()];
  t.ok(suites.length > 0);
  for (const { name } of suites) t.ok(selectScenarios(scenarios, suites, [name]).length > 0, name);
});

t.test("every matrix has cells, full every machine, pairwise what full has", async (t) => {
  const [matrices, machines] = [await loadAllMatrices(), await loadAllMachines()];
  const named = (name: string) => {
    const matrix = matrices.find((matrix) => matrix.name === name);
    return matrix ? cellsOf(matrix) : [];
  };
  for (const { name } of matrices) t.ok(named(name).length > 0, name);
  t.same(new Set(named("full").map(({ machine }) => machine)), new Set(machines.map(({ name }) => name)));
  t.same(named("pairwise"), named("full"));
  const { kernel, qemu } = await loadPins();
  t.ok(named("default").every((cell) => cell.kernel === kernel && cell.qemu === qemu));
});

t.test("a scenario as it is written, by its id or by its file", async (t) => {
  const written = await loadWritten("deviations/sticky-low-edge");
  t.match(written, {
    scenario: "sticky-low-edge",
    rule: "§3.3, §12 Q1",
    groups: { A: {} },
    steps: [{ attach: "A" }],
  });
  const text = "scenario: mine\nrule: §1\nsteps: [info]\n";
  const dir = t.testdir({ "one.yaml": text, "two.yaml": `${text}---\n${text.replace("mine", "yours")}` });
  t.match(await loadWritten(`${dir}/one.yaml`), { scenario: "mine", steps: ["info"] });
  await t.rejects(loadWritten(`${dir}/two.yaml`), {
    name: "UsageError",
    message: /two\.yaml: holds 2 scenarios/,
  });
  await t.rejects(loadWritten(`${dir}/none.yaml`), {
    name: "UsageError",
    message: /none\.yaml: can't be read/,
  });
  await t.rejects(loadWritten("deviations/sticky-low"), {
    message: /did you mean deviations\/sticky-low-edge/,
  });
});
