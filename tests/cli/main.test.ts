// deadline: 300 s
/** The command line as its users see it, as far as it gets without components and guests. */
import t from "#tap";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname ?? ".", "../..");

/** Runs iovacheck with the permissions to read and to say something, and no other. */
async function iovacheck(args: readonly string[], cwd = ROOT) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-prompt", "--config", join(ROOT, "deno.json")],
      ...["--allow-read", "--allow-env", "--allow-sys"],
      join(ROOT, "harness/main.ts"),
      ...args,
    ],
    cwd,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

const WRONG: readonly [args: string[], message: RegExp][] = [
  [["run", "--frobnicate"], /^error: unknown option '--frobnicate'/],
  [["run", "--jobs", "0"], /^error: .*write a whole number from 1 up/],
  [["run", "--jobs", "1e3"], /^error: .*write a whole number from 1 up/],
  [["run", "--out", ""], /^iovacheck: --out: is empty; name a folder/],
  [["run", "--filter", ""], /^iovacheck: --filter: is empty and fits everything/],
  [["run", "smkoe"], /^iovacheck: no suite, folder or scenario is called smkoe; did you mean smoke/],
  [["run", "--jobs", "many"], /^error: .*write a whole number from 1 up/],
  [["run", "--reply-timeout", "1.5"], /^error: .*write a whole number from 1 up/],
  [["run", "--accel", "hvf"], /^error: .*write auto, kvm or tcg/],
  [["run", "--machine", "intel"], /^iovacheck: no machine is called intel; there are \S.*, intel-iommu, /],
  [["run", "--matrix", "fll"], /^iovacheck: no matrix is called fll; there are default, full, pairwise/],
  [
    ["run", "--matrix", "full", "--qemu", "host"],
    /^iovacheck: --qemu host: matrix full doesn't have it, but debian:7\.2, /,
  ],
  [["run", "--retries", "-1"], /^error: .*write a whole number from 0 up/],
  [["run", "--retries", ""], /^error: .*write a whole number from 0 up/],
  [["run", "--suite", "smok"], /^iovacheck: no suite, folder or scenario is called smok; did you mean smoke/],
  [
    ["run", "--filter", "conflikt"],
    /^iovacheck: --filter conflikt: fits none of the \d+ .*did you mean conflict/,
  ],
  [["run", "smoke", "--filter", "sticky"], /^iovacheck: --filter sticky: fits none of the \d+ scenarios/],
  [
    ["run", "--list", "--tag", "no-such-tag"],
    /^iovacheck: --tag no-such-tag: none of the \d+ scenarios has it/,
  ],
  [["run", "--list", "--module", "no-such.ko"], /^iovacheck: --module no-such\.ko: /],
  [["run", "smok"], /^iovacheck: no suite, folder or scenario is called smok; did you mean smoke/],
  [["run", "--module", "no-such.ko"], /^iovacheck: --module no-such\.ko: /],
  [["scenarios", "seed/nothing-like-it-at-all"], /^iovacheck: no suite, folder or scenario is called /],
  [["frobnicate"], /^error: unknown command 'frobnicate'/],
  [["kernels", "foo"], /^error: .*'foo' is invalid.*write a series such as 6\.12/],
  [["machines", "too", "many"], /^error: too many arguments/],
];

for (const [args, message] of WRONG) {
  t.test(`${args.join(" ")}: exit code 2 and one line`, async (t) => {
    const { code, stdout, stderr } = await iovacheck(args);
    t.equal(code, 2);
    t.match(stderr, message);
    t.match(stderr, /^[^\n]+\n$/, "one line");
    t.equal(stdout, "");
  });
}

t.test("lists, from any folder", async (t) => {
  const machines = await iovacheck(["machines"], t.testdir());
  t.match(machines, { code: 0, stderr: "" });
  t.match(machines.stdout, /^MACHINE +ARCH +IOMMU +GROUPS +FILE\n/);
  t.match(
    machines.stdout,
    /^intel-iommu +amd64 +intel, 39 bits +lsi53c895a, lsi53c895a, edu, edu x2 +configs\//m,
  );
  const scenarios = await iovacheck(["scenarios", "smoke"]);
  t.match(scenarios, { code: 0, stderr: "" });
  t.match(
    scenarios.stdout,
    /^SCENARIO +RULE +TAGS +FILE\n(smoke\/\S+ +.*§.* configs\/scenarios\/smoke\/.*\n)+$/,
  );
});

t.test("rules, with what guards them", async (t) => {
  const { code, stdout, stderr } = await iovacheck(["scenarios", "--rules", "seed/argsz-of-map"]);
  t.equal(code, 1, "one scenario can't guard them all");
  t.match(stdout, /^RULE +SCENARIOS +ABOUT\n§1\.1 +none +Opening\n/);
  t.match(stdout, /^§4\.1 row 2 +1 +argsz < 32/m);
  t.match(stdout, /^§4\.1 row 3 +- +unreachable: \S/m);
  t.match(stderr, /^\d+ rules: 2 have scenarios, \d+ are unreachable, \d+ have none\n$/);
});

t.test("the version", async (t) => {
  t.match(await iovacheck(["--version"]), { code: 0, stdout: /^\d+\.\d+\.\d+\n$/, stderr: "" });
});

t.test("help is no error", async (t) => {
  const { code, stdout } = await iovacheck(["run", "--help"]);
  t.equal(code, 0);
  t.match(stdout, /^Usage: iovacheck run .*--reply-timeout <seconds>/s);
});
