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
} from "../../harness/guest/console.ts";

const RECORDED = join(import.meta.dirname ?? ".", "../recorded/console");

interface Expected {
  readonly verdict: ConsoleVerdict;
  /** The line that the complaint begins with; left out where the kernel has none. */
  readonly complaint?: RegExp;
}

const CONSOLES: Readonly<Record<string, Expected>> = {
  "oops.log": { verdict: "crash", complaint: /\] BUG: kernel NULL pointer dereference, address: 0+8$/ },
  "panic.log": { verdict: "crash", complaint: /\] Kernel panic - not syncing: sysrq triggered crash$/ },
  "init-exits.log": { verdict: "probe-death", complaint: /Attempted to kill init! exitcode=0x00000700$/ },
  "no-init.log": { verdict: "probe-death", complaint: /Kernel panic - not syncing: No working init found/ },
  "warning.log": { verdict: "silent", complaint: /\] -+\[ cut here \]-+$/ },
  "out-of-memory.log": { verdict: "silent" },
};

const linesOf = (name: string): string[] => Deno.readTextFileSync(join(RECORDED, name)).trimEnd().split("\n");

for (const [name, { verdict, complaint }] of Object.entries(CONSOLES)) {
  t.test(name, async (t) => {
    const lines = linesOf(name);
    t.equal(consoleVerdict(lines.join("\n")), verdict);
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
  ["[ 1.0] iovacheck probe: no port within 10 s", "silent"],
  ["", "silent"],
];

t.test("single lines", async (t) => {
  for (const [line, verdict] of LINES) t.equal(consoleVerdict(line), verdict, line);
});

t.test("marks of the probe are no complaints, whatever they say", async (t) => {
  t.equal(complains(["<14>[1.0] iovacheck: WARNING: BUG: Kernel panic"]), false);
  t.equal(complains(["<4>[1.0] WARNING: CPU: 0"]), true);
  t.equal(complains([]), false);
});
