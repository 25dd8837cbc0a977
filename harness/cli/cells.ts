/** The options that choose cells and say how guests are run, of every command that has both. */
import process from "node:process";
import type { Command } from "commander";
import type { RunRequest } from "../check/plan.ts";
import type { WantedAccelerator } from "../guest/accelerator.ts";
import { cellsOf, type Matrix, narrowed, replaced, sizeOf } from "../matrix/matrix.ts";
import { explainBriefly } from "../scenario/explanation.ts";
import { accelerator } from "./accelerator.ts";
import { loadMachinesNamed, loadMatrixNamed, loadPins, loadSpecification } from "./configs.ts";
import { positive } from "./numbers.ts";

const DEFAULT_BOOT_TIMEOUT_S = 60;
const DEFAULT_REPLY_TIMEOUT_S = 20;
const DEFAULT_MATRIX = "default";

/** What the options come to. */
export interface CellOptions {
  kernel: string[];
  qemu: string[];
  machine: string[];
  matrix?: string;
  module: string[];
  accel: WantedAccelerator;
  jobs: number;
  out?: string;
  bootTimeout: number;
  replyTimeout: number;
}

/** For options that may be repeated. */
export const collect = (value: string, earlier: string[]): string[] => [...earlier, value];

/** Gives a command the options. */
export const withCellOptions = (command: Command): Command =>
  command
    .option("--kernel <spec>", "debian:6.12, debian:6.12.117, debian:7.3@cloud; may be repeated", collect, [])
    .option("--qemu <spec>", "debian:10.0.13, debian:7.2, host, path:BIN; may be repeated", collect, [])
    .option("--machine <name>", "see `deno task iovacheck machines`; may be repeated", collect, [])
    .option(
      "--matrix <name>",
      "kernels, QEMUs and machines of configs/matrices: default, full, pairwise; --kernel, --qemu and --machine then choose among them",
    )
    .option(
      "--module <file>",
      "a .ko that replaces the guest's module of that name; may be repeated",
      collect,
      [],
    )
    .option("--accel <name>", "auto, kvm or tcg", accelerator, "auto")
    .option("--jobs <n>", "guests at a time", positive, navigator.hardwareConcurrency)
    .option("--out <dir>", "folder for logs and events (default: out/ and the time)")
    .option("--boot-timeout <seconds>", "until a guest must have booted", positive, DEFAULT_BOOT_TIMEOUT_S)
    .option("--reply-timeout <seconds>", "until a guest must answer", positive, DEFAULT_REPLY_TIMEOUT_S);

/** Everything about a run but what is played in it, and where. */
export async function requestOf(
  matrix: Matrix,
  options: CellOptions,
): Promise<Omit<RunRequest, "scenarios" | "outDir" | "retries">> {
  const pins = await loadPins();
  const specification = await loadSpecification();
  return {
    ...await cellsWanted(matrix, options),
    instead: { [pins.qemu]: pins["qemu-instead"] },
    modules: options.module,
    accelerator: options.accel,
    repeatedOptions: repeatedOptions(options),
    explain: (rule) => explainBriefly(specification, rule),
    limits: { bootTimeoutMs: options.bootTimeout * 1000, replyTimeoutMs: options.replyTimeout * 1000 },
  };
}

/** The matrix that was named, or the default one. */
export const matrixOf = ({ matrix }: CellOptions): Promise<Matrix> =>
  loadMatrixNamed(matrix ?? DEFAULT_MATRIX);

/**
 * The cells of a matrix. Beside `--matrix` the options for kernels, QEMUs and machines choose among what it has,
 * otherwise they stand in the place of what is there by default.
 */
async function cellsWanted(matrix: Matrix, { matrix: name, kernel, qemu, machine }: CellOptions) {
  const axes = { kernels: kernel, qemus: qemu, machines: machine };
  const chosen = name === undefined ? replaced(matrix, axes) : narrowed(matrix, axes);
  const machines = new Map((await loadMachinesNamed(chosen.machines)).map((one) => [one.name, one]));
  const cells = cellsOf(chosen).map((cell) => {
    const machine = machines.get(cell.machine);
    if (!machine) throw new RangeError("every machine was loaded");
    return { ...cell, machine };
  });
  if (name !== undefined) {
    process.stderr.write(`matrix ${name}: ${cells.length} of ${sizeOf(matrix)} cells\n`);
  }
  return { cells, coversPairs: chosen.coversPairs };
}

/** Options that decide how a guest is run, where they aren't the usual ones. */
const repeatedOptions = ({ accel, bootTimeout, replyTimeout }: CellOptions): string[] => [
  ...(accel === "auto" ? [] : ["--accel", accel]),
  ...(bootTimeout === DEFAULT_BOOT_TIMEOUT_S ? [] : ["--boot-timeout", String(bootTimeout)]),
  ...(replyTimeout === DEFAULT_REPLY_TIMEOUT_S ? [] : ["--reply-timeout", String(replyTimeout)]),
];
