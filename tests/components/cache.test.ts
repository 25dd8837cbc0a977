import t from "#tap";
import { join, resolve } from "node:path";
import {
  clearCache,
  ensureEntry,
  entryId,
  type EntryRequest,
  joinUsers,
  listEntries,
  readEntry,
} from "../../harness/components/cache.ts";
import { run } from "../../harness/components/command.ts";
import { FileLock } from "../../harness/components/file_lock.ts";
import { recall, remember } from "../../harness/components/resolutions.ts";

const program = resolve(import.meta.dirname!, "fill_entry.ts");
const config = resolve(import.meta.dirname!, "../deno.json");

/** Starts fill_entry.ts and reads its lines. */
function startFilling(cacheDir: string, label: string, hold: string) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", `--config=${config}`, program, cacheDir, label, hold],
    stdout: "piped",
  }).spawn();
  const lines = readLines(child.stdout);
  return { child, nextLine: async () => (await lines.next()).value };
}

async function* readLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string, undefined> {
  let rest = "";
  for await (const piece of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + piece).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  return undefined;
}

function contextOf(cacheDir: string) {
  const messages: string[] = [];
  return { cacheDir, messages, progress: (message: string) => void messages.push(message) };
}

function request(label: string, counter = { fills: 0 }): EntryRequest<string> {
  return {
    kind: "probe",
    label,
    inputs: { label },
    packages: [{ name: "hello", version: "1", sha256: "aa" }],
    async fill(directory) {
      counter.fills++;
      await Deno.writeTextFile(join(directory, "content"), label);
      return { data: label.toUpperCase(), required: ["content"] };
    },
  };
}

async function names(directory: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(directory), ({ name }) => name)).sort();
}

t.test("an entry is filled once and then found", async (t) => {
  const context = contextOf(t.testdir());
  const counter = { fills: 0 };
  const first = await ensureEntry(context, request("a", counter));
  const second = await ensureEntry(context, request("a", counter));
  t.equal(counter.fills, 1);
  t.equal(first.directory, second.directory);
  t.equal(second.component.data, "A");
  t.match(second.component.packages, [{ name: "hello" }]);
  t.same(second.component.required, { content: 1 });
  t.match((await listEntries(context.cacheDir)).map(({ id }) => id), [/^probe\/a-[0-9a-f]{12}$/]);
});

t.test("other inputs are another entry", async (t) => {
  t.not(entryId({ ...request("a"), inputs: 1 }), entryId({ ...request("a"), inputs: 2 }));
  t.match(entryId({ ...request("../b c"), inputs: 1 }), /^probe\/.._b_c-/, "a label is one folder name");
});

t.test("a failed fill leaves nothing and is told", async (t) => {
  const context = contextOf(t.testdir());
  const failing = { ...request("a"), fill: () => Promise.reject(new Error("no space")) };
  await t.rejects(ensureEntry(context, failing), { message: "no space" });
  t.same(await names(join(context.cacheDir, "tmp")), []);
  t.equal(await readEntry(context, entryId(failing)), "absent");
  t.equal((await ensureEntry(context, request("a"))).component.data, "A", "and can be filled later");
});

t.test("a broken entry is rebuilt, with a message", async (t) => {
  const damages: Record<string, (directory: string) => Promise<void>> = {
    "no component.json": (directory) => Deno.remove(join(directory, "component.json")),
    "component.json cut short": (directory) => Deno.truncate(join(directory, "component.json"), 20),
    "a file missing": (directory) => Deno.remove(join(directory, "content")),
    "a file cut short": (directory) => Deno.truncate(join(directory, "content"), 0),
    "a file of the same size": async (directory) => {
      const path = join(directory, "content");
      await Deno.writeTextFile(path, "b");
      // The fill may have been in this very second.
      await Deno.utime(path, new Date(0), new Date(Date.now() + 5_000));
    },
  };
  for (const [name, damage] of Object.entries(damages)) {
    const context = contextOf(t.testdir());
    const { directory } = await ensureEntry(context, request("a"));
    await damage(directory);
    t.equal((await ensureEntry(context, request("a"))).component.data, "A", name);
    t.equal(await Deno.readTextFile(join(directory, "content")), "a");
    t.match(context.messages, [/^probe\/a-.*: rebuilding, broken: /]);
  }
});

t.test("of an entry any of whose files could do harm, every file is watched", async (t) => {
  const context = contextOf(t.testdir());
  const whole: EntryRequest<null> = {
    ...request("a"),
    async fill(directory) {
      await Deno.mkdir(join(directory, "deep"));
      await Deno.writeTextFile(join(directory, "deep", "library"), "one");
      await Deno.symlink("/no/such/target", join(directory, "link"));
      return { data: null, required: "all" };
    },
  };
  const { directory, component } = await ensureEntry(context, whole);
  t.same(component.required, { "deep/library": 3 }, "links, which may lead anywhere, are no part of it");
  t.same(context.messages, []);
  await Deno.writeTextFile(join(directory, "deep", "library"), "more");
  await ensureEntry(context, whole);
  t.match(context.messages, [/rebuilding, broken: deep\/library has the wrong size$/]);
});

t.test("an entry that was copied or restored with its times is whole", async (t) => {
  const context = contextOf(t.testdir());
  const { directory } = await ensureEntry(context, request("a"));
  await run("cp", ["--archive", directory, `${directory}.copy`]);
  await Deno.remove(directory, { recursive: true });
  await Deno.rename(`${directory}.copy`, directory);
  await ensureEntry(context, request("a"));
  t.same(context.messages, []);
});

t.test("calls at the same time fill once", async (t) => {
  const context = contextOf(t.testdir());
  const counter = { fills: 0 };
  await Promise.all(Array.from({ length: 5 }, () => ensureEntry(context, request("a", counter))));
  t.equal(counter.fills, 1);
});

t.test("of two processes one fills, the other waits for it", async (t) => {
  const cacheDir = t.testdir();
  const first = startFilling(cacheDir, "a", "300");
  t.equal(await first.nextLine(), "filling");
  const second = startFilling(cacheDir, "a", "0");
  t.match(await second.nextLine(), /^waiting for another run/);
  const result = await first.nextLine();
  t.match(result, new RegExp(`^filled .* by ${first.child.pid}$`));
  t.equal(await second.nextLine(), result);
  await Promise.all([first.child.status, second.child.status]);
});

t.test("a process killed in the middle leaves nothing that is taken for whole", async (t) => {
  const cacheDir = t.testdir();
  const victim = startFilling(cacheDir, "a", "forever");
  t.equal(await victim.nextLine(), "filling");
  t.match(await names(join(cacheDir, "tmp")), [/^probe--a-/]);
  t.same(await listEntries(cacheDir), []);
  const waiting = startFilling(cacheDir, "a", "0");
  t.match(await waiting.nextLine(), /^waiting for another run/);

  victim.child.kill("SIGKILL");
  await victim.child.status;

  t.equal(await waiting.nextLine(), "filling", "the next one takes over at once");
  t.match(await waiting.nextLine(), new RegExp(`by ${waiting.child.pid}$`));
  await waiting.child.status;
  t.same(await names(join(cacheDir, "tmp")), []);
});

t.test("what a killed process left is removed by a run that wants something else", async (t) => {
  const context = contextOf(t.testdir());
  const victim = startFilling(context.cacheDir, "a", "forever");
  const living = startFilling(context.cacheDir, "b", "forever");
  t.equal(await victim.nextLine(), "filling");
  t.equal(await living.nextLine(), "filling");
  victim.child.kill("SIGKILL");
  await victim.child.status;
  await ensureEntry(context, request("c"));
  t.match(
    await names(join(context.cacheDir, "tmp")),
    [/^probe--b-/],
    "but not what a living process is filling",
  );
  living.child.kill("SIGKILL");
  await living.child.status;
});

t.test("a cache in use isn't cleared", async (t) => {
  const cacheDir = t.testdir();
  const user = startFilling(cacheDir, "a", "forever");
  t.equal(await user.nextLine(), "filling");
  await t.rejects(clearCache(cacheDir), { name: "CannotTestError", message: /in use by a run/ });
  user.child.kill("SIGKILL");
  await user.child.status;
  await clearCache(cacheDir);
  t.same(await names(cacheDir), ["locks"]);
});

t.test("a cache that is being cleared isn't used", async (t) => {
  const cacheDir = t.testdir();
  using _lock = await FileLock.tryAcquire(join(cacheDir, "locks", "in-use"));
  await t.rejects(joinUsers(cacheDir), { message: /being cleared/ });
});

t.test("what a spec meant is remembered, also under the canonical spec", async (t) => {
  const context = contextOf(t.testdir());
  const { directory } = await ensureEntry(context, request("a"));
  t.equal(await recall(context, "probe", "debian:6.12"), undefined);
  await remember(context, "probe", "debian:6.12", "debian:6.12.117", entryId(request("a")));
  for (const spec of ["debian:6.12", "debian:6.12.117"]) {
    t.match(await recall(context, "probe", spec), {
      spec: "debian:6.12.117",
      isFresh: true,
      entry: { directory },
    });
  }
  await Deno.remove(directory, { recursive: true });
  t.equal(await recall(context, "probe", "debian:6.12"), undefined, "not when the entry is gone");
});

t.test("after twelve hours a memory isn't fresh any more", async (t) => {
  const context = contextOf(t.testdir());
  await ensureEntry(context, request("a"));
  await remember(context, "probe", "s", "s", entryId(request("a")));
  const path = join(context.cacheDir, "resolutions/probe/s");
  const written = JSON.parse(await Deno.readTextFile(path)) as { resolved: string };
  const old = new Date(Date.parse(written.resolved) - 12.1 * 60 * 60 * 1000).toISOString();
  await Deno.writeTextFile(path, JSON.stringify({ ...written, resolved: old }));
  t.match(await recall(context, "probe", "s"), { isFresh: false, resolved: old });
});
