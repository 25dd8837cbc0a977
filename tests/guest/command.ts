/** Starts iovacheck as its users do, as a process of its own. */
import { join, resolve } from "node:path";
import { readTap, type TapOutput } from "./tap_output.ts";

const ROOT = resolve(import.meta.dirname ?? ".", "../..");

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  /** Without the line in which `deno task` says what it starts. */
  readonly stderr: string;
}

/** What is told while all is well: by Deno, of packages and builds, of what a series means, of what was chosen. */
const PROGRESS =
  /^(Download|Initialize|fetching|building|reading|waiting for|accelerator|seed|logs and events:|apt has no|debian:[^ ]+:) /;

/** What standard error says apart from progress. */
export const complaintsOf = ({ stderr }: Pick<Outcome, "stderr">): string[] =>
  stderr.trimEnd().split("\n").filter((line) => !PROGRESS.test(line));

/** An iovacheck that is running. */
export interface Running {
  readonly pid: number;
  readonly outcome: Promise<Outcome>;
  /** Resolves when standard output holds this; rejects when it ends without. */
  printed(text: string): Promise<void>;
  /** The same for standard error. */
  told(text: string): Promise<void>;
  kill(signal: Deno.Signal): void;
}

export interface Options {
  /** The folder to start in; the project's by default. */
  readonly cwd?: string;
  /** The project to start it from; the one that this file belongs to by default. */
  readonly root?: string;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** What its standard input says; left out, nothing. */
  readonly input?: string;
}

/** `deno task run ARGS` */
export const startTask = (args: readonly string[], options: Options = {}): Running =>
  start(["task", "--config", configOf(options), "run", ...args], options);

/** The same without `deno task` around it: the process is the harness itself. */
export function startHarness(args: readonly string[], options: Options = {}): Running {
  const config = configOf(options);
  const { tasks } = JSON.parse(Deno.readTextFileSync(config)) as { tasks: { run: { command: string } } };
  const [, ...words] = tasks.run.command.split(" ");
  return start([...words, ...args], options);
}

const configOf = ({ root = ROOT }: Options): string => join(root, "deno.json");

/** Runs `deno task run` to its end. */
export const run = (args: readonly string[], options: Options = {}): Promise<Outcome> =>
  startTask(args, options).outcome;

/** The same for a run that gets to its guests. */
export async function runGuests(
  args: readonly string[],
  options: Options = {},
): Promise<Outcome & { tap: TapOutput }> {
  const outcome = await run(args, options);
  return { ...outcome, tap: readTap(outcome.stdout) };
}

/** Runs another task to its end. */
export const runTask = (task: string, args: readonly string[], options: Options = {}): Promise<Outcome> =>
  start(["task", "--config", configOf(options), task, ...args], options).outcome;

/** A task that runs on a terminal; what it prints there is its standard output. */
export interface OnTerminal extends Running {
  /** Presses keys. */
  type(keys: string): Promise<void>;
}

/** Starts a task on a terminal of its own. [script(1)] */
export function startOnTerminal(task: string, args: readonly string[], options: Options = {}): OnTerminal {
  const words = ["task", "--config", configOf(options), task, ...args];
  // What script starts is a line for a shell: it is told the words apart from it.
  const env = Object.fromEntries(words.map((word, index) => [`WORD${index}`, word]));
  const line = ["exec", `"$DENO"`, ...words.map((_, index) => `"$WORD${index}"`)].join(" ");
  const all = { ...options, env: { TERM: "xterm", DENO: Deno.execPath(), ...env, ...options.env } };
  const child = spawn("script", ["--quiet", "--return", "--command", line, "/dev/null"], all, "piped");
  const keys = child.stdin.getWriter();
  const running = watch(child);
  running.outcome.then(() => keys.close()).catch(() => {});
  return { ...running, type: (text) => keys.write(new TextEncoder().encode(text)) };
}

function start(args: readonly string[], options: Options): Running {
  const { input } = options;
  const child = spawn(Deno.execPath(), args, options, input === undefined ? "null" : "piped");
  if (input !== undefined) feed(child.stdin, input);
  return watch(child);
}

/** One that ends before it has read all of its input has read enough. */
function feed(stdin: WritableStream<Uint8Array<ArrayBuffer>>, input: string): void {
  new Blob([input]).stream().pipeTo(stdin).catch(() => {});
}

function spawn(
  program: string,
  args: readonly string[],
  { root = ROOT, cwd = root, env = {} }: Options,
  stdin: "null" | "piped",
): Deno.ChildProcess {
  return new Deno.Command(program, {
    args: [...args],
    cwd,
    // Set by the `deno task` that runs the tests, it would hide where this one starts.
    env: { NO_COLOR: "1", INIT_CWD: cwd, ...env },
    stdin,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

function watch(child: Deno.ChildProcess): Running {
  const stdout = new Text(child.stdout);
  const stderr = new Text(child.stderr);
  const outcome = Promise.all([child.status, stdout.whole, stderr.whole]).then((
    [{ code }, stdout, stderr],
  ) => ({ code, stdout, stderr: stderr.replace(/^Task \w+ .*\n/, "") }));
  const require = async (output: Text, text: string) => {
    if (!await output.holds(text)) throw new Error(`it never printed ${text}: ${await stderr.whole}`);
  };
  return {
    pid: child.pid,
    outcome,
    printed: (text) => require(stdout, text),
    told: (text) => require(stderr, text),
    kill: (signal) => {
      try {
        child.kill(signal);
      } catch (error) {
        // It was quicker, and is over.
        if (!(error instanceof TypeError)) throw error;
      }
    },
  };
}

/** A stream's text while it comes. */
class Text {
  readonly whole: Promise<string>;
  #text = "";
  #waiting: (() => void)[] = [];

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.whole = this.#read(stream);
  }

  /** Resolves as soon as the text is there, and to false when the stream ends without. */
  async holds(text: string): Promise<boolean> {
    let over = false;
    const end = this.whole.then(() => void (over = true));
    while (!this.#text.includes(text) && !over) {
      await Promise.race([end, new Promise<void>((wake) => this.#waiting.push(wake))]);
    }
    return this.#text.includes(text);
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
    for await (const part of stream.pipeThrough(new TextDecoderStream())) {
      this.#text += part;
      this.#waiting.splice(0).forEach((wake) => wake());
    }
    return this.#text;
  }
}
