// deadline: 120 s
/** A kernel that no module can be built for, since its headers have left the archive. */
import t from "#tap";
import type { CellPlan } from "../../harness/check/cell_plan.ts";
import { GuestKit } from "../../harness/check/guest_kit.ts";
import { planRun } from "../../harness/check/plan.ts";
import { loadAllScenarios, loadMachinesNamed, loadPins } from "../../harness/cli/configs.ts";
import { defaultCacheDir } from "../../harness/components/cache.ts";
import { lackOfHeaders } from "../../harness/components/headers.ts";
import { resolveKernel } from "../../harness/components/kernel.ts";
import type { ScenarioEnd } from "../../harness/report/events.ts";
import { selectScenarios } from "../../harness/scenario/suite.ts";
import { outDir } from "./out_dir.ts";
import { playCell } from "./planned_cell.ts";

const LACK = "its headers are gone";
const context = { cacheDir: defaultCacheDir(), progress: () => {} };

t.test("headers of a version that the archive doesn't have", async (t) => {
  const kernel = await resolveKernel((await loadPins()).kernel, context);
  t.equal(await lackOfHeaders(kernel, context), undefined);
  const packages = kernel.packages.map((part) => ({ ...part, version: "6.12.0-0" }));
  t.match(
    await lackOfHeaders({ ...kernel, packages }, context),
    /^linux-headers-6\.12\.\S+ 6\.12\.0-0 is not in the archive of bookworm, and debian:6\.12\.\d+ needs that very one$/,
  );
});

t.test("a guest without our modules plays what needs none, and the others are skipped", async (t) => {
  const plan = await planWithoutModules(await outDir(t));
  const { exitCode, events } = await playCell(plan);
  t.equal(exitCode, 0);
  const ends = events.filter((event): event is ScenarioEnd => event.type === "scenario-end");
  const need = new Map(plan.scenarios.map(({ id, modules }) => [id, modules.length > 0]));
  t.ok(ends.some(({ scenario }) => need.get(scenario)) && ends.some(({ scenario }) => !need.get(scenario)));
  for (const { scenario, verdict, reason } of ends) {
    if (!need.get(scenario)) t.equal(verdict, "match", scenario);
    else {t.match({ verdict, reason }, {
        verdict: "skip",
        reason: `needs guests/resvinj, which can't be built: ${LACK}`,
      });}
  }
});

/** A cell of the default run with all that is different when the archive has no headers. */
async function planWithoutModules(outDir: string): Promise<CellPlan> {
  const { kernel: spec, qemu } = await loadPins();
  const [machine] = await loadMachinesNamed(["intel-iommu"]);
  if (!machine) throw new Error("no machine");
  const [plan] = await planRun({
    cells: [{ kernel: spec, qemu, machine }],
    coversPairs: false,
    instead: {},
    scenarios: selectScenarios(await loadAllScenarios(), [], ["smoke"]),
    modules: [],
    accelerator: "auto",
    repeatedOptions: [],
    outDir,
    limits: { bootTimeoutMs: 60_000, replyTimeoutMs: 20_000 },
    retries: 0,
  }, context);
  if (!plan) throw new Error("no cell");
  const kit = new GuestKit(
    await resolveKernel(spec, context),
    { replacements: [], canBuildModules: false },
    context,
  );
  return {
    ...plan,
    lackOfModules: LACK,
    guestPlan: async (artifactsDir) => {
      const guest = await plan.guestPlan(artifactsDir);
      await Deno.writeFile(guest.initramfs, await kit.initramfs(machine.iommu.kind));
      return guest;
    },
  };
}
