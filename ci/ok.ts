/**
 * What must pass before a commit: `deno task ok`. Stops at the first failure.
 *
 * The types are checked by two compilers: Deno's own, and the newer one of the
 * typescript package, which other editors use.
 *
 * @module
 */
import { resolve } from "node:path";
import { $ } from "zx";
import { tell } from "./output.ts";

const ROOT = resolve(import.meta.dirname ?? ".", "..");

const TESTS = ["--config", "tests/deno.json"];
const TSC = [
  "--no-prompt",
  "--allow-read",
  "--allow-env",
  "--allow-sys",
  "--allow-run",
  "npm:typescript@7.0.2/tsc",
];

/** Names of the steps, and the arguments of `deno` for each. */
const STEPS: readonly (readonly [name: string, args: readonly string[]])[] = [
  ["format", ["fmt", "--check"]],
  ["lint", ["lint"]],
  ["types of the program", ["check", "harness"]],
  ["types of the tests", ["check", ...TESTS, "tests", "ci"]],
  ["types, by the second compiler", ["run", ...TESTS, ...TSC, "-p", "tsconfig.json"]],
  ["tests", ["task", "test"]],
];

const deno = Deno.execPath();
const show = $({ cwd: ROOT, stdio: "inherit", nothrow: true });

// The second compiler doesn't know what Deno's own has built in.
await $({ cwd: ROOT })`${deno} types`.pipe(resolve(ROOT, ".deno.d.ts"));
for (const [name, args] of STEPS) {
  tell(`== ${name}`);
  const { exitCode } = await show`${deno} ${args}`;
  if (exitCode !== 0) {
    tell(`== ${name}: failed; deno ${args.join(" ")}`);
    Deno.exit(1);
  }
}
