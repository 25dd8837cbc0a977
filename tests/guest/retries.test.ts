// deadline: 300 s
/** Retries on real guests, with kernels that are at fault always or only at times; and what a list promises. */
import t from "#tap";
import { join } from "node:path";
import { readEvents } from "../../harness/report/events.ts";
import { run, runGuests } from "./command.ts";
import { buildMutant, type Edit } from "./mutant.ts";
import { outDir } from "./out_dir.ts";

const KERNEL = "debian:6.12";
const ON_ONE_MACHINE = ["--kernel", KERNEL, "--machine", "intel-iommu"];
const SCENARIO = "smoke/attach-map-unmap-detach";

async function runMutant(test: Parameters<typeof outDir>[0], name: string, edit: Edit, retries: number) {
  const module = await buildMutant(KERNEL, name, [edit]);
  const dir = join(await outDir(test), "run");
  const options = ["--module", module, "--retries", String(retries), "--out", dir];
  const outcome = await runGuests([...ON_ONE_MACHINE, ...options, SCENARIO]);
  const path = join(dir, "events.jsonl");
  const events = readEvents(await Deno.readTextFile(path), path);
  const attempts = events.flatMap((event) => event.type === "attempt-end" ? [event] : []);
  const point = outcome.tap.cells[0]?.points.find(({ name }) => name === SCENARIO);
  return { ...outcome, attempts, point, guests: events.filter(({ type }) => type === "guest-booted").length };
}

t.test("a fault that is always there stays one, however often it is tried", async (t) => {
  const edit = {
    in: "vfio_dma_do_unmap",
    replace: "mutex_lock(&iommu->lock);",
    by: "if (size == 0x10000) return -EIO; mutex_lock(&iommu->lock);",
  };
  const { code, stderr, tap, attempts, point, guests } = await runMutant(t, "always-wrong", edit, 2);
  t.equal(code, 1, "exit code", { stderr });
  t.same(tap.faults, []);
  t.match(point, { ok: false, diagnostics: { verdict: "mismatch", attempts: /^3: / } });
  t.same(attempts.map(({ attempt, verdict, guest }) => [attempt, verdict, guest]), [
    [1, "mismatch", 1],
    [2, "mismatch", 2],
    [3, "mismatch", 3],
  ]);
  t.equal(guests, 3);
  t.match(stderr, /logs and events/);
});

/**
 * The world check attaches each of the machine's four groups, on the first guest of a cell only: the scenario's
 * attach is the fifth there, and the first on every other guest.
 */
t.test("a fault that shows in a guest which was used before is flaky", async (t) => {
  const edit = {
    in: "vfio_iommu_type1_attach_group",
    replace: "mutex_lock(&iommu->lock);",
    by: `{ static int attached; if (++attached > 4) return -EXDEV; }
         mutex_lock(&iommu->lock);`,
  };
  const { code, stderr, tap, attempts, point } = await runMutant(t, "fifth-attach-fails", edit, 20);
  t.equal(code, 1, "exit code", { stderr });
  t.same(tap.faults, []);
  const diagnostics = {
    verdict: "flaky",
    attempts: "2: mismatch, match",
    step: /^1 attach/,
    observed: "EXDEV",
  };
  t.match(point, { ok: false, diagnostics });
  t.same(attempts.map(({ attempt, verdict, guest }) => [attempt, verdict, guest]), [
    [1, "mismatch", 1],
    [2, "match", 2],
  ]);
});

t.test("what is listed is what is played and what is skipped, in this order", async (t) => {
  const args = ["--kernel", KERNEL, "--machine", "virtio-iommu", "--machine", "intel-iommu"];
  const choice = [...args, "--suite", "smoke", "seed/*isolated-*"];
  const listed = await run([...choice, "--list"]);
  t.equal(listed.code, 0, "exit code", { stderr: listed.stderr });
  const { code, stderr, tap } = await runGuests([...choice, "--out", await outDir(t)]);
  t.equal(code, 0, "exit code", { stderr });
  const played = tap.cells.flatMap(({ name: cell, points }) =>
    points.slice(1).map(({ name, skip }) =>
      skip === undefined ? `run\t${cell}\t${name}\n` : `skip\t${cell}\t${name}\t${skip}\n`
    )
  );
  t.ok(played.some((line) => line.startsWith("run")) && played.some((line) => line.startsWith("skip")));
  t.equal(listed.stdout, played.join(""));
});
