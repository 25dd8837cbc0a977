import t from "#tap";
import { resolve } from "node:path";
import { Parser } from "tap-parser";

const RUNNER = resolve(import.meta.dirname ?? ".", "../../ci/test.ts");
const CONFIG = resolve(import.meta.dirname ?? ".", "../deno.json");

const IMPORT = `import t from "#tap";\n`;

interface Sources {
  [name: string]: string | Sources;
}

interface Outcome {
  code: number;
  lastLine: string | undefined;
  /** The points of the files, by name. */
  files: Record<string, { ok: boolean; reason: string | undefined }>;
  stdout: string;
  stderr: string;
  /** Whether the output, without its last line, is TAP that keeps its plan. */
  valid: boolean;
}

/** Runs the runner on test files given by name and source. */
async function run(t: { testdir(files: Sources): string }, sources: Sources): Promise<Outcome> {
  const output = await command(t, sources).output();
  const [stdout, stderr] = [output.stdout, output.stderr].map((bytes) => new TextDecoder().decode(bytes)) as [
    string,
    string,
  ];
  const lines = stdout.trimEnd().split("\n");
  const lastLine = lines.pop();
  const files: Outcome["files"] = {};
  const parser = new Parser();
  parser.on("assert", ({ ok, name, diag }) => files[name] = { ok, reason: diag?.reason });
  parser.end(lines.join("\n") + "\n");
  const valid = parser.count === parser.planEnd && parser.failures.every(({ tapError }) => tapError === null);
  return { code: output.code, lastLine, files, stdout, stderr, valid };
}

function command(t: { testdir(files: Sources): string }, sources: Sources): Deno.Command {
  const root = t.testdir({ tests: sources });
  const args = [
    "run",
    "--config",
    CONFIG,
    "--allow-read",
    "--allow-env",
    "--allow-run",
    RUNNER,
    "--root",
    root,
  ];
  return new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "piped" });
}

t.test("passing files: assertions are counted one by one", async (t) => {
  const { code, lastLine, files, valid } = await run(t, {
    "a.test.ts": `${IMPORT}t.pass("one"); t.test("two", async (t) => { t.pass("x"); t.pass("y # z {"); });`,
    "b.test.ts": `${IMPORT}t.equal(1, 1); t.equal(1, 1, { skip: "not now" });`,
  });
  t.equal(code, 0);
  t.equal(lastLine, "4 passed, 0 failed, 1 skipped");
  t.match(files, { "tests/a.test.ts": { ok: true }, "tests/b.test.ts": { ok: true } });
  t.ok(valid);
});

t.test("a failed assertion fails the run, and its diagnostics are kept", async (t) => {
  const { code, lastLine, files, stdout, valid } = await run(t, {
    "a.test.ts":
      `${IMPORT}t.test("s", async (t) => { t.same({ iova: 0x1000n }, { iova: 0x2000n }); t.pass(); });`,
    "b.test.ts": `${IMPORT}t.pass();`,
  });
  t.equal(code, 1);
  t.equal(lastLine, "2 passed, 1 failed");
  t.match(files, { "tests/a.test.ts": { ok: false }, "tests/b.test.ts": { ok: true } });
  t.match(stdout, '-  "iova": 8192n');
  t.ok(valid);
});

const DEAD: [name: string, source: string, lastLine: string, reason: RegExp][] = [
  [
    "spins",
    `// deadline: 2 s\n${IMPORT}t.pass(); for (;;);`,
    "1 passed, 1 failed",
    /killed at its deadline of 2 s/,
  ],
  [
    "ends with an error after its assertions",
    `${IMPORT}t.pass(); Deno.exit(3);`,
    "1 passed, 1 failed",
    /exit code 3/,
  ],
  [
    "is killed",
    `${IMPORT}t.pass(); Deno.kill(Deno.pid, "SIGKILL");`,
    "1 passed, 1 failed",
    /killed by SIGKILL/,
  ],
  ["can't be compiled", "import (", "0 passed, 1 failed", /exit code 1/],
  ["asserts nothing", IMPORT, "0 passed, 1 failed", /no assertion/],
  ["says nothing", "", "0 passed, 1 failed", /no assertion/],
  [
    "skips everything but is left open",
    `Deno.stdout.writeSync(new TextEncoder().encode("ok 1 # SKIP\\n"));`,
    "0 passed, 1 failed, 1 skipped",
    /no plan/,
  ],
  ["breaks its plan", `${IMPORT}t.plan(2); t.pass();`, "1 passed, 1 failed", /./],
  [
    "leaves out points of its plan",
    `Deno.stdout.writeSync(new TextEncoder().encode("1..3\\nok 1\\n"));`,
    "1 passed, 1 failed",
    /incorrect number of tests/,
  ],
  ["bails out", `${IMPORT}t.pass(); t.bailout("enough");`, "1 passed, 1 failed", /Bail out! enough/],
];

for (const [name, source, lastLine, reason] of DEAD) {
  t.test(`a file that ${name} has failed`, async (t) => {
    const outcome = await run(t, { "a.test.ts": source, "b.test.ts": `${IMPORT}t.pass();` });
    t.equal(outcome.code, 1);
    t.equal(outcome.lastLine?.replace(/^(\d+)/, (count) => String(Number(count) - 1)), lastLine);
    t.equal(outcome.files["tests/a.test.ts"]?.ok, false);
    t.match(outcome.files["tests/a.test.ts"]?.reason ?? outcome.stdout, reason);
    t.equal(outcome.files["tests/b.test.ts"]?.ok, true, "the other file isn't harmed");
    t.ok(outcome.valid);
  });
}

t.test("output that would stall a TAP parser", async (t) => {
  const { code, lastLine } = await run(t, {
    "a.test.ts":
      `Deno.stdout.writeSync(new TextEncoder().encode("1..2\\nok 1 - a\\u2028b\\n# x\\ry\\nok 2\\n"));`,
  });
  t.equal(lastLine, "2 passed, 0 failed");
  t.equal(code, 0);
});

t.test("guest tests run last, one at a time", async (t) => {
  const source = `${IMPORT}t.pass();`;
  const { stderr } = await run(t, {
    guest: { "a.test.ts": source, "b.test.ts": source },
    "z.test.ts": source,
  });
  const order = [...stderr.matchAll(/^\[\d\/3\] (\S+)/gm)].map(([, file]) => file);
  t.same(order, ["tests/z.test.ts", "tests/guest/a.test.ts", "tests/guest/b.test.ts"]);
});

for (const signal of ["SIGKILL", "SIGTERM"] as const) {
  t.test(`a runner that gets ${signal} leaves no test behind`, async (t) => {
    const dir = await Deno.makeTempDir();
    t.teardown(() => Deno.remove(dir, { recursive: true }));
    using listener = Deno.listen({ transport: "unix", path: `${dir}/socket` });
    const connect = `await Deno.connect({ transport: "unix", path: "${dir}/socket" });`;
    const runner = command(t, { "a.test.ts": `${IMPORT}${connect} for (;;);` }).spawn();
    const started = await Promise.race([listener.accept(), runner.status]);
    if ("code" in started) throw new Error(`the runner ended with exit code ${started.code}`);
    using test = started;
    runner.kill(signal);
    t.equal(await test.read(new Uint8Array(1)), null, "the test's end closed the connection");
    t.not((await runner.output()).code, 0);
  });
}
