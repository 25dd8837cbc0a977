// deadline: 120 s
/** The benchmark measures what it says, on a real guest. How fast that is, no test can know. */
import t from "#tap";
import { join } from "node:path";
import type { BenchResult } from "../../harness/bench/bench.ts";
import { runTask } from "./command.ts";
import { outDir } from "./out_dir.ts";
import { leftAfter } from "./processes.ts";

const STEPS = 250;
const SEQUENCES = 3;

const dir = await outDir(t);
const json = join(dir, "bench.json");
const small = [
  "--repeat",
  "2",
  "--steps",
  String(STEPS),
  "--round-trips",
  "3",
  "--seed",
  "7",
  "--sequences",
  String(SEQUENCES),
];
const { code, stdout, stderr } = await runTask("bench", [
  ...small,
  "--out",
  join(dir, "run"),
  "--json",
  json,
]);

t.test("the table has every measurement", async (t) => {
  t.equal(code, 0, "exit code", { stderr });
  t.match(stdout, /^debian:\S+ debian:\S+ intel-iommu, accelerator (tcg|kvm), seed 7\n/);
  for (
    const name of [
      "boot",
      "round trip",
      "compared steps",
      "compared answers",
      "random steps",
      "random sequences",
    ]
  ) {
    t.match(stdout, new RegExp(`^${name} +[1-9]\\d* +\\d+ +\\d+  (ms|µs|per second)$`, "m"));
  }
});

t.test("the file has every repetition, and every step was answered and read back", async (t) => {
  const { bootMs, roundTripMs, throughput, exploring } = JSON.parse(
    await Deno.readTextFile(json),
  ) as BenchResult;
  for (const values of [bootMs, roundTripMs]) t.match(values, [Number, Number]);
  t.match(throughput, Array(2).fill({ steps: STEPS, actions: 2 * STEPS }));
  t.match(exploring, Array(2).fill({ sequences: SEQUENCES }));
  const [first, second] = exploring;
  t.not(first?.steps, second?.steps, "the second repetition has other sequences");
  for (const { steps, durationMs, generateMs, waitMs } of exploring) {
    t.ok(steps >= SEQUENCES * 50 && steps <= SEQUENCES * 100, `${steps} steps`);
    t.ok(generateMs > 0 && waitMs > 0 && generateMs + waitMs < durationMs, "where the time went");
  }
});

t.test("the guest was asked for all of it", async (t) => {
  const [cell] = await Array.fromAsync(Deno.readDir(join(dir, "run")));
  const log = await Deno.readTextFile(join(dir, "run", cell?.name ?? "", "guest-2", "probe.log"));
  const count = (request: RegExp) => log.match(request)?.length ?? 0;
  const [maps, unmaps] = [count(/^> \d+ map c0 /gm), count(/^> \d+ unmap c0 /gm)];
  t.equal(maps + unmaps, 2 * STEPS);
  t.ok(unmaps > 0);
  t.equal(count(/^< \d+ err /gm), 0, "nothing was refused");
  t.equal(count(/^> \d+ check-extension c0 1$/gm), 2 * 3);
  const explored = await Deno.readTextFile(
    join(dir, "run", cell?.name ?? "", "exploring", "guest-1", "probe.log"),
  );
  t.equal(explored.match(/^> \d+ say explore\/sequence-[78]-\d+$/gm)?.length, 2 * SEQUENCES);
});

t.test("nothing is left running", async (t) => {
  t.same(await leftAfter(dir, 0), []);
});
