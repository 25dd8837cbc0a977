// deadline: 400 s
/** Guests of another architecture than this machine's, with kernels, compilers and QEMU for it. */
import t from "#tap";
import { loadAllScenarios } from "../../harness/cli/configs.ts";
import type { QemuPlan } from "../../harness/guest/qemu_process.ts";
import { complaintsOf, run, runGuests } from "./command.ts";
import { outDir } from "./out_dir.ts";
import { plannedCell, playCell } from "./planned_cell.ts";
import { deviationsIn, failuresOf } from "./tap_output.ts";

/** A third of the standard flavour's size, and all that is needed is in it. */
const KERNEL = "debian:6.12@cloud";

/** Arm's own IOMMU, and one with genuine regions of the author's choice. */
const MACHINES = ["smmuv3", "virtio-iommu-regions"];

const machineOptions = MACHINES.flatMap((machine) => ["--machine", machine]);

t.test("what holds on amd64 holds on arm64", async (t) => {
  const wanted = ["seed", "domains", "dma"];
  const args = ["--kernel", KERNEL, ...machineOptions, "--out", await outDir(t), ...wanted];
  const { code, stderr, tap } = await runGuests(args);
  t.equal(code, 0, "exit code", { stderr });
  t.same(complaintsOf({ stderr }), []);
  t.same(tap.faults, []);
  t.equal(tap.cells.length, MACHINES.length);
  t.same(tap.cells.flatMap(failuresOf), []);
  for (const { points } of tap.cells) {
    t.ok(points.filter(({ skip }) => skip === undefined).length > 150, "most of it is played");
    t.ok(deviationsIn(points).has("sticky-edges"), "known faults included");
  }
});

t.test("a region that isn't as foretold is seen before any scenario", async (t) => {
  const plan = await plannedCell(t, KERNEL, "virtio-iommu-regions", (await loadAllScenarios()).slice(0, 1));
  const { exitCode, events } = await playCell({
    ...plan,
    guestPlan: async (dir) => aByteMore(await plan.guestPlan(dir)),
  });
  t.equal(exitCode, 1);
  t.match(events.find(({ type }) => type === "world-checked"), {
    verdict: "mismatch",
    failure: {
      predicted: /0x340000010\.\.0x340000010:reserved/,
      observed: /0x340000010\.\.0x340000011:reserved/,
    },
  });
});

/** The same guest with one region a byte longer. */
function aByteMore(plan: QemuPlan): QemuPlan {
  const machineArgs = plan.machineArgs.map((arg) =>
    arg.replace("0x340000010:0x340000010", "0x340000010:0x340000011")
  );
  if (machineArgs.join() === plan.machineArgs.join()) throw new Error("the machine has no such region");
  return { ...plan, machineArgs };
}

t.test("KVM can't run it here", async (t) => {
  const { code, stderr } = await run(["--kernel", KERNEL, "--machine", "smmuv3", "--accel", "kvm", "smoke"]);
  t.equal(code, 2);
  t.match(stderr, /--accel kvm: this machine can only emulate arm64; write tcg or auto$/m);
});
