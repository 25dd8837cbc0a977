import { execa, ExecaError } from "execa";
import { CannotTestError } from "../errors.ts";

/** A program that could not be started or did not succeed. */
export class CommandError extends CannotTestError {
  override readonly name = "CommandError";

  readonly command: string;
  /** Absent when the program was not started or was ended by a signal. */
  readonly exitCode: number | undefined;
  /** All that the program wrote there; the message holds what tells most. */
  readonly stderr: string;

  constructor(command: string, exitCode: number | undefined, stderr: string, cause: unknown) {
    super(`${command}: ${describeEnd(exitCode, stderr, cause)}${tellingLines(stderr)}${mend(stderr)}`, {
      cause,
    });
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
  /** Longer than this it must not take. */
  readonly timeoutMs?: number;
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
    return (await execa(...guarded(program, args), execaOptions(options))).stdout;
  } catch (error) {
    throw commandError(program, args, error);
  }
}

/** A command by way of setpriv, which has the kernel kill the program when this process is gone, however it ends. */
export const guarded = (program: string, args: readonly string[]): [file: string, args: string[]] => [
  "setpriv",
  ["--pdeathsig", "KILL", "--", program, ...args],
];

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
    return new Uint8Array((await execa(...guarded(program, args), settings)).stdout);
  } catch (error) {
    throw commandError(program, args, error);
  }
}

/**
 * The folders that programs are looked for in: those of PATH and, where Debian doesn't give them to ordinary users,
 * those of root, which have chroot.
 */
export const programFolders = (): string[] => [
  ...new Set([
    ...(Deno.env.get("PATH") ?? "").split(":").filter((folder) => folder !== ""),
    "/usr/sbin",
    "/sbin",
  ]),
];

/** The options that every child process of this folder is started with. */
export function execaOptions(options: CommandOptions) {
  return {
    stdin: "ignore",
    // A group of its own: Ctrl-C is this process's to answer.
    detached: true,
    env: { LC_ALL: "C", PATH: programFolders().join(":"), ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
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

/** How setpriv says that there is no such program. */
const EXIT_NOT_FOUND = 127;

function describeEnd(exitCode: number | undefined, stderr: string, cause: unknown): string {
  if (exitCode === EXIT_NOT_FOUND && stderr.startsWith("setpriv: failed to execute ")) {
    return "not found on this machine; install it";
  }
  if (exitCode !== undefined) return `exit code ${exitCode}`;
  if (!(cause instanceof ExecaError)) return "failed";
  if (cause.code === "ENOENT") return "setpriv is not found on this machine; install util-linux";
  if (cause.timedOut) return `not done after ${Math.round(cause.durationMs / 1000)} s`;
  return cause.signal === undefined
    ? cause.originalMessage ?? "could not be started"
    : `ended by ${cause.signal}`;
}

/** A full disk looks alike whichever program meets it. */
export const diskIsFull = (stderr: string): boolean => stderr.includes("No space left on device");

function mend(stderr: string): string {
  if (diskIsFull(stderr)) return "; make room there, or set XDG_CACHE_HOME to another place";
  return /Hash Sum mismatch|unexpected size/.test(stderr)
    ? "; a mirror or a proxy delivers something else than is signed: try again later, or use another mirror"
    : "";
}

/** What tells most: the errors that apt marks as such, the first ones, or else the last words. */
function tellingLines(stderr: string): string {
  const lines = stderr.split("\n").map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("setpriv: failed"));
  const errors = lines.filter((line) => line.startsWith("E: "));
  const telling = errors.length > 0 ? errors.slice(0, 2) : lines.slice(-4);
  return telling.length === 0 ? "" : ` (${telling.join("; ")})`;
}
