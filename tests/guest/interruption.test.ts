// deadline: 180 s
/** A run that is interrupted ends in good order, whatever it is doing. */
import t from "#tap";
import { join } from "node:path";
import { readEvents } from "../../harness/report/events.ts";
import { cacheEnvironment, copyCache } from "./cache_copy.ts";
import { type Running, startHarness } from "./command.ts";
import { outDir } from "./out_dir.ts";
import { processesIn } from "./processes.ts";
import { failuresOf, readTap } from "./tap_output.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const ARGS = ["--machine", "intel-iommu"];

for (const signal of SIGNALS) {
  t.test(`${signal} while package lists are fetched`, async (t) => {
    const dir = await outDir(t);
    // A proxy that never answers: apt is in the middle of it for as long as we like.
    using proxy = Deno.listen({ hostname: "::1", port: 0 });
    const { port } = proxy.addr as Deno.NetAddr;
    const cache = join(dir, "cache");
    const env = { ...cacheEnvironment(cache), http_proxy: `http://[::1]:${port}` };
    const running = startHarness([...ARGS, "--out", join(dir, "run")], { env });
    using _conn = await proxy.accept();
    running.kill(signal);
    const { code, stdout, stderr } = await running.outcome;
    t.equal(code, 130, "exit code", { stderr });
    t.match(stderr, /^(fetching the package lists of Debian \w+\n)+$/, "no complaint");
    t.equal(stdout, "");
    t.same(
      [...Deno.readDirSync(dir)].map(({ name }) => name),
      ["cache"],
      "no folder for a run that never was",
    );
    t.same(await processesIn(cache), []);
  });

  t.test(`${signal} while the probe is built`, async (t) => {
    const dir = await outDir(t);
    const cache = join(dir, "cache");
    await copyCache(cache);
    const out = join(dir, "run");
    const running = startHarness([...ARGS, "--out", out, "smoke"], { env: cacheEnvironment(cache) });
    await running.told("building the probe");
    running.kill(signal);
    await endsInOrder(t, running, out);
    t.same([...Deno.readDirSync(join(cache, "iovacheck/tmp"))], [], "nothing half built");
    t.same(await processesIn(cache), []);
  });

  t.test(`${signal} while a guest boots`, async (t) => {
    const out = await outDir(t);
    const running = startHarness([...ARGS, "--out", out, "smoke"]);
    await running.printed("    # kernel ");
    running.kill(signal);
    await endsInOrder(t, running, out);
  });

  t.test(`${signal} in the middle of the scenarios`, async (t) => {
    const out = await outDir(t);
    const running = startHarness([...ARGS, "--out", out]);
    await running.printed("    ok 1 - world");
    running.kill(signal);
    await endsInOrder(t, running, out);
  });
}

type Test = Pick<typeof t, "equal" | "same" | "match" | "notMatch">;

/** Exit code 130, TAP and events that are whole, and no guest. */
async function endsInOrder(test: Test, running: Running, out: string): Promise<void> {
  const { code, stdout, stderr } = await running.outcome;
  test.equal(code, 130, "exit code", { stderr });
  const tap = readTap(stdout);
  test.equal(tap.bailout, "interrupted");
  test.same(tap.faults, []);
  test.same(tap.cells.flatMap(failuresOf), []);
  const events = readEvents(await Deno.readTextFile(join(out, "events.jsonl")), "events.jsonl");
  test.match(events.at(-1), { type: "run-end", exitCode: 130, stopped: "interrupted" });
  test.notMatch(stderr, /fault of iovacheck|Error/);
  test.same(await processesIn(out), []);
}
