import t from "#tap";
import { join } from "node:path";
import { exitText, qemuArguments, type QemuPlan, startQemu } from "../../harness/guest/qemu_process.ts";

const PLAN: QemuPlan = {
  command: ["/lib/loader", "/bin/qemu", "-L", "/share/a,b"],
  env: {},
  arch: "amd64",
  accelerator: "tcg",
  machineArgs: ["-machine", "q35", "-device", "intel-iommu,intremap=on"],
  kernelImage: "/k,1/vmlinuz",
  kernelParameters: ["console=ttyS0", "initcall_blacklist=a,b"],
  initramfs: "/a,1/initramfs.cpio",
  artifactsDir: "/out,,1",
};

/** The values of an option that may be given several times. */
const valuesOf = (args: readonly string[], option: string): string[] =>
  args.flatMap((arg, index) => arg === option ? [args[index + 1] ?? ""] : []);

t.test("the command comes first, then what every guest has", async (t) => {
  t.same(qemuArguments({ ...PLAN, artifactsDir: "/out" }, "name"), [
    ...["/lib/loader", "/bin/qemu", "-L", "/share/a,b"],
    ...["-accel", "tcg", "-cpu", "qemu64"],
    ...["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"],
    ...["-machine", "q35", "-device", "intel-iommu,intremap=on"],
    ...["-chardev", "file,id=console,path=/out/console.log", "-serial", "chardev:console"],
    ...["-chardev", "socket,id=qmp,path=name-qmp,abstract=on", "-mon", "chardev=qmp,mode=control"],
    ...["-chardev", "socket,id=control,path=name-control,abstract=on"],
    ...["-device", "virtio-serial-pci,bus=pcie.0,addr=1e"],
    ...["-device", "virtserialport,chardev=control,name=iovacheck.control"],
    ...["-kernel", "/k,1/vmlinuz", "-initrd", "/a,1/initramfs.cpio"],
    ...["-append", "console=ttyS0 initcall_blacklist=a,b"],
  ]);
});

t.test("commas are doubled where QEMU would split at them, and nowhere else", async (t) => {
  const args = qemuArguments(PLAN, "s");
  t.equal(valuesOf(args, "-chardev")[0], "file,id=console,path=/out,,,,1/console.log");
  t.same(valuesOf(args, "-kernel"), ["/k,1/vmlinuz"]);
  t.same(valuesOf(args, "-L"), ["/share/a,b"]);
  t.same(valuesOf(args, "-device")[0], "intel-iommu,intremap=on");
});

t.test("KVM takes the host's processor", async (t) => {
  const args = qemuArguments({ ...PLAN, accelerator: "kvm" }, "s");
  t.same([valuesOf(args, "-accel"), valuesOf(args, "-cpu")], [["kvm"], ["host"]]);
});

t.test("a guest has one processor unless it is to have more", async (t) => {
  const more = qemuArguments({ ...PLAN, processors: 2 }, "s");
  t.same([valuesOf(qemuArguments(PLAN, "s"), "-smp"), valuesOf(more, "-smp")], [[], ["2"]]);
});

const EXITS = [
  [
    { exitCode: 1, signal: undefined, lastWords: "no such device" },
    "QEMU ended with exit code 1: no such device",
  ],
  [{ exitCode: 0, signal: undefined, lastWords: "" }, "QEMU ended with exit code 0"],
  [{ exitCode: undefined, signal: "SIGKILL", lastWords: "" }, "QEMU ended by SIGKILL"],
] as const;

t.test("how QEMU ended, in words", async (t) => {
  for (const [exit, text] of EXITS) t.equal(exitText(exit), text);
});

t.test("a QEMU that ends before it has connected can't be tested with, and says why", async (t) => {
  const artifactsDir = t.testdir();
  const script = "for n in 1 2 3 4; do echo word $n >&2; done; exit 3";
  const plan = { ...PLAN, artifactsDir, command: ["/bin/sh", "-c", script] };
  await t.rejects(startQemu(plan, 10_000), {
    name: "CannotTestError",
    message: "QEMU ended with exit code 3: word 2; word 3; word 4",
  });
  const command = JSON.parse(await Deno.readTextFile(join(artifactsDir, "qemu-command.json"))) as string[];
  t.same(command.slice(0, 3), ["/bin/sh", "-c", script], "its command line is kept");
});

t.test("a QEMU that isn't there", async (t) => {
  const plan = { ...PLAN, artifactsDir: t.testdir(), command: ["/no/such/qemu"] };
  await t.rejects(startQemu(plan, 10_000), { name: "CannotTestError", message: /\/no\/such\/qemu/ });
});
