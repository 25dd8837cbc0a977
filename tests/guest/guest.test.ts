/** A guest's life and its ends, with a program in QEMU's place. */
import t from "#tap";
import { join, resolve } from "node:path";
import { Guest, valuesOf } from "../../harness/guest/guest.ts";
import { GuestLost } from "../../harness/guest/guest_lost.ts";
import type { QemuPlan } from "../../harness/guest/qemu_process.ts";
import type { Behaviour } from "./stand_in_qemu.ts";

const STAND_IN = resolve(import.meta.dirname ?? ".", "stand_in_qemu.ts");
const RECORDED = resolve(import.meta.dirname ?? ".", "../recorded/console");
const GREETING = "ok protocol=1 release=6.12.117+deb12-amd64 version=#1%20SMP uptime-ms=640 modules-failed=-";

const LIMITS = { bootTimeoutMs: 10_000, replyTimeoutMs: 300 };

function boot(artifactsDir: string, behaviour: Behaviour, limits = LIMITS): Promise<Guest> {
  const deno = [Deno.execPath(), "run", "--no-prompt", "--allow-read", "--allow-write", "--allow-net"];
  const plan: QemuPlan = {
    command: [...deno, STAND_IN, JSON.stringify(behaviour)],
    env: {},
    arch: "amd64",
    accelerator: "tcg",
    machineArgs: [],
    kernelImage: "vmlinuz",
    kernelParameters: [],
    initramfs: "initramfs.cpio",
    artifactsDir,
  };
  return Guest.boot(plan, limits);
}

/** What a promise is rejected with. */
async function lossOf(promise: Promise<unknown>): Promise<GuestLost> {
  const error = await promise.then(() => undefined, (error: unknown) => error);
  if (!(error instanceof GuestLost)) throw new Error(`not lost: ${error}`);
  return error;
}

t.test("a guest that lives: greeting, replies, kernel log, logs", async (t) => {
  const dir = t.testdir();
  const replies = {
    "info c0": ["err EINVAL"],
    klog: ["ok lines=<6>[0.1]%20a%2C%20b,<4>[0.2]%20c more=1", "ok lines=<6>[0.3]%20d", "ok lines=-"],
  };
  {
    await using guest = await boot(dir, { greeting: GREETING, replies });
    t.same(guest.greeting, { release: "6.12.117+deb12-amd64", version: "#1 SMP", modulesFailed: [] });
    t.equal(await guest.ask("info c0"), "err EINVAL");
    t.same(await guest.request(["open c0", "info c0", "reset"]), ["ok", "ok", "ok"]);
    t.same(await guest.kernelLog(), ["<6>[0.1] a, b", "<4>[0.2] c", "<6>[0.3] d"]);
    t.same(await guest.kernelLog(), []);
  }
  const [probe, qmp] = ["probe.log", "qmp.log"].map((name) => Deno.readTextFileSync(join(dir, name)));
  t.match(probe, "> 1 info c0\n< 1 err EINVAL\n");
  t.match(qmp, '"execute":"quit"');
});

t.test("modules that didn't load are named", async (t) => {
  const greeting = GREETING.replace("modules-failed=-", "modules-failed=/a.ko:ENOENT,/b.ko:EINVAL");
  await using guest = await boot(t.testdir(), { greeting });
  t.same(guest.greeting.modulesFailed, ["/a.ko:ENOENT", "/b.ko:EINVAL"]);
});

interface Ending {
  readonly name: string;
  readonly console?: string;
  readonly exitCode?: number;
  readonly loss: string;
  readonly qmp?: Behaviour["qmp"];
  readonly nonsense?: string;
  readonly message: RegExp;
}

const ENDINGS: readonly Ending[] = [
  {
    name: "it panics and ends",
    console: "panic.log",
    exitCode: 0,
    loss: "crash",
    message: /^the kernel crashed/,
  },
  { name: "it panics and hangs", console: "panic.log", loss: "crash", message: /^the kernel crashed/ },
  {
    name: "its probe dies",
    console: "init-exits.log",
    exitCode: 0,
    loss: "harness-fault",
    message: /probe died/,
  },
  {
    name: "it hangs",
    console: "warning.log",
    loss: "hang",
    message: /^no reply for 300 ms .*: the kernel is busy$/,
  },
  {
    name: "it hangs with an idle processor",
    qmp: { registers: "CPL=0 HLT=1" },
    loss: "hang",
    message: /: the kernel is idle, the probe waits in it$/,
  },
  {
    name: "its probe spins",
    qmp: { registers: "CPL=3 HLT=0" },
    loss: "harness-fault",
    message: /^no reply for 300 ms .*: the probe is busy in user space$/,
  },
  {
    name: "QEMU has stopped it",
    qmp: { status: "internal-error" },
    loss: "harness-fault",
    message: /: QEMU has stopped the guest \(internal-error\)$/,
  },
  {
    name: "QEMU doesn't answer",
    qmp: { silent: true },
    loss: "harness-fault",
    message: /: QEMU doesn't answer either$/,
  },
  {
    name: "its probe talks nonsense",
    nonsense: "7 ok",
    loss: "harness-fault",
    message: /^reply 2 expected, the probe sent "7 ok"/,
  },
  { name: "QEMU ends", exitCode: 7, loss: "harness-fault", message: /^QEMU ended with exit code 7/ },
];

for (const { name, console, exitCode, loss, message, qmp, nonsense } of ENDINGS) {
  t.test(`a guest that is lost: ${name}`, async (t) => {
    const text = console === undefined ? "" : Deno.readTextFileSync(join(RECORDED, console));
    const stopsAt = { command: "map c0", ...(exitCode === undefined ? {} : { exitCode }) };
    const behaviour = { greeting: GREETING, stopsAt, console: text, ...(qmp ? { qmp } : {}) };
    await using guest = await boot(t.testdir(), { ...behaviour, ...(nonsense ? { nonsense } : {}) });
    const lost = await lossOf(guest.request(["open c0", "map c0", "info c0"]));
    t.equal(lost.loss, loss);
    t.match(lost.message, message);
    t.match(lost.message, / at or after map c0(:|$)/, "it names the request");
    t.same(lost.replies, ["ok"], "what came before is handed over");
    if (console === "panic.log") t.match(lost.console[0], /Kernel panic/);
  });
}

t.test("what the kernel complained about before it last answered doesn't explain its end", async (t) => {
  const earlierConsole = "[ 1.0] BUG: sleeping function called from invalid context\n";
  const behaviour = { greeting: GREETING, earlierConsole, console: "[ 2.0] later\n" };
  await using guest = await boot(t.testdir(), { ...behaviour, stopsAt: { command: "map c0" } });
  t.equal(await guest.ask("open c0"), "ok");
  t.match(await lossOf(guest.ask("map c0")), { loss: "hang", console: ["[ 2.0] later"] });
});

t.test("a guest that never says a word", async (t) => {
  const limits = { ...LIMITS, bootTimeoutMs: 500 };
  const lost = await lossOf(boot(t.testdir(), {}, limits));
  t.match(lost, { loss: "harness-fault", message: /^no reply for 500 ms before the probe was reached: / });
  t.equal(lost.name, "BootTimeout");
});

const WORDS: readonly [words: string, values: object][] = [
  ["", {}],
  ["a=1 b=", { a: "1", b: "" }],
  ["a=b=c  d=%20%25%2C", { a: "b=c", d: " %," }],
];

t.test("values of a reply", async (t) => {
  for (const [words, values] of WORDS) t.same(valuesOf(words), values, words);
});
