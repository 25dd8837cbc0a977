// deadline: 300 s
/** Explore finds what is wrong with a kernel, makes it small, and replay shows it again, here and elsewhere. */
import t from "#tap";
import { join } from "node:path";
import { loadScenarios } from "../../harness/scenario/scenario.ts";
import { complaintsOf, runTask } from "./command.ts";
import { buildMutant } from "./mutant.ts";
import { MUTANTS } from "./mutants.ts";
import { outDir } from "./out_dir.ts";
import { failuresOf, readTap } from "./tap_output.ts";

type Test = Pick<typeof t, "passing" | "teardown" | "comment">;

t.jobs = navigator.hardwareConcurrency;

const KERNEL = "debian:6.12";
/** Steps that a person can take in at a glance. */
const STEPS_MOST = 6;

async function explore(t: Test, ...args: string[]) {
  const { code, stdout, stderr } = await runTask("explore", [...args, "--out", await outDir(t)]);
  return { code, stderr, tap: readTap(stdout), complaints: complaintsOf({ stderr }) };
}

async function replay(t: Test, ...args: string[]) {
  const { code, stdout, stderr } = await runTask("replay", [...args, "--out", await outDir(t)]);
  return { code, stderr, failures: readTap(stdout).cells.flatMap(failuresOf) };
}

async function mutant(name: string): Promise<string> {
  const { edits } = MUTANTS.find((mutant) => mutant.name === name)!;
  return await buildMutant(KERNEL, name, edits);
}

/** The file that a divergence was written to, from the command that plays it again. */
const fileOf = (again: unknown): string => String(again).split(" ").at(-1) ?? "";

t.test("a fault of the kernel becomes a small scenario, the same each time", async (t) => {
  const module = await mutant("conflict-with-the-first-region-only");
  const args = ["--kernel", KERNEL, "--machine", "intel-iommu", "--module", module, "--seed", "1"];
  const texts: string[] = [];
  for (const attempt of ["first", "second"]) {
    const { code, stderr, tap } = await explore(t, ...args);
    t.equal(code, 1, `${attempt}: exit code`, { stderr });
    const [failure, ...others] = tap.cells.flatMap(failuresOf);
    t.equal(others.length, 0, `${attempt}: one divergence ends it`);
    const { verdict, predicted, observed, because, again } = failure?.diagnostics ?? {};
    t.match({ verdict, predicted }, { verdict: "mismatch", predicted: "EINVAL" });
    t.not(observed, predicted);
    t.match(because, /^§2\.1 row 10: /, `${attempt}: it names the rule`);
    t.match(again, /^deno task replay --module .*\.ko .*\/seed-1-\d+\.yaml$/);
    const file = fileOf(again);
    const [scenario] = await loadScenarios(file, file, "explore");
    t.ok((scenario?.steps.length ?? Infinity) <= STEPS_MOST, `${attempt}: ${scenario?.steps.length} steps`);
    t.match(await Deno.readTextFile(file.replace(/yaml$/, "trace")), /^!/m, "the trace marks what differs");
    texts.push(await Deno.readTextFile(file));
    if (attempt === "second") continue;
    t.match(await replay(t, file, "--module", module), {
      code: 1,
      failures: [{ diagnostics: { predicted, observed, again: /^deno task replay --kernel .*\.yaml$/ } }],
    });
    t.match(await replay(t, file), { code: 0, failures: [] }, "the kernel's own module does what is right");
  }
  t.equal(texts[0], texts[1], "the same file");
});

t.test("a fault that crashes the kernel is made smaller, too", async (t) => {
  const args = [
    "--kernel",
    KERNEL,
    "--machine",
    "intel-iommu",
    "--module",
    await mutant("no-bitmap-for-the-new"),
  ];
  const { code, stderr, tap } = await explore(t, ...args, "--seed", "1", "--shrink-limit", "20s");
  t.equal(code, 1, "exit code", { stderr });
  const [failure] = tap.cells.flatMap(failuresOf);
  t.match(failure?.diagnostics, { verdict: "crash", reason: /\d+ steps, shrunk to \d+;/ });
});

// The sequence does nothing that 7.3 still does wrong.
t.test("what is known of the kernel's version is found by those who don't know it", async (t) => {
  const args = ["--kernel", KERNEL, "--machine", "amd-iommu", "--seed", "3", "--runs", "1"];
  const { code, tap } = await explore(t, ...args, "--no-deviations");
  t.equal(code, 1);
  const [failure] = tap.cells.flatMap(failuresOf);
  const file = fileOf(failure?.diagnostics?.again);
  t.match(await replay(t, file), { code: 1, failures: [{ diagnostics: { verdict: "mismatch" } }] });
  t.match(await replay(t, file, "--kernel", "debian:7.3"), { code: 0, failures: [] }, "mended in 7.3");
});

t.test("where nothing diverges, it says how much was tried", async (t) => {
  const args = ["--kernel", KERNEL, "--machine", "intel-iommu", "--seed", "7", "--runs", "60"];
  const { code, tap, complaints } = await explore(t, ...args);
  t.equal(code, 0);
  t.same(complaints, []);
  t.same(tap.faults, []);
  t.match(
    tap.cells[0]?.points.at(-1)?.name,
    /^seed 7: 60 sequences, \d{4} steps, \d{4,5} answers compared; /,
  );
});

t.test("a file that isn't there, or is none of scenarios, is told in one line", async (t) => {
  const empty = join(await outDir(t), "empty.yaml");
  await Deno.writeTextFile(empty, "");
  for (
    const [file, message] of [["nowhere.yaml", /nowhere\.yaml: can't be read/], [
      empty,
      /empty\.yaml: is empty/,
    ]] as const
  ) {
    const { code, stderr } = await replay(t, file);
    t.equal(code, 2);
    t.match(stderr, message);
  }
});
