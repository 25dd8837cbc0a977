/** A QEMU process that never outlives the harness. */
import { join } from "node:path";
import { execa } from "execa";
import type { Architecture } from "../components/types.ts";
import { CannotTestError } from "../errors.ts";
import { SilenceError, within } from "./within.ts";

export type Accelerator = "kvm" | "tcg";

/** What QEMU is started with. */
export interface QemuPlan {
  /** Loader, binary and firmware folders. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly arch: Architecture;
  readonly accelerator: Accelerator;
  /** Board, memory, IOMMU, devices. */
  readonly machineArgs: readonly string[];
  /** How many processors it has, where not one: with one it boots and answers fastest. */
  readonly processors?: number;
  /** A firmware image other than QEMU's usual one. */
  readonly firmware?: string;
  readonly kernelImage: string;
  readonly kernelParameters: readonly string[];
  readonly initramfs: string;
  /** Where console, command line and messages are kept. */
  readonly artifactsDir: string;
}

/** How a QEMU ended. */
export interface QemuExit {
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  /** What it had to say, last lines; where it could not be started, why. */
  readonly lastWords: string;
}

/** The slot that machines leave to the harness. */
const CONTROL_SLOT = "1e";

/** Processors to emulate. The larger arm64 ones take thrice as long to boot. */
const EMULATED_CPU: Readonly<Record<Architecture, string>> = { amd64: "qemu64", arm64: "cortex-a57" };

/** A started QEMU with its two connections, both opened by QEMU to sockets that are there before it starts. */
export interface QemuProcess {
  readonly qmp: Deno.Conn;
  readonly probe: Deno.Conn;
  readonly exit: Promise<QemuExit>;
  /** Ends it without further ado. */
  kill(): void;
}

/** A comma separates options; doubled, it stands for itself. [QEMU: qemu-options, "Simple options"] */
const optionValue = (text: string): string => text.replaceAll(",", ",,");

/** Where the guest's console is written. */
export const consolePath = ({ artifactsDir }: QemuPlan): string => join(artifactsDir, "console.log");

/** The whole argument vector. `sockets` begins the names of both sockets. */
export function qemuArguments(plan: QemuPlan, sockets: string): string[] {
  const socket = (id: string) => `socket,id=${id},path=${sockets}-${id},abstract=on`;
  return [
    ...plan.command,
    ...["-accel", plan.accelerator, "-cpu", plan.accelerator === "kvm" ? "host" : EMULATED_CPU[plan.arch]],
    ...(plan.processors === undefined ? [] : ["-smp", String(plan.processors)]),
    ...["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"],
    ...plan.machineArgs,
    ...["-chardev", `file,id=console,path=${optionValue(consolePath(plan))}`],
    ...["-serial", "chardev:console"],
    ...["-chardev", socket("qmp"), "-mon", "chardev=qmp,mode=control"],
    ...["-chardev", socket("control")],
    ...["-device", `virtio-serial-pci,bus=pcie.0,addr=${CONTROL_SLOT}`],
    ...["-device", "virtserialport,chardev=control,name=iovacheck.control"],
    ...(plan.firmware === undefined ? [] : ["-bios", plan.firmware]),
    ...["-kernel", plan.kernelImage, "-initrd", plan.initramfs],
    ...["-append", plan.kernelParameters.join(" ")],
  ];
}

/**
 * Starts QEMU and waits until it has connected.
 *
 * setpriv has the kernel kill QEMU when the thread that started it dies, which covers every way in which the
 * harness can end; it then becomes QEMU itself, so the process has one id.
 *
 * @throws CannotTestError when QEMU ends before it has connected, with its last words, or doesn't connect in time
 */
export async function startQemu(plan: QemuPlan, limitMs: number): Promise<QemuProcess> {
  const sockets = `iovacheck-${crypto.randomUUID()}`;
  using qmpListener = listen(`${sockets}-qmp`);
  using probeListener = listen(`${sockets}-control`);
  const args = ["--pdeathsig", "KILL", "--", ...qemuArguments(plan, sockets)];
  await Deno.writeTextFile(
    join(plan.artifactsDir, "qemu-command.json"),
    JSON.stringify(args.slice(3), null, 1),
  );
  const child = execa("setpriv", args, {
    stdin: "ignore",
    stdout: "ignore",
    stderr: { file: join(plan.artifactsDir, "qemu-stderr.log") },
    env: { ...plan.env },
    reject: false,
    // A group of its own: Ctrl-C is the harness's to answer.
    detached: true,
  });
  const exit = child.then(async ({ exitCode, signal, shortMessage }): Promise<QemuExit> => ({
    exitCode,
    signal,
    lastWords: await lastWords(plan.artifactsDir) ?? shortMessage ?? "",
  }));
  const kill = () => void child.kill("SIGKILL");
  try {
    const connected = Promise.race([
      Promise.all([qmpListener.accept(), probeListener.accept()]),
      exit.then((ended) => Promise.reject(new CannotTestError(exitText(ended)))),
    ]);
    const [qmp, probe] = await within(limitMs, connected);
    return { qmp, probe, exit, kill };
  } catch (error) {
    kill();
    await exit;
    if (!(error instanceof SilenceError)) throw error;
    throw new CannotTestError(`QEMU runs, but did not connect within ${limitMs} ms`, { cause: error });
  }
}

/**
 * A socket in the abstract namespace: without a file, it needs no folder and leaves none behind, however this
 * process ends. [man 7 unix]
 */
const listen = (name: string): Deno.UnixListener => Deno.listen({ transport: "unix", path: `\0${name}` });

/** `QEMU ended with exit code 1: …` */
export function exitText({ exitCode, signal, lastWords }: QemuExit): string {
  const how = signal !== undefined ? `by ${signal}` : `with exit code ${exitCode ?? "unknown"}`;
  return `QEMU ended ${how}${lastWords === "" ? "" : `: ${lastWords}`}`;
}

/** The end of what QEMU wrote; undefined when it was never started. */
async function lastWords(artifactsDir: string): Promise<string | undefined> {
  try {
    const text = await Deno.readTextFile(join(artifactsDir, "qemu-stderr.log"));
    return text.trim().split("\n").slice(-3).join("; ");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
