// deadline: 300 s
/** What a run leaves behind when it is ended, and when it can't begin. */
import t from "#tap";
import { join } from "node:path";
import { complaintsOf, run, runGuests, startHarness, startTask } from "./command.ts";
import { outDir } from "./out_dir.ts";
import { leftAfter, processesIn } from "./processes.ts";
import { failuresOf, readTap } from "./tap_output.ts";

/** As long as a guest may outlive its harness. */
const LIMIT_MS = 2_000;
/** Printed when the first guest has booted and has scenarios before it. */
const MIDDLE = "    ok 1 - world";

t.test("a harness that is killed takes its guests along", async (t) => {
  const dir = await outDir(t);
  const harness = startHarness(["--out", dir]);
  await harness.printed(MIDDLE);
  t.not((await processesIn(dir)).length, 0, "there were guests");
  harness.kill("SIGKILL");
  t.same(await leftAfter(dir, LIMIT_MS), []);
  t.equal((await harness.outcome).code, 137);
});

t.test("SIGINT to deno task reaches the run and ends it in good order", async (t) => {
  const dir = await outDir(t);
  const running = startTask(["--out", dir]);
  await running.printed(MIDDLE);
  running.kill("SIGINT");
  const { code, stdout, stderr } = await running.outcome;
  t.equal(code, 130, "exit code", { stderr });
  const tap = readTap(stdout);
  t.equal(tap.bailout, "interrupted");
  t.same(tap.cells.flatMap(failuresOf), []);
  t.same(await leftAfter(dir, LIMIT_MS), []);
});

t.test("two runs at once share the cache", async (t) => {
  const dirs = [await outDir(t), await outDir(t)];
  const machine = ["--machine", "intel-iommu"];
  const runs = await Promise.all(dirs.map((dir) => runGuests([...machine, "--out", dir, "smoke"])));
  for (const { code, stderr, tap } of runs) {
    t.equal(code, 0, "exit code", { stderr });
    t.same(tap.faults, []);
    t.ok(tap.cells[0] && tap.cells[0].points.length > 1);
  }
});

t.test("what is named twice is run once", async (t) => {
  const twice = ["--machine", "intel-iommu", "--machine", "intel-iommu"];
  const { code, stderr, tap } = await runGuests([...twice, "--out", await outDir(t), "smoke"]);
  t.equal(code, 0, "exit code", { stderr });
  t.equal(tap.cells.length, 1);
});

const WRONG: readonly [args: string[], code: number, message: RegExp][] = [
  [["--machine", "intel"], 2, /^iovacheck: no machine is called intel; there are .*\bintel-iommu, /],
  [["seed/no-such"], 2, /^iovacheck: no suite, folder or scenario is called seed\/no-such; /],
  [["--kernel", "6.12"], 2, /^iovacheck: kernel "6.12": write debian:VERSION/],
  [["--kernel", "debian:6.12@riscv"], 2, /^iovacheck: kernel "debian:6.12@riscv": "@riscv" is unknown; /],
  [["--kernel", "debian:2.6"], 3, /^iovacheck: kernel "debian:2.6" is not in the archive; there are /],
  [["--qemu", "latest"], 2, /^iovacheck: QEMU "latest": write host, /],
  [["--qemu", "path:/no/such"], 3, /^iovacheck: .*\/no\/such/],
  [["--module", "no-such.ko"], 2, /^iovacheck: --module no-such.ko: /],
  [["--module", "text.ko"], 2, /^iovacheck: --module text.ko: not a/],
  [["--kernel", "deb:no-such.deb"], 3, /^iovacheck: kernel "deb:.*no-such\.deb" can't be read: /],
  [
    ["--kernel", "deb:text.ko"],
    3,
    /^iovacheck: kernel "deb:.*text\.ko" can't be read: .*not a Debian format/,
  ],
  [["--qemu", "path:/bin/true"], 3, /^iovacheck: QEMU "path:\/bin\/true" can't be run: .*is no QEMU/],
  [["--qemu", "debian:1.0"], 3, /^iovacheck: QEMU "debian:1.0" is not in the archive; there are /],
  [["--out", "text.ko"], 2, /^iovacheck: --out .*text\.ko: can't be looked into \(Not a directory/],
  [["--jobs", "0"], 2, /^error: option '--jobs <n>' .*write a whole number from 1 up/],
  [["--frobnicate"], 2, /^error: unknown option '--frobnicate'/],
];

t.test("what can't be meant is told in one line, and leaves nothing behind", async (t) => {
  for (const [args, expected, message] of WRONG) {
    const cwd = await Deno.makeTempDir();
    await Deno.writeTextFile(join(cwd, "text.ko"), "This is no module.\n");
    const { code, stdout, stderr } = await run(args, { cwd });
    t.equal(code, expected, args.join(" "), { stderr });
    const lines = complaintsOf({ stderr });
    t.equal(lines.length, 1, "one line, apart from progress", { stderr });
    t.match(lines[0], message);
    t.equal(stdout, "");
    t.same([...Deno.readDirSync(cwd)].map(({ name }) => name), ["text.ko"]);
    await Deno.remove(cwd, { recursive: true });
  }
});
