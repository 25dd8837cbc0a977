// deadline: 120 s
/** Bridges, other drivers and hotplug in real guests; and a machine that is wired otherwise than it says. */
import t from "#tap";
import { loadAllScenarios, loadPins } from "../../harness/cli/configs.ts";
import { runGuests } from "./command.ts";
import { outDir } from "./out_dir.ts";
import { plannedCell, playCell } from "./planned_cell.ts";
import { deviationsIn, failuresOf } from "./tap_output.ts";

const MACHINES = ["intel-topology", "amd-topology"];

t.test("the suite topology", async (t) => {
  const machines = MACHINES.flatMap((machine) => ["--machine", machine]);
  const { code, stderr, tap } = await runGuests([
    "topology",
    "deviations/sibling-*",
    ...machines,
    "--out",
    await outDir(t),
  ]);
  t.equal(code, 0, "exit code", { stderr });
  t.same(tap.faults, []);
  for (const cell of tap.cells) {
    t.same(failuresOf(cell), [], cell.name);
    t.match(cell.points[0], { name: "world", ok: true, skip: undefined });
    const skips = cell.points.flatMap(({ skip }) => skip ?? []);
    const elsewhere = /^needs (a kernel <|IOMMU intel$)/;
    t.same(
      skips.filter((reason) => !elsewhere.test(reason)),
      [],
      "the others are for kernels of old, or for intel",
    );
  }
  t.same([...deviationsIn(tap.cells[0]?.points ?? [])], ["sibling-cuts-off"]);
});

t.test("ports that isolate where they shouldn't: what shares a group differs", async (t) => {
  const { kernel } = await loadPins();
  const plan = await plannedCell(t, kernel, "intel-no-acs", (await loadAllScenarios()).slice(0, 1));
  const isolating = async (dir: string) => {
    const asItSays = await plan.guestPlan(dir);
    const machineArgs = asItSays.machineArgs.map((arg) => arg.replace(",disable-acs=on", ""));
    return { ...asItSays, machineArgs };
  };
  const { exitCode, events } = await playCell({ ...plan, guestPlan: isolating });
  t.equal(exitCode, 1);
  t.match(events.filter(({ type }) => type === "world-checked"), [{
    verdict: "mismatch",
    failure: {
      text: "groups",
      predicted: "0000:00:04.0,0000:00:04.1,0000:01:00.0,0000:02:00.0",
      observed: /^0000:00:04\.0 and 0000:00:04\.1 and 0000:01:00\.0 and 0000:02:00\.0$/,
    },
  }]);
  t.match(events.filter(({ type }) => type === "scenario-end"), [{
    verdict: "skip",
    reason: "the world is not as predicted",
  }]);
});
