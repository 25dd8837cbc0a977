import { resolve } from "node:path";
import type { TestFile } from "./test_files.ts";
import { TapReader, type TapResult } from "./test_tap.ts";

/** A finished test file. */
export interface TestRun extends TapResult {
  durationMs: number;
  stderr: string;
}

const CONFIG = resolve(import.meta.dirname ?? ".", "../tests/deno.json");

/** After the process is gone, its output may take this long to end. */
const DRAIN_MS = 2_000;
/** tap reports its own timeout this long before the file is killed. */
const TAP_MARGIN_MS = 2_000;

/** What a test may do: all but reach another machine. */
const PERMISSIONS = [
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-sys",
  "--allow-run",
  "--allow-net",
  "--deny-net=0.0.0.0/0",
];

/** Process groups that are to die with this process. */
const groups = new Set<number>();

/** Kills every test that is running, with all it started in its process group. */
export function killAll(): void {
  for (const pid of groups) killGroup(pid);
}

/**
 * Runs one test file in a Deno of its own, in its own process group, which is
 * killed at the deadline, at the file's end, and when this process dies.
 *
 * @param root the repository, absolute
 */
export async function runTestFile(root: string, file: TestFile): Promise<TestRun> {
  const startMs = performance.now();
  const child = spawn(root, file);
  groups.add(child.pid);
  const tap = new TapReader();
  const stderr: string[] = [];
  const output = Promise.all([
    readText(child.stdout, (text) => tap.write(text)),
    readText(child.stderr, (text) => stderr.push(text)),
  ]);
  const death = await untilDeath(child, file.deadlineMs);
  killGroup(child.pid);
  groups.delete(child.pid);
  // A process that left the group may still hold the output open.
  const drained = await within(output, DRAIN_MS);
  const result = tap.end(death ?? (drained ? undefined : "a process that it left behind holds its output"));
  return { ...result, durationMs: performance.now() - startMs, stderr: stderr.join("") };
}

function spawn(root: string, file: TestFile): Deno.ChildProcess {
  const deno = [
    Deno.execPath(),
    "run",
    "--no-prompt",
    "--config",
    CONFIG,
    ...PERMISSIONS,
    file.path,
  ];
  return new Deno.Command("setpriv", {
    args: ["--pdeathsig", "KILL", "--", ...deno],
    cwd: root,
    env: { TAP: "1", TAP_TIMEOUT: String(Math.max(1, (file.deadlineMs - TAP_MARGIN_MS) / 1000)) },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    detached: true,
  }).spawn();
}

/** @returns why the process failed; undefined when it ended with success */
async function untilDeath(child: Deno.ChildProcess, deadlineMs: number): Promise<string | undefined> {
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    killGroup(child.pid);
  }, deadlineMs);
  const { success, signal, code } = await child.status;
  clearTimeout(timer);
  if (success) return undefined;
  if (late) return `killed at its deadline of ${deadlineMs / 1000} s`;
  return signal === null ? `ended with exit code ${code}` : `killed by ${signal}`;
}

function killGroup(pid: number): void {
  try {
    Deno.kill(-pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function readText(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  take: (text: string) => void,
): Promise<void> {
  for await (const text of stream.pipeThrough(new TextDecoderStream())) take(text);
}

/** @returns whether the promise was fulfilled in time */
async function within(promise: Promise<unknown>, timeMs: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), timeMs);
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
