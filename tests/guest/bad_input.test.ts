// deadline: 300 s
/**
 * What a run can't use: each told in one line that names the thing and the mend, with the right exit code, nothing
 * left running and nothing half written.
 */
import t from "#tap";
import { join } from "node:path";
import { defaultCacheDir } from "../../harness/components/cache.ts";
import { readEvents } from "../../harness/report/events.ts";
import { cacheEnvironment, copyCache } from "./cache_copy.ts";
import { complaintsOf, run } from "./command.ts";
import { outDir } from "./out_dir.ts";
import { processesIn } from "./processes.ts";
import { type Change, copyProject } from "./project_copy.ts";
import { readTap } from "./tap_output.ts";

const SMOKE = "configs/scenarios/smoke/attach.yaml";
const MACHINES = "configs/machines/x86.yaml";

const FILES: readonly [name: string, change: Change, message: RegExp][] = [
  [
    "an unknown step",
    { file: SMOKE, replace: "  - walk: c0", by: "  - wank: c0" },
    /^iovacheck: configs\/scenarios\/smoke\/attach\.yaml:13:5: no step is called wank; there are attach, /,
  ],
  [
    "an unknown key",
    { file: SMOKE, replace: "    returns: { size: 64KiB }", by: "    return: { size: 64KiB }" },
    /^iovacheck: configs\/scenarios\/smoke\/attach\.yaml:12:13: a step does one thing; return is a second$/,
  ],
  [
    "a value of the wrong type",
    {
      file: SMOKE,
      replace: "  - unmap: { iova: 0x100000, size: 64KiB }\n    ret",
      by: "  - unmap: [3]\n    ret",
    },
    /^iovacheck: configs\/scenarios\/smoke\/attach\.yaml:11:12: steps\.3\.unmap: .*expected object/,
  ],
  [
    "broken YAML",
    { file: SMOKE, replace: "steps:\n  - attach: A\n    holes: []\n  - info: c0", by: "steps: [" },
    /^iovacheck: configs\/scenarios\/smoke\/attach\.yaml:\d+:\d+: \S/,
  ],
  [
    "an unknown kind of IOMMU",
    { file: MACHINES, replace: "kind: virtio", by: "kind: virtual" },
    /^iovacheck: configs\/machines\/x86\.yaml:\d+:\d+: .*iommu/,
  ],
];

for (const [name, change, message] of FILES) {
  t.test(`${name} in a file`, async (t) => {
    const dir = await outDir(t);
    const root = join(dir, "project");
    await copyProject(root, [change]);
    const outcome = await run(["--out", join(dir, "run"), "smoke"], { root });
    t.equal(outcome.code, 2, "exit code", outcome);
    t.match(complaintsOf(outcome), [message]);
    t.equal(complaintsOf(outcome).length, 1);
    t.equal(outcome.stdout, "");
    t.same([...Deno.readDirSync(dir)].map(({ name }) => name), ["project"]);
  });
}

t.test("an address that is none, which shows when a scenario meets a machine", async (t) => {
  const dir = await outDir(t);
  const root = join(dir, "project");
  const change = {
    file: SMOKE,
    replace: "- map: { iova: 0x100000, size: 64KiB }",
    by: "- map: { iova: 1 MiB, size: 1 }",
  };
  await copyProject(root, [change]);
  const outcome = await run(["--out", join(dir, "run"), "smoke"], { root });
  t.equal(outcome.code, 2, "exit code", outcome);
  t.match(complaintsOf(outcome), [
    /^iovacheck: configs\/scenarios\/smoke\/attach\.yaml:10:5: map: .*: 1 MiB is no address; write a sum such as /,
  ]);
  t.equal(outcome.stdout, "", "no run begins");
  t.same(await processesIn(dir), []);
});

t.test("a file of the configuration that is missing", async (t) => {
  const root = join(await outDir(t), "project");
  await copyProject(root, []);
  await Deno.remove(join(root, "configs/components.lock.yaml"));
  const outcome = await run(["smoke"], { root });
  t.equal(outcome.code, 2, "exit code", outcome);
  t.match(complaintsOf(outcome), [
    /^iovacheck: configs\/components\.lock\.yaml: can't be read \(No such file/,
  ]);
});

t.test("no network and nothing in the cache", async (t) => {
  const dir = await outDir(t);
  // Nobody listens there.
  const nobody = "http://[::1]:1";
  const env = { ...cacheEnvironment(join(dir, "cache")), http_proxy: nobody, https_proxy: nobody };
  const outcome = await run(["--out", join(dir, "run"), "smoke"], { env });
  t.equal(outcome.code, 3, "exit code", outcome);
  const message =
    /^iovacheck: package lists of Debian \w+ can't be fetched: Failed to fetch .*; check the network and apt's sources$/;
  t.match(complaintsOf(outcome), [message]);
  t.equal(complaintsOf(outcome).length, 1);
  t.equal(outcome.stdout, "");
  t.same([...Deno.readDirSync(dir)].map(({ name }) => name), ["cache"]);
});

t.test("a cache that can't be", async (t) => {
  const dir = await outDir(t);
  const file = join(dir, "file");
  await Deno.writeTextFile(file, "");
  const env = { ...cacheEnvironment(file) };
  const outcome = await run(["--out", join(dir, "run"), "smoke"], { env });
  t.equal(outcome.code, 3, "exit code", outcome);
  t.match(complaintsOf(outcome), [
    /^iovacheck: .*\/file\/iovacheck: can't be used as cache \(.*\); set XDG_CACHE_HOME to a folder that can be written$/,
  ]);
  t.same([...Deno.readDirSync(dir)].map(({ name }) => name), ["file"]);
});

t.test("a package that was altered on its way is refused", async (t) => {
  const dir = await outDir(t);
  await using server = Deno.serve(
    { hostname: "::1", port: 0, onListen: () => {} },
    () => new Response("This is no package."),
  );
  const proxy = `http://[::1]:${server.addr.port}`;
  const cache = join(dir, "cache");
  await copyCache(cache, ["apt", "resolutions", "entries/qemu"]);
  const isHttp = await copyLists(cache, proxy);
  if (!isHttp) return t.comment("this machine's mirrors are not asked by HTTP");
  const env = { ...cacheEnvironment(cache), http_proxy: proxy };
  const outcome = await run(["--out", join(dir, "run"), "smoke"], { env });
  t.equal(outcome.code, 3, "exit code", outcome);
  t.match(complaintsOf(outcome), [
    /^iovacheck: apt-get download .*(Hash Sum mismatch|unexpected size).*; a mirror or a proxy delivers /,
  ]);
  t.equal(complaintsOf(outcome).length, 1);
  t.same([...Deno.readDirSync(join(cache, "iovacheck/tmp"))], []);
  t.same([...Deno.readDirSync(dir)].map(({ name }) => name), ["cache"]);
});

/**
 * Gives a cache the user's verified package lists as if they had just been fetched, and a proxy to fetch by.
 * @returns whether the proxy is asked
 */
async function copyLists(cache: string, proxy: string): Promise<boolean> {
  let isHttp = true;
  for (const release of ["bookworm", "trixie"]) {
    const [from, to] = [defaultCacheDir(), join(cache, "iovacheck")].map((dir) => join(dir, "apt", release));
    await Deno.mkdir(to!, { recursive: true });
    const index = JSON.parse(await Deno.readTextFile(join(from!, "index.json"))) as object;
    await Deno.writeTextFile(
      join(to!, "index.json"),
      JSON.stringify({ ...index, refreshed: new Date().toISOString() }),
    );
    const settings = await Deno.readTextFile(join(from!, "apt.conf"));
    await Deno.writeTextFile(join(to!, "apt.conf"), `${settings}Acquire::http::Proxy "${proxy}";\n`);
    isHttp &&= /^deb \[.*\] http:/m.test(await Deno.readTextFile(join(from!, "etc/sources.list")));
  }
  return isHttp;
}

/** Runs iovacheck where /mnt is a disk of that size. */
async function runOnDisk(sizeKib: number, args: readonly string[], env: Record<string, string> = {}) {
  const script = `mount -t tmpfs -o size=${sizeKib}k none /mnt && "$@"; code=$?
    cat /mnt/run/events.jsonl >&3 2>&-; exit $code`;
  const main = join(import.meta.dirname!, "../../harness/main.ts");
  const { code, stdout, stderr } = await new Deno.Command("unshare", {
    args: [
      ...["--map-root-user", "--mount", "--", "sh", "-c", `exec 3>"$0"; ${script}`],
      ...[args[0]!, Deno.execPath(), "run", "--quiet", "--allow-all", main, "run", ...args.slice(1)],
    ],
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** With so much room the initramfs doesn't fit, the logs don't, the last of them doesn't. */
const DISKS_KIB = [16, 1668, 1700];

for (const sizeKib of DISKS_KIB) {
  t.test(`a disk of ${sizeKib} KiB for logs and events is full`, async (t) => {
    const dir = await outDir(t);
    const events = join(dir, "events");
    const outcome = await runOnDisk(sizeKib, [
      events,
      "--machine",
      "intel-iommu",
      "--out",
      "/mnt/run",
      "smoke",
    ]);
    t.equal(outcome.code, 3, "exit code", outcome);
    t.ok(complaintsOf(outcome).length <= 1);
    const said = /\/mnt\/run\/\S+(?::|') ?No space left on device|No space left on device .*'\/mnt\/run\//;
    t.match(outcome.stdout + outcome.stderr, said);
    t.match(
      outcome.stdout + outcome.stderr,
      /make room there, or use another place \(--out, XDG_CACHE_HOME\)/,
    );
    t.notMatch(outcome.stderr, /fault of iovacheck|^ +at /m);
    t.same(readTap(outcome.stdout).faults, []);
    t.ok(readEvents(await Deno.readTextFile(events), "events.jsonl").length > 0, "events that can be read");
    t.same(await processesIn("/mnt/run"), []);
  });
}

t.test("a disk without room for the cache", async (t) => {
  const dir = await outDir(t);
  const env = { ...cacheEnvironment("/mnt") };
  const outcome = await runOnDisk(500, [join(dir, "none"), "--out", join(dir, "run"), "smoke"], env);
  t.equal(outcome.code, 3, "exit code", outcome);
  t.match(complaintsOf(outcome), [
    /^iovacheck: \/mnt\/iovacheck: 0\.\d MB left, but the package lists of Debian \w+ need 50 MB; make room there, /,
  ]);
  t.equal(complaintsOf(outcome).length, 1);
});
