import t from "#tap";
import { resolve } from "node:path";

const INTERRUPTION = resolve(import.meta.dirname!, "../../harness/cli/interruption.ts");

/** Says when it is told to end, and never does. */
const SCRIPT = `
  import { Interruption } from "${INTERRUPTION}";
  const { signal } = new Interruption();
  signal.addEventListener("abort", () => console.log("told"));
  setInterval(() => {}, 60_000);
  console.log("ready");`;

t.test("Ctrl-C that comes twice at once ends in order; a later one ends at once", async (t) => {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", SCRIPT],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const said = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  t.equal((await said.read()).value, "ready\n");
  child.kill("SIGINT");
  t.equal((await said.read()).value, "told\n");
  const toldAtMs = performance.now();
  child.kill("SIGINT");
  const again = setInterval(() => child.kill("SIGINT"), 20);
  const { signal } = await child.status;
  clearInterval(again);
  await said.cancel();
  t.equal(signal, "SIGINT", "the handlers are gone in the end");
  t.ok(performance.now() - toldAtMs > 250, "the one that came at once did nothing");
});
