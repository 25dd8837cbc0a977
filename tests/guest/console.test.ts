/**
 * Consoles of real guests (6.12.117, console at level 5): a module that dereferences null, warns or does
 * nothing, sysrq c and f, an init that exits and one that is no program.
 */
import t from "#tap";
import { join } from "node:path";
import {
  beforeComplaint,
  complains,
  type ConsoleVerdict,
  consoleVerdict,
  excerpt,
  probesLastWords,
} from "../../harness/guest/console.ts";

const RECORDED = join(import.meta.dirname ?? ".", "../recorded/console");

interface Expected {
  readonly verdict: ConsoleVerdict;
  /** The line that the complaint begins with; left out where the kernel has none. */
  readonly complaint?: RegExp;
}

const CONSOLES: Readonly<Record<string, Expected>> = {
  "oops.log": { verdict: "crash", complaint: /\] BUG: kernel NULL pointer dereference, address: 0+8$/ },
  "oops-arm64.log": {
    verdict: "crash",
    complaint: /\] Unable to handle kernel NULL pointer dereference at /,
  },
  "panic.log": { verdict: "crash", complaint: /\] Kernel panic - not syncing: sysrq triggered crash$/ },
  "init-exits.log": { verdict: "probe-death", complaint: /Attempted to kill init! exitcode=0x00000700$/ },
  "no-init.log": { verdict: "probe-death", complaint: /Kernel panic - not syncing: No working init found/ },
  "warning.log": { verdict: "silent", complaint: /\] -+\[ cut here \]-+$/ },
  "out-of-memory.log": { verdict: "silent" },
  "refused-smmuv3-7.3.log": { verdict: "silent" },
  "refused-smmuv3.log": { verdict: "silent" },
  "refused-virtio-iommu.log": { verdict: "silent" },
  "refused-vt-d-5.10.log": { verdict: "silent" },
  "refused-vt-d.log": { verdict: "silent" },
};

const linesOf = (name: string): string[] => Deno.readTextFileSync(join(RECORDED, name)).trimEnd().split("\n");

for (const [name, { verdict, complaint }] of Object.entries(CONSOLES)) {
  t.test(name, async (t) => {
    const lines = linesOf(name);
    t.equal(consoleVerdict(lines), verdict);
    const [shown, before] = [excerpt(lines), beforeComplaint(lines)];
    t.ok(shown.length <= 40, `${shown.length} of ${lines.length} lines are shown`);
    if (complaint) {
      t.match(shown[0], complaint, "from where the kernel complains");
      t.ok(complains(lines));
      t.same([...before, ...shown], lines.slice(0, before.length + 40));
    } else {
      t.same(shown, lines.slice(-40), "the end, where it doesn't");
      t.same(before, lines);
      t.notOk(complains(lines));
    }
  });
}

t.test("every recorded console is expected to say something", async (t) => {
  t.same([...Deno.readDirSync(RECORDED)].map(({ name }) => name).sort(), Object.keys(CONSOLES).sort());
});

/** Single lines as other kernels and machines write them. */
const LINES: readonly [line: string, verdict: ConsoleVerdict][] = [
  ["[ 1.0] Oops: invalid opcode: 0000 [#1] PREEMPT SMP", "crash"],
  ["[ 1.0] Oops: general protection fault, probably for non-canonical address", "crash"],
  ["[ 1.0] general protection fault, probably for non-canonical address", "crash"],
  ["[ 1.0] BUG: unable to handle page fault for address: ffff", "crash"],
  ["[ 1.0] Internal error: Oops: 0000000096000004 [#1] SMP", "crash"],
  ["[ 1.0] Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b", "probe-death"],
  ["[ 1.0] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)", "probe-death"],
  ["[ 1.0] WARNING: CPU: 0 PID: 1 at x.c:1 f+0x1/0x2", "silent"],
  ["iovacheck probe: marks in the kernel log may get lost, printk_devkmsg: EINVAL", "silent"],
  ["iovacheck probe: fatal signal SEGV while serving: map c0; turning the guest off", "probe-death"],
  [
    "[ 1.0] traps: init[1] general protection fault ip:401b2c sp:7ffc error:0 in init[401000+9d000]",
    "silent",
  ],
  ["[ 1.0] init[1]: segfault at 8 ip 0000000000401b2c sp 00007ffc error 4 in init[401000+9d000]", "silent"],
  ["[ 1.0] watchdog: BUG: soft lockup - CPU#0 stuck for 8s! [init:1]", "silent"],
  ["[ 1.0] BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 31s!", "silent"],
  ["[ 1.0] watchdog: BUG: hard LOCKUP on cpu 0", "silent"],
  ["", "silent"],
];

t.test("single lines", async (t) => {
  for (const [line, verdict] of LINES) t.equal(consoleVerdict([line]), verdict, line);
});

/** How kernels say that something takes long. */
const STALLS = [
  "[ 9.1] watchdog: BUG: soft lockup - CPU#0 stuck for 8s! [init:1]",
  "[ 9.1] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
  "[ 9.1] rcu: INFO: rcu_sched self-detected stall on CPU",
  "[ 9.1] INFO: task init:1 blocked for more than 8 seconds.",
  "[ 9.1] BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 31s!",
];

t.test("a stall is no complaint, but worth showing", async (t) => {
  const before = Array.from({ length: 50 }, (_, index) => `[ 1.${index}] says this and that`);
  for (const stall of STALLS) {
    t.notOk(complains([stall]), stall);
    t.same(excerpt([...before, stall, "[ 9.2] Call Trace:"]), [stall, "[ 9.2] Call Trace:"]);
  }
});

t.test("a kernel that died and takes the probe along has crashed", async (t) => {
  const oops = "[ 1.0] Oops: invalid opcode: 0000 [#1] PREEMPT SMP";
  const panic = "[ 1.1] Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b";
  t.equal(consoleVerdict([oops, panic]), "crash");
  t.equal(consoleVerdict([panic]), "probe-death");
});

t.test("the probe's last words", async (t) => {
  const line = "iovacheck probe: fatal signal SEGV while serving: map c0 0x0; turning the guest off";
  t.equal(probesLastWords(["[ 1.0] else", line]), "fatal signal SEGV while serving: map c0 0x0");
  t.equal(probesLastWords(["iovacheck probe: marks may get lost"]), undefined);
});

t.test("marks of the probe are no complaints, whatever they say", async (t) => {
  t.equal(complains(["<14>[1.0] iovacheck: WARNING: BUG: Kernel panic"]), false);
  t.equal(complains(["<4>[1.0] WARNING: CPU: 0"]), true);
  t.equal(complains([]), false);
});

/** As they stand in the logs of guests whose devices were refused something. */
const FAULTS_OF_DEVICES = [
  "<3>[2.397269] DMAR: DRHD: handling fault status reg 2",
  "<3>[2.397634] DMAR: [DMA Write NO_PASID] Request device [00:03.0] fault addr 0x3f000 [fault reason 0x05] PTE Write access is not set",
  "<3>[10.277033] vfio-pci 0000:00:04.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0000 address=0x0 flags=0x000a]",
  "<3>[3.1] virtio_iommu virtio0: page fault from EP 24 at 0x900000 []",
];

t.test("what a device was refused is no complaint about the kernel", async (t) => {
  for (const line of FAULTS_OF_DEVICES) t.notOk(complains([line]), line);
});
