import { execa, ExecaError } from "execa";
import { CannotTestError } from "../errors.ts";

/** A program that could not be started or did not succeed. */
export class CommandError extends CannotTestError {
  override readonly name = "CommandError";

  readonly command: string;
  /** Absent when the program was not started or was ended by a signal. */
  readonly exitCode: number | undefined;
  /** All that the program wrote there; the message holds its last lines. */
  readonly stderr: string;

  constructor(command: string, exitCode: number | undefined, stderr: string, cause: unknown) {
    super(`${command}: ${describeEnd(exitCode, cause)}${lastLines(stderr)}`, { cause });
    this.command = command;
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

export interface CommandOptions {
  readonly cwd?: string;
  /** Added to the caller's environment; `undefined` removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs a program to its end, with messages in the C locale.
 *
 * @returns its standard output, without the last newline
 * @throws {CommandError} not found, killed, or an exit code other than 0
 */
export async function run(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  try {
    return (await execa(program, args, execaOptions(options))).stdout;
  } catch (error) {
    throw commandError(program, args, error);
  }
}

/**
 * Like {@linkcode run}, for a program that the task's permissions can't name beforehand: a compiler of the
 * machine's, a QEMU in the cache. setpriv starts it, and sees to it that it doesn't outlive this process.
 */
export const runUnnamed = (program: string, args: readonly string[], options: CommandOptions = {}) =>
  run("setpriv", ["--pdeathsig", "KILL", "--", program, ...args], options);

/** Like {@linkcode run}, for programs that write bytes. `input` is what the program reads. */
export async function runBytes(
  program: string,
  args: readonly string[],
  input: Uint8Array,
  options: CommandOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const settings = {
      ...execaOptions(options),
      stdin: "pipe",
      input,
      encoding: "buffer",
      maxBuffer: Infinity,
      stripFinalNewline: false,
    } as const;
    return new Uint8Array((await execa(program, args, settings)).stdout);
  } catch (error) {
    throw commandError(program, args, error);
  }
}

/** The options that every child process of this folder is started with. */
export function execaOptions(options: CommandOptions) {
  return {
    stdin: "ignore",
    env: { LC_ALL: "C", ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
  } as const;
}

/** Turns what execa throws into a {@linkcode CommandError}; an abort is passed on as it is. */
export function commandError(program: string, args: readonly string[], error: unknown): unknown {
  if (!(error instanceof ExecaError) || error.isCanceled) return error;
  const stderr = asText(error.stderr);
  const shown = args.length > 6 ? [...args.slice(0, 6), "…"] : args;
  return new CommandError(
    [program, ...shown].join(" ").replaceAll("\n", "\\n"),
    error.exitCode,
    stderr,
    error,
  );
}

function asText(output: unknown): string {
  return output instanceof Uint8Array ? new TextDecoder().decode(output) : String(output ?? "");
}

function describeEnd(exitCode: number | undefined, cause: unknown): string {
  if (exitCode !== undefined) return `exit code ${exitCode}`;
  if (!(cause instanceof ExecaError)) return "failed";
  if (cause.code === "ENOENT") return "not found on this machine; install it";
  return cause.signal === undefined
    ? cause.originalMessage ?? "could not be started"
    : `ended by ${cause.signal}`;
}

function lastLines(stderr: string): string {
  const lines = stderr.split("\n").filter((line) => line.trim() !== "").slice(-4);
  return lines.length === 0 ? "" : ` (${lines.map((line) => line.trim()).join("; ")})`;
}
