// deadline: 300 s
/** The shell on live guests: what is piped into it, what is typed at it, and what a faulty kernel does to it. */
import t from "#tap";
import { join } from "node:path";
import { loadScenarios } from "../../harness/scenario/scenario.ts";
import { runTask, startOnTerminal } from "./command.ts";
import { buildMutant } from "./mutant.ts";
import { outDir } from "./out_dir.ts";
import { leftAfter } from "./processes.ts";

const KERNEL = "debian:6.12";

/** Marks what isn't as predicted in a table. */
const MARKED = /^[≠~]/m;

t.test("lines that are piped in are played, explained and saved", async (t) => {
  const dir = await outDir(t);
  const file = join(dir, "one-session.yaml");
  const lines = [
    "attach A",
    "map iova=0x1000 size=4KiB",
    "# refused",
    "map: { iova: msi, size: 4KiB }",
    "why",
  ];
  const input = [...lines, "fork p1", "in p1 map 0x2000 8KiB r", "undo", `save ${file}`].join("\n");
  const { code, stdout, stderr } = await runTask("iovacheck", ["shell", "--kernel", KERNEL, "--out", dir], {
    input,
  });
  t.equal(code, 0, "exit code", { stdout, stderr });
  t.match(
    stdout,
    /^debian:6\.12\S* debian:\S+ intel-iommu, accelerator (tcg|kvm), booted in \d+ ms\naperture 0x0\.\.0x7fffffffff,/,
  );
  t.match(stdout, /^A {6}0000:00:03\.0 +lsi53c895a +0xfee00000\.\.0xfeefffff:msi$/m);
  t.match(stdout, /^ {3}map c0 0x1000 size 0x1000 rw +ok +ok\n {3}locked pages +1 +1$/m);
  t.match(stdout, /^ {3}map c0 0xfee00000 size 0x1000 rw +EINVAL +EINVAL$/m);
  t.match(stdout, /^map c0 0xfee00000 size 0x1000 rw: EINVAL\n {2}§4\.1 row 10: /m);
  t.match(
    stdout,
    /^ {3}in p1: map c0 0x2000 size 0x2000 r +ok +ok\n {3}locked pages +1 +1\n {3}p1 locked pages +2 +2$/m,
  );
  t.match(stdout, /^begun anew in the same guest\n1 {2}attach: A: as predicted$/m);
  t.notMatch(stdout, MARKED);
  const [scenario] = await loadScenarios(file, file, "replay");
  t.same(scenario?.steps.map(({ text }) => text.split(":")[0]), ["attach", "map", "map", "fork"]);
  t.same(await leftAfter(dir, 0), []);
});

t.test("a faulty kernel is seen, and one that crashes has a successor", async (t) => {
  const module = await buildMutant(KERNEL, "shell", [
    {
      in: "vfio_iommu_type1_attach_group",
      replace: "if (vfio_iommu_resv_conflict(iommu, &group_resv_regions)) {",
      by: "if (vfio_iommu_resv_conflict(iommu, &group_resv_regions) && !iommu) {",
    },
    {
      in: "vfio_dma_do_unmap",
      replace: "mutex_lock(&iommu->lock);",
      by: "BUG_ON(size == 0x10000); mutex_lock(&iommu->lock);",
    },
  ]);
  const dir = await outDir(t);
  const conflict = [
    "attach A",
    "map 0x40000000 4KiB",
    "inject B 0x40000000..0x400fffff reserved",
    "attach B",
  ];
  const crash = ["restart", "attach A", "map 0x40000000 64KiB", "unmap 0x40000000 64KiB", "undo", "info"];
  const input = [...conflict, ...crash].join("\n");
  const args = ["shell", "--kernel", KERNEL, "--module", module, "--out", dir];
  const { code, stdout, stderr } = await runTask("iovacheck", args, { input });
  t.equal(code, 1, "exit code", { stdout, stderr });
  t.match(stdout, /^≠ {2}set-container B c0 +ok +EINVAL$/m);
  t.match(stdout, /^≠ not what the model says: here the kernel parts from it$/m);
  t.match(stdout, /^≠ {2}unmap c0 0x40000000 size 0x10000 +no answer +ok size=0x10000$/m);
  t.match(stdout, /^! crash: the kernel crashed at or after unmap[^]*kernel BUG at/m);
  const afterCrash = stdout.slice(stdout.indexOf("! crash"));
  t.match(
    afterCrash,
    /booted in \d+ ms\nbegun anew in another guest\n1 {2}attach: A: as predicted\n2 {2}map: .*: as predicted$/m,
  );
  t.match(afterCrash, /^3 {2}info$/m);
  t.same(await leftAfter(dir, 0), []);
});

t.test("at a terminal lines are completed and remembered, and Ctrl-C takes them back", async (t) => {
  const dir = await outDir(t);
  const env = { XDG_STATE_HOME: join(dir, "state") };
  const running = startOnTerminal("iovacheck", ["shell", "--kernel", KERNEL, "--out", join(dir, "run")], {
    env,
  });
  await running.printed("iovacheck> ");
  await running.type("att\t");
  await running.printed("attach ");
  await running.type("A\r");
  await running.printed("1  attach: A");
  await running.type("detach A\x03");
  await running.printed("Ctrl-C once more ends");
  await running.type("\x1b[A\r");
  await running.printed("2  attach: A");
  await running.type("\x04");
  const { code, stdout } = await running.outcome;
  t.equal(code, 0, "exit code", { stdout });
  t.notMatch(stdout, /detach: A/);
  t.equal(await Deno.readTextFile(join(dir, "state/iovacheck/shell_history")), "attach A\nattach A\n");
  t.same(await leftAfter(dir, 0), []);
});
