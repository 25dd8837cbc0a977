/**
 * What must pass before a commit: `deno task ok`. Stops at the first failure.
 *
 * The types are checked by two compilers: Deno's own, and the newer one of the
 * typescript package, which other editors use.
 *
 * @module
 */
import { resolve } from "node:path";
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

await writeDenoTypes();
for (const [name, args] of STEPS) {
  tell(`== ${name}`);
  const { code } = await new Deno.Command(Deno.execPath(), { args: [...args], cwd: ROOT }).spawn().status;
  if (code !== 0) {
    tell(`== ${name}: failed; deno ${args.join(" ")}`);
    Deno.exit(1);
  }
}

/** The second compiler doesn't know what Deno's own has built in. */
async function writeDenoTypes(): Promise<void> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["types"], cwd: ROOT }).output();
  await Deno.writeFile(resolve(ROOT, ".deno.d.ts"), stdout);
}
