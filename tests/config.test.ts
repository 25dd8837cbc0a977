import t from "#tap";
import { resolve } from "node:path";

const ROOT = resolve(import.meta.dirname ?? ".", "..");

interface Config {
  imports: Record<string, string>;
  compilerOptions: Record<string, unknown>;
  fmt: { lineWidth: number };
  lint: unknown;
  tasks: Record<string, unknown>;
}

interface Lock {
  specifiers: Record<string, string>;
  npm: Record<string, unknown>;
}

function read<T>(path: string): T {
  return JSON.parse(Deno.readTextFileSync(resolve(ROOT, path))) as T;
}

const harness = read<Config>("deno.json");
const tests = read<Config>("tests/deno.json");

t.test("the tests import the harness's packages in the harness's versions", async (t) => {
  for (const [name, specifier] of Object.entries(harness.imports)) {
    t.equal(tests.imports[name], specifier, name);
  }
});

t.test("every package has one exact version", async (t) => {
  const specifiers = Object.values(tests.imports).filter((specifier) => !specifier.startsWith("./"));
  for (const specifier of specifiers) t.match(specifier, /^npm:(@[\w.-]+\/)?[\w.-]+@\d+\.\d+\.\d+$/);
  t.equal(new Set(specifiers.map((specifier) => specifier.replace(/@[^@]+$/, ""))).size, specifiers.length);
});

t.test("both locks hold the imports, and the harness's packages in the same versions", async (t) => {
  const [small, large] = [read<Lock>("deno.lock"), read<Lock>("tests/deno.lock")];
  for (const specifier of Object.values(harness.imports)) {
    t.ok(small.specifiers[specifier], `${specifier} is in deno.lock`);
    t.equal(
      large.specifiers[specifier],
      small.specifiers[specifier],
      `${specifier} is the same in tests/deno.lock`,
    );
  }
  const extra = Object.keys(small.npm).filter((name) => !Object.hasOwn(large.npm, name));
  t.same(extra, [], "packages that the tests would take in another version");
});

t.test("all compilers are as strict", async (t) => {
  t.same(tests.compilerOptions, harness.compilerOptions);
  t.match(read<Config>("tsconfig.json").compilerOptions, harness.compilerOptions);
});

t.test("tests are formatted and linted as the harness is, wherever deno is started", async (t) => {
  t.equal(tests.fmt.lineWidth, harness.fmt.lineWidth);
  t.same(tests.lint, harness.lint);
});

t.test("the tasks work in tests/ too", async (t) => {
  t.same(Object.keys(tests.tasks), Object.keys(harness.tasks));
});
