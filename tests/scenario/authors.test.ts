/** The scenarios' authors and the model hold each other honest, without a guest. */
import t from "#tap";
import { loadAllMachines } from "../../harness/cli/configs.ts";
import { basename, resolve } from "node:path";
import { assignGroups, type Target, whyNot } from "../../harness/check/assignment.ts";
import { exercisedDeviations } from "../../harness/check/model_play.ts";
import { predict, type Prediction } from "../../harness/check/prediction.ts";

import type { Machine } from "../../harness/machine/machine.ts";
import { unseenBy } from "../../harness/machine/acpi/firmware.ts";
import { predictedGroups } from "../../harness/machine/predicted.ts";
import { unsupported } from "../../harness/machine/qemu_args.ts";
import { FatalFault } from "../../harness/model/dma.ts";
import { DEVIATIONS, isFrom } from "../../harness/model/semantics.ts";
import { type KernelVersion, parseVersion } from "../../harness/model/version.ts";
import { loadScenarios, type Scenario, withoutDoubles } from "../../harness/scenario/scenario.ts";
import { loadSuites, selectScenarios } from "../../harness/scenario/suite.ts";

const CONFIGS = resolve(import.meta.dirname ?? ".", "../../configs");

/** What the suite must show on a real guest, and the file that does. */
const RULES: Readonly<Record<string, string>> = {
  "reserved regions are read at attach": "seed/reserved-regions.yaml",
  "conflict with existing mappings": "seed/conflict.yaml",
  "exclusion": "seed/exclusion.yaml",
  "nothing changes on failure": "seed/nothing-changes.yaml",
  "both attach paths": "seed/attach-paths.yaml",
  "detach refreshes": "seed/detach-refresh.yaml",
  "detach cannot fail": "seed/detach-cannot-fail.yaml",
  "ordering": "seed/ordering.yaml",
  "maps against the list": "seed/map-against-list.yaml",
  "MSI and interrupt isolation": "seed/msi-isolation.yaml",
  "capability": "seed/capability.yaml",
  "groups of several devices": "seed/several-devices.yaml",
  "life cycle": "seed/life-cycle.yaml",
  "MAP's refusals": "seed/map-validation.yaml",
  "UNMAP's rules": "seed/unmap-rules.yaml",
  "budget": "seed/budget.yaml",
  "argsz": "seed/argsz.yaml",
};

const MAX_STEPS = 24;
const MAX_ACTIONS = 600;

async function loadFolders(): Promise<Scenario[]> {
  const all: Scenario[] = [];
  const folders = [...Deno.readDirSync(resolve(CONFIGS, "scenarios"))].map(({ name }) => name).sort();
  for (const folder of folders) {
    const files = [...Deno.readDirSync(resolve(CONFIGS, "scenarios", folder))].map(({ name }) => name).sort();
    for (const name of files) {
      const shownAs = `${folder}/${name}`;
      all.push(...await loadScenarios(resolve(CONFIGS, "scenarios", shownAs), shownAs, folder));
    }
  }
  return all;
}

interface Played {
  readonly scenario: Scenario;
  readonly where: string;
  readonly prediction: Prediction;
}

function version(text: string): KernelVersion {
  const parsed = parseVersion(text);
  if (!parsed) throw new Error(`${text} is no version`);
  return parsed;
}

/** Kernel and QEMU. 7.3 asks the AMD IOMMU how much it translates, and QEMUs answer differently. */
const PLATFORMS = [
  ["5.10.262", "10.0.13"],
  ["6.1.192", "7.2"],
  ["6.12.117", "10.0.13"],
  ["7.3.4", "7.2"],
  ["7.3.4", "10.0.13"],
] as const;

/** For machines that need it. */
const NEWEST_QEMU = "11.1.3";

/** Where a machine can be had: kernels before 6.12 lack the driver of a virtio-iommu, older ones see no RMR. */
function platformsOf(machine: Machine): (readonly [kernel: string, qemu: string])[] {
  const kernels = PLATFORMS.filter(([kernel]) =>
    (machine.iommu.kind !== "virtio" || isFrom(version(kernel), "6.12")) &&
    unseenBy(machine, version(kernel)) === undefined
  );
  const possible = kernels.filter(([, qemu]) => unsupported(machine, version(qemu)) === undefined);
  if (possible.length > 0) return possible;
  return [...new Set(kernels.map(([kernel]) => kernel))].map((kernel) => [kernel, NEWEST_QEMU] as const);
}

const machines = await loadAllMachines();
const scenarios = await loadFolders();
const stages = machines.flatMap((machine) =>
  platformsOf(machine).map(([kernel, qemu]) => {
    const groups = predictedGroups(machine, { kernel: version(kernel), qemu: version(qemu) });
    const target: Target = {
      groups,
      iommuKind: machine.iommu.kind,
      memoryBytes: 256n << 20n,
      version: version(kernel),
      options: new Set([
        "CONFIG_BLK_DEV_RAM",
        "CONFIG_UIO_PCI_GENERIC",
        "CONFIG_PCI_STUB",
        "CONFIG_TRANSPARENT_HUGEPAGE",
      ]),
    };
    return { target, where: `${machine.name}, kernel ${kernel}, QEMU ${qemu}` };
  })
);

/** Nothing where only playing it shows that it can't be played there. */
function playIn({ target, where }: typeof stages[number], scenario: Scenario): Played[] {
  try {
    return [{ scenario, where, prediction: predict(scenario, assignGroups(scenario, target), target) }];
  } catch (error) {
    if (error instanceof FatalFault) return [];
    throw error;
  }
}

const played: Played[] = stages.flatMap((stage) =>
  scenarios.filter((scenario) => whyNot(scenario, stage.target) === undefined)
    .flatMap((scenario) => playIn(stage, scenario))
);

t.test("no author contradicts the model, on any machine and kernel", async (t) => {
  for (const { where } of stages) {
    const here = played.filter((one) => one.where === where);
    t.same(here.flatMap(({ prediction }) => prediction.contradictions.map(String)), [], where);
  }
});

t.test("every scenario makes sense somewhere", async (t) => {
  const somewhere = new Set(played.map(({ scenario }) => scenario));
  t.same(scenarios.filter((scenario) => !somewhere.has(scenario)).map(({ id }) => id), []);
});

t.test("no two scenarios have the same name", async (t) => {
  t.doesNotThrow(() => withoutDoubles(scenarios));
});

t.test("every rule has scenarios, and every file a rule", async (t) => {
  const files = new Set(scenarios.map(({ position }) => position.file));
  for (const [rule, file] of Object.entries(RULES)) t.ok(files.has(file), `${rule}: ${file}`);
  const ruled = new Set(Object.values(RULES));
  t.same([...files].filter((file) => file.startsWith("seed/") && !ruled.has(file)), []);
});

t.test("scenarios are short, and cheap enough for a guest", async (t) => {
  t.same(scenarios.filter(({ steps }) => steps.length > MAX_STEPS).map(({ id }) => id), []);
  const costly = played.filter(({ prediction }) => prediction.actions.length > MAX_ACTIONS);
  t.same(costly.map(({ scenario, prediction }) => `${scenario.id}: ${prediction.actions.length}`), []);
});

t.test("deviations are exercised where they are meant to be, and nowhere else", async (t) => {
  const inFolder = new Set(
    played.filter(({ scenario }) => scenario.id.startsWith("deviations/")).flatMap(({ prediction }) =>
      exercisedDeviations(prediction)
    ),
  );
  t.same([...inFolder].sort(), DEVIATIONS.map(({ name }) => name).sort());
  const elsewhere = played.filter(({ scenario, prediction }) =>
    !scenario.id.startsWith("deviations/") && exercisedDeviations(prediction).length > 0
  );
  t.same(elsewhere.map(({ scenario, where }) => `${scenario.id} on ${where}`), []);
});

t.test("a scenario says so when it leaves pages locked behind", async (t) => {
  const silent = played.filter(({ scenario, prediction }) => prediction.leakedPages > 0n && !scenario.leaks);
  t.same(silent.map(({ scenario, where }) => `${scenario.id} on ${where}`), []);
  const leaking = new Set(
    played.filter(({ prediction }) => prediction.leakedPages > 0n).map((one) => one.scenario),
  );
  t.same(scenarios.filter((one) => one.leaks && !leaking.has(one)).map(({ id }) => id), []);
});

t.test("every comment line above a scenario says what it guards", async (t) => {
  for (const file of new Set(scenarios.map(({ position }) => position.file))) {
    const lines = Deno.readTextFileSync(resolve(CONFIGS, "scenarios", file)).split("\n");
    const bare = lines.filter((line, index) =>
      line.startsWith("scenario:") && !lines[index - 1]?.startsWith("# ")
    );
    t.same(bare, [], file);
  }
});

t.test("the suites select what their names promise", async (t) => {
  const ids = async (name: string) => {
    const file = resolve(CONFIGS, "suites", `${name}.yaml`);
    const suites = await loadSuites(file, `${name}.yaml`);
    t.same(suites.map((suite) => suite.name), [name]);
    return selectScenarios(scenarios, suites, [name]).map(({ id }) => id);
  };
  const names = [...Deno.readDirSync(resolve(CONFIGS, "suites"))].map(({ name }) => basename(name, ".yaml"));
  const chosen = new Map<string, string[]>();
  for (const name of names) chosen.set(name, await ids(name));
  for (const [name, ids] of chosen) {
    if (name !== "seed") {
      t.ok(ids.every((id) => id.startsWith(`${name}/`)), `${name} is what its folder holds`);
    }
  }
  const all = new Set([...chosen.values()].flat());
  t.same(scenarios.filter(({ id }) => !all.has(id)).map(({ id }) => id), [], "none is left out");
  t.equal(chosen.get("smoke")?.every((id) => chosen.get("seed")?.includes(id)), true, "seed includes smoke");
});

const perFile = Map.groupBy(scenarios, ({ position }) => position.file);
for (const [file, inside] of perFile) t.comment(`${inside.length} ${file}`);
const actions = Map.groupBy(played, ({ where }) => where);
for (const [where, here] of actions) {
  t.comment(
    `${here.reduce((sum, { prediction }) => sum + prediction.actions.length, 0)} actions on ${where}`,
  );
}
