// deadline: 300 s
/**
 * What goes wrong on our side of a guest (the probe, QEMU) is told as such, with the reason, and never as a fault
 * of the kernel; a kernel that crashes at the probe's request is one. The other scenarios still get their verdicts.
 */
import t from "#tap";
import { join } from "node:path";
import { defaultCacheDir } from "../../harness/components/cache.ts";
import { resolveQemu } from "../../harness/components/qemu.ts";
import { loadPins } from "../../harness/cli/configs.ts";
import { readEvents } from "../../harness/report/events.ts";
import { runGuests, startTask } from "./command.ts";
import { guestDirs, outDir } from "./out_dir.ts";
import { leftAfter, processesIn } from "./processes.ts";
import { copyProject } from "./project_copy.ts";
import { readTap, type TapOutput } from "./tap_output.ts";

const ARGS = ["--kernel", "debian:6.12", "--machine", "intel-iommu"];
/** The scenario that unmaps 64 KiB, which is what the probes below wait for, and its step. */
const VICTIM = "smoke/attach-map-unmap-detach";
const STEP = /^4 .*unmap/;
/** Printed before the first scenario, which is the victim. */
const BEFORE_VICTIM = "    ok 1 - world";

interface Fault {
  readonly name: string;
  /** What the probe does before it unmaps 64 KiB. */
  readonly first: string;
  readonly verdict: "harness-fault" | "crash";
  readonly reason: RegExp;
}

const SERVING = "while serving: \\d+ unmap c0 0x100000 0x10000";

const FAULTS: readonly Fault[] = [
  {
    name: "a bad pointer",
    first: "*(volatile char *)(iova - 0xffff8) = 0;",
    verdict: "harness-fault",
    reason: new RegExp(`^the probe died at or after unmap .*: fatal signal SEGV ${SERVING}`),
  },
  {
    name: "a pointer that no address can be",
    first: "*(volatile char *)(iova << 43) = 0;",
    verdict: "harness-fault",
    reason: new RegExp(`^the probe died at or after unmap .*: fatal signal SEGV ${SERVING}`),
  },
  {
    name: "an instruction that doesn't exist",
    first: "__builtin_trap();",
    verdict: "harness-fault",
    reason: new RegExp(`^the probe died at or after unmap .*: fatal signal ILL ${SERVING}`),
  },
  {
    name: "an end of process 1",
    first: "{ extern void _exit(int); _exit(7); }",
    verdict: "harness-fault",
    reason: /^the probe died at or after unmap [^]*Attempted to kill init! exitcode=0x00000700/,
  },
  {
    name: "an endless loop of its own",
    first: "for (;;) ;",
    verdict: "harness-fault",
    reason: /^no reply for 3000 ms at or after unmap .*: the probe is busy in user space/,
  },
  {
    name: "a panic at its request",
    first: `{ extern int write_file(const char *, const char *, unsigned long);
              write_file("/proc/sysrq-trigger", "c\\\\n", 2); }`,
    verdict: "crash",
    reason: /^the kernel crashed at or after unmap [^]*Kernel panic - not syncing: sysrq triggered crash/,
  },
];

const projectWith = (folder: string, first: string) =>
  copyProject(folder, [{
    file: "guests/probe/mapping.c",
    replace: "	struct unmap *unmap = call_new(",
    by: `	if (size == 0x10000 && iova < 0x100001) ${first}\n	struct unmap *unmap = call_new(`,
  }]);

const pointsOf = (tap: TapOutput) => tap.cells.flatMap(({ points }) => points);

for (const { name, first, verdict, reason } of FAULTS) {
  t.test(`${name} is a ${verdict}`, async (t) => {
    const dir = await outDir(t);
    const root = join(dir, "project");
    await projectWith(root, first);
    const out = join(dir, "run");
    const { code, stderr, tap } = await runGuests([...ARGS, "--reply-timeout", "3", "--out", out, "smoke"], {
      root,
    });
    t.equal(code, verdict === "crash" ? 1 : 3, "exit code", { stderr });
    t.same(tap.faults, []);
    const points = pointsOf(tap);
    const victim = points.find(({ name }) => name === VICTIM);
    t.match(victim, { ok: false, diagnostics: { verdict, reason, step: STEP } });
    const others = points.filter((point) => point !== victim);
    t.ok(others.length > 3 && others.every(({ ok }) => ok), "the others pass");
    t.equal((await guestDirs(out)).length, 2, "in a fresh guest");
    t.same(await leftAfter(out, 0), []);
  });
}

t.test("a QEMU that is killed from outside is a harness-fault", async (t) => {
  const dir = await outDir(t);
  const root = join(dir, "project");
  // It stays at the victim until it is found.
  await projectWith(root, "for (;;) ;");
  const out = join(dir, "run");
  const running = startTask([...ARGS, "--out", out, "smoke"], { root });
  await running.printed(BEFORE_VICTIM);
  const qemus = await processesIn(out);
  t.equal(qemus.length, 1);
  for (const pid of qemus) Deno.kill(pid, "SIGKILL");
  const { code, stdout, stderr } = await running.outcome;
  t.equal(code, 3, "exit code", { stderr });
  const tap = readTap(stdout);
  t.same(tap.faults, []);
  const reason = /^QEMU ended by SIGKILL at or after /;
  const points = pointsOf(tap);
  const victim = points.find(({ name }) => name === VICTIM);
  t.match(victim, { ok: false, diagnostics: { verdict: "harness-fault", reason } });
  t.ok(points.filter((point) => point !== victim).every(({ ok }) => ok), "the others pass");
  const ends = readEvents(await Deno.readTextFile(join(out, "events.jsonl")), "events.jsonl");
  t.match(ends.at(-1), { type: "run-end", exitCode: 3, counts: { "harness-fault": 1, match: 4, crash: 0 } });
});

t.test("a QEMU that doesn't start says why", async (t) => {
  const dir = await outDir(t);
  const { qemu } = await loadPins();
  const real = await resolveQemu(qemu, "amd64", { cacheDir: defaultCacheDir(), progress: () => {} });
  const wrapper = join(dir, "qemu");
  const command = real.command().map((word) => `'${word}'`).join(" ");
  const script = `#!/bin/sh
[ "$1" = --version ] && exec ${command} --version
exec ${command} "$@" -device no-such-device
`;
  await Deno.writeTextFile(wrapper, script, { mode: 0o755 });
  const out = join(dir, "run");
  const args = [...ARGS, "--qemu", `path:${wrapper}`, "--accel", "tcg", "--out", out, "smoke"];
  const { code, stderr, tap } = await runGuests(args);
  t.equal(code, 3, "exit code", { stderr });
  const reason = /^QEMU ended with exit code 1: .*no-such-device/;
  t.match(tap.cells, [{ ok: false, diagnostics: { verdict: "harness-fault", reason } }]);
  t.same(tap.faults, []);
});
