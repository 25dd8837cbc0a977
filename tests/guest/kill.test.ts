// deadline: 600 s
/** A harness that is killed at any moment leaves no process, no folder and no broken cache. */
import t from "#tap";
import { join } from "node:path";
import { cacheEnvironment, copyCache } from "./cache_copy.ts";
import { run, startHarness } from "./command.ts";
import { outDir } from "./out_dir.ts";
import { leftAfter } from "./processes.ts";

/** Of each kind of run. */
const KILLS = 10;
const SEED = 20261122;
/** As long as a process may outlive its harness. */
const LIMIT_MS = 2_000;

/** Numbers from 0 up to 1, the same for the same seed. [mulberry32] */
function* randomNumbers(seed: number): Generator<number, never> {
  for (let state = seed;;) {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    yield ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}

const RUNS = [
  { what: "a run that builds what its guests need", keeps: false },
  { what: "a run that finds everything in the cache", keeps: true },
];

const random = randomNumbers(SEED);

for (const { what, keeps } of RUNS) {
  t.test(`${KILLS} kills from the start to the end of ${what}; seed ${SEED}`, async (t) => {
    const dir = await outDir(t);
    const [cache, temporary] = [join(dir, "cache"), join(dir, "tmp")];
    await copyCache(cache);
    await Deno.mkdir(temporary);
    const options = { env: { ...cacheEnvironment(cache), TMPDIR: temporary } };
    const argsFor = (out: string) => ["--machine", "intel-iommu", "--out", out, "smoke"];
    const undisturbed = async (out: string) => {
      const begin = performance.now();
      const { code, stderr } = await run(argsFor(join(dir, out)), options);
      t.equal(code, 0, out, { stderr });
      t.notMatch(stderr, /broken/);
      return performance.now() - begin;
    };

    if (keeps) await undisturbed("before the first");
    const wholeMs = await undisturbed("first");
    for (let kill = 0; kill < KILLS; kill++) {
      if (!keeps) await forgetBuilds(cache);
      const out = join(dir, `killed-${kill}`);
      await Deno.mkdir(out);
      const harness = startHarness(argsFor(out), options);
      const delayMs = wholeMs * (kill + random.next().value) / (KILLS + 1);
      // The one thing to wait for is time itself: the kill may come at any moment.
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      harness.kill("SIGKILL");
      await harness.outcome;
      const left = [...await leftAfter(out, LIMIT_MS), ...await leftAfter(cache, LIMIT_MS)];
      t.same(left, [], `killed after ${Math.round(delayMs)} of ${Math.round(wholeMs)} ms`);
    }
    t.same([...Deno.readDirSync(temporary)], [], "no temporary folder");
    await forgetBuilds(cache);
    await undisturbed("last");
    t.same([...Deno.readDirSync(join(cache, "iovacheck/tmp"))], [], "nothing half built");
  });
}

/** What is built has to be built again. */
async function forgetBuilds(cache: string): Promise<void> {
  for (const kind of ["probe", "module"]) {
    await Deno.remove(join(cache, "iovacheck/entries", kind), { recursive: true }).catch(ignoreMissing);
  }
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
