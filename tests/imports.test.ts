import t from "#tap";
import { resolve } from "node:path";
import { findImports, violations } from "../ci/import_rules.ts";

const ROOT = resolve(import.meta.dirname ?? ".", "..");
const CONFIG = resolve(ROOT, "tests/deno.json");

t.test("the harness keeps the import rules", async (t) => {
  const imports = await findImports(resolve(ROOT, "harness"), CONFIG, t.testdir());
  t.ok(imports.length > 0, `${imports.length} imports`);
  t.same(violations(imports), []);
});

const WRONG: [name: string, file: string, source: string, message: string][] = [
  ["a folder that isn't allowed", "model/a.ts", `import "../cli/run.ts";`, "model/a.ts: imports cli/run.ts"],
  ["a dynamic import", "report/a.ts", `await import("../cli/run.ts");`, "report/a.ts: imports cli/run.ts"],
  ["a re-export", "scenario/a.ts", `export * from "../machine/m.ts";`, "scenario/a.ts: imports machine/m.ts"],
  ["a package in a pure part", "model/a.ts", `import "yaml";`, "model/a.ts: imports npm:"],
  ["the platform in a pure part", "model/a.ts", `import "node:fs";`, "model/a.ts: imports node:fs"],
  [
    "a value where types are allowed",
    "guest/a.ts",
    `import "../components/c.ts";`,
    "guest may import only its types",
  ],
  [
    "another file of an allowed file's folder",
    "check/a.ts",
    `import "../report/tap.ts";`,
    "imports report/tap.ts",
  ],
  ["what only main may import", "check/a.ts", `import "../cli/run.ts";`, "check/a.ts: imports cli/run.ts"],
  ["a part without a rule", "else/a.ts", `import "../errors.ts";`, "no rule for else"],
];

const GOOD = {
  cli: { "run.ts": `import "../check/c.ts";` },
  check: { "c.ts": `import "../report/events.ts"; import "../model/m.ts";` },
  machine: { "m.ts": `import "yaml"; import "node:fs"; import "../errors.ts";` },
  components: { "c.ts": "export type C = 1;" },
  guest: { "g.ts": `import type { C } from "../components/c.ts"; export type D = C;` },
  model: { "m.ts": `import "./n.ts";`, "n.ts": "" },
  report: { "tap.ts": "", "events.ts": "" },
  "errors.ts": "",
  "main.ts": `import("./cli/run.ts");`,
};

t.test("allowed imports are found and allowed", async (t) => {
  const dir = t.testdir({ harness: GOOD });
  const imports = await findImports(resolve(dir, "harness"), CONFIG, dir);
  t.same(violations(imports), []);
  t.match(imports.find(({ from }) => from === "guest/g.ts"), { to: "components/c.ts", typeOnly: true });
  t.ok(imports.some(({ from, to }) => from === "main.ts" && to === "cli/run.ts"), "dynamic imports count");
});

for (const [name, file, source, message] of WRONG) {
  t.test(`refused: ${name}`, async (t) => {
    const dir = t.testdir({ harness: GOOD });
    const path = resolve(dir, "harness", file);
    await Deno.mkdir(resolve(path, ".."), { recursive: true });
    await Deno.writeTextFile(path, source);
    const found = violations(await findImports(resolve(dir, "harness"), CONFIG, dir));
    t.match(found, [message]);
    t.equal(found.length, 1);
  });
}
