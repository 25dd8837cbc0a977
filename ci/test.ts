/**
 * Runs the tests: `deno task test [--jobs N] [--root DIR] [FILE or FOLDER…]`.
 *
 * Every test file is a process of its own, with a deadline (120 s, or what a
 * line `// deadline: 600 s` at its beginning says). Those that boot guests run
 * after the others, one at a time. TAP 14 goes to stdout, one subtest per file,
 * and then a line `N passed, N failed` that counts assertions; progress goes to
 * stderr. `--root` names another repository, whose tests/ is run. The exit code is 0, 1 when something failed, 2 for a wrong argument.
 *
 * @module
 */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { pointLines, subtestLine } from "../harness/report/tap_line.ts";
import { print, tell } from "./output.ts";
import { findTestFiles, type TestFile } from "./test_files.ts";
import { killAll, runTestFile, type TestRun } from "./test_process.ts";
import type { Tally } from "./test_tap.ts";

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  Deno.addSignalListener(signal, () => {
    killAll();
    Deno.exit(signal === "SIGINT" ? 130 : 143);
  });
}

const { root, files, jobs } = readArguments();
const total: Tally = { passed: 0, failed: 0, skipped: 0 };
let finished = 0;

print("TAP version 14", `1..${files.length}`);
await runAll(files.filter((file) => !file.alone), jobs);
await runAll(files.filter((file) => file.alone), 1);
const { passed, failed, skipped } = total;
print(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
Deno.exit(failed > 0 ? 1 : 0);

function readArguments(): { root: string; files: TestFile[]; jobs: number } {
  try {
    const { values, positionals } = parseArgs({
      args: Deno.args,
      options: {
        jobs: { type: "string", short: "j", default: String(navigator.hardwareConcurrency) },
        root: { type: "string", default: resolve(import.meta.dirname ?? ".", "..") },
      },
      allowPositionals: true,
    });
    if (!/^[1-9]\d*$/.test(values.jobs)) throw new Error(`--jobs ${values.jobs}: not a number above 0`);
    const typedIn = Deno.env.get("INIT_CWD") ?? Deno.cwd();
    const root = resolve(typedIn, values.root);
    const files = findTestFiles(root, positionals.map((path) => resolve(typedIn, path)));
    return { root, files, jobs: Number(values.jobs) };
  } catch (error) {
    tell(error instanceof Error ? error.message : String(error));
    Deno.exit(2);
  }
}

async function runAll(files: TestFile[], jobs: number): Promise<void> {
  const queue = files.values();
  await Promise.all(Array.from({ length: jobs }, async () => {
    for (const file of queue) report(file, await runTestFile(root, file));
  }));
}

function report(file: TestFile, run: TestRun): void {
  total.passed += run.passed;
  total.failed += run.failed;
  total.skipped += run.skipped;
  finished++;
  const ok = run.failed === 0;
  const point = { ok, number: finished, name: file.path, durationMs: run.durationMs };
  print(
    subtestLine(file.path),
    ...run.lines.map((line) => `    ${line}`),
    ...pointLines(run.reason === undefined ? point : { ...point, diagnostics: { reason: run.reason } }),
  );
  const seconds = (run.durationMs / 1000).toFixed(1);
  const outcome = ok ? `${run.passed} passed` : `FAILED: ${run.reason ?? `${run.failed} assertions`}`;
  tell(`[${finished}/${files.length}] ${file.path}  ${seconds} s  ${outcome}`);
  if (run.stderr !== "") tell(run.stderr.trimEnd());
}
