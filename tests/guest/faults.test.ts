// deadline: 300 s
/**
 * Kernels that crash, warn or hang: the verdict names the step, and the other scenarios still get theirs.
 * Modules that can't be tested at all are no fault of the kernel.
 */
import t from "#tap";
import { join } from "node:path";
import { run, runGuests } from "./command.ts";
import { buildMutant } from "./mutant.ts";
import { guestDirs, outDir } from "./out_dir.ts";
import { leftAfter } from "./processes.ts";

const KERNEL = "debian:6.12";
/** The scenario that unmaps 64 KiB, which is what the mutants below wait for, and its step. */
const VICTIM = "smoke/attach-map-unmap-detach";
const STEP = /^4 .*unmap/;

interface Fault {
  readonly name: string;
  /** What the kernel does instead of unmapping 64 KiB. */
  readonly instead: string;
  readonly verdict: string;
  readonly reason: RegExp;
  readonly replyTimeoutS?: number;
}

const FAULTS: readonly Fault[] = [
  { name: "bug", instead: "BUG();", verdict: "crash", reason: /the kernel crashed[^]*kernel BUG at/ },
  {
    name: "panic",
    instead: `panic("so it is");`,
    verdict: "crash",
    reason: /crashed[^]*Kernel panic[^]*so it is/,
  },
  { name: "warning", instead: "WARN_ON_ONCE(1);", verdict: "crash", reason: /complained[^]*WARNING: / },
  {
    name: "complaint-without-taint",
    instead: 'pr_err("UBSAN: seeded\\n");',
    verdict: "crash",
    reason: /complained[^]*UBSAN: seeded/,
  },
  {
    name: "endless-loop",
    instead: "for (;;) cond_resched();",
    verdict: "hang",
    reason: /no reply for 3000 ms at or after unmap .*: the kernel is busy/,
  },
  {
    name: "endless-loop-that-the-kernel-notices",
    instead: "for (;;) cpu_relax();",
    verdict: "hang",
    // On a busy host the stall of RCU is noticed before the lockup.
    reason:
      /no reply for 16000 ms .*: the kernel is busy[^]*(soft lockup|rcu: INFO: )[^]*vfio_iommu_type1_ioctl/,
    replyTimeoutS: 16,
  },
  {
    name: "endless-sleep-that-the-kernel-notices",
    instead: "schedule_timeout_uninterruptible(MAX_SCHEDULE_TIMEOUT);",
    verdict: "hang",
    reason:
      /no reply for 13000 ms .*: the kernel is idle[^]*INFO: task init:1 blocked for more than 5 seconds/,
    replyTimeoutS: 13,
  },
];

for (const { name, instead, verdict, reason, replyTimeoutS = 3 } of FAULTS) {
  t.test(`${name} is a ${verdict}`, async (t) => {
    const module = await buildMutant(KERNEL, name, [{
      in: "vfio_dma_do_unmap",
      replace: "mutex_lock(&iommu->lock);",
      by: `if (size == 0x10000) ${instead} mutex_lock(&iommu->lock);`,
    }]);
    const dir = await outDir(t);
    const args = ["--kernel", KERNEL, "--machine", "intel-iommu", "--module", module];
    args.push("--reply-timeout", String(replyTimeoutS));
    const { code, stderr, tap } = await runGuests([...args, "--out", dir, "smoke"]);
    t.equal(code, 1, "exit code", { stderr });
    t.same(tap.faults, []);
    const points = tap.cells.flatMap(({ points }) => points);
    const victim = points.find(({ name }) => name === VICTIM);
    t.match(victim, { ok: false, diagnostics: { verdict, reason, step: STEP } });
    const others = points.filter((point) => point !== victim);
    t.ok(others.length > 3 && others.every(({ ok }) => ok), "the others pass");
    t.equal((await guestDirs(dir)).length, 2, "in a fresh guest");
    t.same(await leftAfter(dir, 0), []);
  });
}

t.test("a warning while the module is loaded is a crash, and hides none that comes later", async (t) => {
  const module = await buildMutant(KERNEL, "warning-at-load", [{
    in: "vfio_iommu_type1_init",
    replace: "return vfio_register_iommu_driver",
    by: "WARN_ON(1); return vfio_register_iommu_driver",
  }]);
  const args = ["--kernel", KERNEL, "--machine", "intel-iommu", "--module", module];
  const { code, stderr, tap } = await runGuests([...args, "--out", await outDir(t), "smoke"]);
  t.equal(code, 1, "exit code", { stderr });
  const points = tap.cells.flatMap(({ points }) => points);
  const reason = /complained while booting[^]*WARNING: /;
  t.match(points[0], { name: "boot", ok: false, diagnostics: { verdict: "crash", reason } });
  t.ok(points.length > 4 && points.slice(1).every(({ ok }) => ok), "the scenarios are played all the same");
});

t.test("a guest that doesn't boot in time tells nothing about its kernel", async (t) => {
  const args = ["--kernel", KERNEL, "--machine", "intel-iommu", "--boot-timeout", "1"];
  const { code, stderr, tap } = await runGuests([...args, "--out", await outDir(t), "smoke"]);
  t.equal(code, 3, "exit code", { stderr });
  t.match(tap.cells, [{
    ok: false,
    diagnostics: {
      verdict: "harness-fault",
      reason: /no reply for 1000 ms .*; --boot-timeout SECONDS gives it longer$/m,
    },
  }]);
});

t.test("a module of another kernel is a mistake", async (t) => {
  const module = await buildMutant("debian:6.1", "unchanged", []);
  const args = ["--kernel", KERNEL, "--machine", "intel-iommu", "--module", module];
  const { code, stdout, stderr } = await run([...args, "--out", await outDir(t), "smoke"]);
  t.equal(code, 2, "exit code", { stderr });
  t.equal(stdout, "");
  t.match(stderr, /--module \S*vfio_iommu_type1\.ko: built for 6\.1\S*, not for 6\.12\S* .*build it anew/);
});

t.test("a module that no guest loads is a mistake", async (t) => {
  const dir = await outDir(t);
  const module = join(dir, "of-no-guest.ko");
  await Deno.copyFile(await buildMutant(KERNEL, "unchanged", []), module);
  const { code, stdout, stderr } = await run([
    "--kernel",
    KERNEL,
    "--module",
    module,
    "--out",
    join(dir, "run"),
  ]);
  t.equal(code, 2, "exit code", { stderr });
  t.match(stderr, /^iovacheck: --module: no guest of \S+ loads of_no_guest; they load vfio, /m);
  t.equal(stdout, "", "no run has begun");
});
