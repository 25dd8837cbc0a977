/** `iovacheck shell`: a prompt on a live guest. */
import process from "node:process";
import { dirname } from "node:path";
import type { Command } from "commander";
import type { CellPlan } from "../check/cell_plan.ts";
import { targetOf } from "../check/preparation.ts";
import { EXIT_CANNOT_TEST, EXIT_DIFFERENT, EXIT_INTERRUPTED, EXIT_OK } from "../check/run.ts";
import { CannotTestError } from "../errors.ts";
import { linesOf, obey, Prompt } from "../explore/shell/conversation.ts";
import { groupsText } from "../explore/shell/describe.ts";
import { History, historyFile } from "../explore/shell/history.ts";
import { type Boot, LiveGuest } from "../explore/shell/live_guest.ts";
import { openingOf } from "../explore/shell/opening.ts";
import { inColour, plain } from "../explore/shell/paint.ts";
import { Session } from "../explore/shell/session.ts";
import { Shell } from "../explore/shell/shell.ts";
import type { Found } from "../scenario/scenario.ts";
import type { WantedAccelerator } from "../guest/accelerator.ts";
import { BootTimeout, GuestLost } from "../guest/guest_lost.ts";
import { accelerator } from "./accelerator.ts";
import { loadSpecification, loadWritten } from "./configs.ts";
import { positive } from "./numbers.ts";
import { planOneCell } from "./one_cell.ts";
import { interruptibly } from "./telling.ts";

interface Options {
  kernel?: string;
  qemu?: string;
  machine?: string;
  module: string[];
  accel: WantedAccelerator;
  out?: string;
  bootTimeout: number;
  replyTimeout: number;
  deviations: boolean;
}

const DEFAULT_MACHINE = "intel-iommu";

export function register(program: Command): void {
  program.command("shell")
    .description("type steps at a live guest, see kernel and model side by side")
    .argument("[scenario]", "a scenario or a file with one, played before the prompt comes")
    .option("--kernel <spec>", "as for `deno task run`")
    .option("--qemu <spec>", "as for `deno task run`")
    .option("--machine <name>", "see `deno task iovacheck machines` (default: intel-iommu)")
    .option(
      "--module <file>",
      "a .ko that replaces the guest's module of that name; may be repeated",
      (file: string, earlier: string[]) => [...earlier, file],
      [],
    )
    .option("--no-deviations", "what the kernel's version is known to do wrong counts as different, too")
    .option("--accel <name>", "auto, kvm or tcg", accelerator, "auto")
    .option("--out <dir>", "folder for logs (default: out/ and the time)")
    .option("--boot-timeout <seconds>", "until a guest must have booted", positive, 60)
    .option("--reply-timeout <seconds>", "until a guest must answer", positive, 20)
    .addHelpText("after", "\nWithout a terminal it does what standard input says, line by line.")
    .action(run);
}

async function run(named: string | undefined, options: Options): Promise<void> {
  const patience = new AbortController();
  await interruptibly((signal) =>
    talk(named, options, AbortSignal.any([signal, patience.signal]), () => patience.abort())
  );
}

async function talk(
  named: string | undefined,
  options: Options,
  signal: AbortSignal,
  giveUp: () => void,
): Promise<number> {
  const given = named === undefined ? undefined : await loadWritten(named);
  const plan = await planOf(options, given?.found ?? {}, signal);
  const { kernelSpec: kernel, qemuSpec: qemu, machine: { name: machine }, ignoresDeviations } = plan;
  const found = { kernel, qemu, machine, ...(ignoresDeviations ? { "no-deviations": true as const } : {}) };
  const specification = await loadSpecification();
  const target = targetOf(plan);
  const opening = openingOf(given, target);
  const { world } = opening.assignment;
  try {
    let isSurprising = false;
    const tell = (boot: Boot) => {
      isSurprising ||= boot.complaint !== undefined || boot.surprise !== undefined;
      print(bootText(plan, boot));
    };
    await using guest = await LiveGuest.booted(plan, target, world, signal, tell);
    print(groupsText(opening));
    const { session, report } = await Session.begin(opening, target, guest);
    const shell = new Shell(session, {
      target,
      paint,
      found,
      specification,
      // What is left to say of a guest that was ended is nobody's concern.
      print: (lines) => signal.aborted ? undefined : print(lines),
    });
    await shell.open(report, opening.steps);
    await hear(shell, signal, giveUp);
    if (!signal.aborted) await shell.close();
    return exitCode(shell, signal, isSurprising);
  } catch (error) {
    return exitCodeOf(error, signal);
  } finally {
    process.stderr.write(`logs: ${dirname(plan.artifactsDir)}\n`);
  }
}

/** The cell that is asked for or, where nothing is, that in which the scenario was found. */
async function planOf(options: Options, found: Partial<Found>, signal: AbortSignal): Promise<CellPlan> {
  const { kernel, qemu, machine, module: modules, accel, out, bootTimeout, replyTimeout, deviations } =
    options;
  const limits = { bootTimeoutMs: bootTimeout * 1000, replyTimeoutMs: replyTimeout * 1000 };
  const plan = await planOneCell({
    kernel: kernel ?? found.kernel,
    qemu: qemu ?? found.qemu,
    machine: machine ?? found.machine ?? DEFAULT_MACHINE,
    modules,
    accel,
    out,
    limits,
  }, signal);
  return { ...plan, ignoresDeviations: !deviations || found["no-deviations"] === true };
}

/** Whether somebody types and sees what is typed. */
const isConversation = process.stdin.isTTY === true && process.stdout.isTTY === true;

/** Colours where they can be seen and are welcome. */
const paint = Deno.env.get("FORCE_COLOR") || (process.stdout.isTTY && !Deno.noColor) ? inColour : plain;

const print = (lines: readonly string[]): void =>
  void process.stdout.write(lines.map((line) => `${line}\n`).join(""));

function bootText({ id }: CellPlan, { accelerator, bootMs, complaint, surprise }: Boot): string[] {
  return [
    `${id}, accelerator ${accelerator}, booted in ${bootMs} ms`,
    ...(complaint === undefined
      ? []
      : [paint("different", "! the kernel complained while it booted"), complaint]),
    ...(surprise === undefined ? [] : [paint("different", `≠ the machine isn't as predicted: ${surprise}`)]),
  ];
}

/** Does what is typed, or what is piped in. */
async function hear(shell: Shell, signal: AbortSignal, giveUp: () => void): Promise<void> {
  if (!isConversation) {
    const text = Deno.stdin.readable.pipeThrough(new TextDecoderStream(), { signal });
    return await obey(shell, linesOf(text), "standard input", signal);
  }
  print(["`help` lists what can be typed"]);
  const history = new History(
    historyFile(),
    (complaint) => process.stderr.write(`iovacheck: ${complaint}\n`),
  );
  using prompt = await Prompt.open(shell, history, giveUp);
  await prompt.converse(signal);
}

/** What a batch has found; a person has seen it. */
function exitCode(shell: Shell, signal: AbortSignal, isSurprising: boolean): number {
  if (signal.aborted) return EXIT_INTERRUPTED;
  if (isConversation) return EXIT_OK;
  if (shell.hasDiffered || isSurprising) return EXIT_DIFFERENT;
  return shell.hasFailed ? EXIT_CANNOT_TEST : EXIT_OK;
}

/** A guest that never got to the prompt: by the kernel's fault, or nobody knows. */
function exitCodeOf(error: unknown, signal: AbortSignal): number {
  if (signal.aborted) return EXIT_INTERRUPTED;
  if (!(error instanceof GuestLost)) throw error;
  const mend = error instanceof BootTimeout ? "; --boot-timeout SECONDS gives it longer" : "";
  if (error.loss === "harness-fault") throw new CannotTestError(error.message + mend, { cause: error });
  process.stderr.write([`iovacheck: ${error.message}`, ...error.console, ""].join("\n"));
  return EXIT_DIFFERENT;
}
