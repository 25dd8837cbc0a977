import t from "#tap";
import { join } from "node:path";
import { parseScenarios, type Scenario } from "../../../harness/scenario/scenario.ts";
import { prepare } from "../../../harness/check/preparation.ts";
import type { Target } from "../../../harness/check/assignment.ts";
import { shellOf, STICKY } from "./begun.ts";

async function entered(
  shell: { enter(line: string): Promise<void> },
  lines: readonly string[],
): Promise<void> {
  for (const line of lines) await shell.enter(line);
}

t.test("blank lines and comments do nothing", async (t) => {
  const { shell, printed } = await shellOf();
  await entered(shell, ["", "   ", "# attach A"]);
  t.same(printed, []);
});

t.test("exit alone is the shell's, with a process it is a step", async (t) => {
  const { shell, printed } = await shellOf();
  await entered(shell, ["fork p1", "exit p1"]);
  t.notOk(shell.isOver);
  t.ok(printed.includes("2  exit: p1"));
  await shell.enter(".exit");
  t.ok(shell.isOver);
});

t.test("why names the rule, in the specification's words", async (t) => {
  const { shell, printed } = await shellOf();
  await t.rejects(shell.enter("why"), { name: "UsageError" });
  await entered(shell, ["attach A", "map msi 4KiB"]);
  printed.length = 0;
  await shell.enter("why");
  t.equal(printed[0], "map c0 0xfee00000 size 0x1000 rw: EINVAL");
  t.match(printed[1], /^ {2}§4\.1 row 10: .*not inside one list range/);
  await entered(shell, ["restart", ...STICKY]);
  printed.length = 0;
  await shell.enter("why");
  t.match(printed.at(-1), /^known deviation sticky-edges: /);
});

t.test("state is what the models have, both where they differ", async (t) => {
  const { shell, printed } = await shellOf();
  await shell.enter("state");
  t.same(printed, ["main process: 0 locked pages", "nothing is open"]);
  await entered(shell, ["attach A", "map 0x2000 8KiB r"]);
  printed.length = 0;
  await shell.enter("state");
  t.same(printed, [
    "main process: 2 locked pages",
    "c0: groups A",
    "  list 0x0..0xfedfffff 0xfef00000..0x7fffffffff",
    "  1 mapping, room for 65534",
    "    0x2000..0x3fff r, private memory, 2 locked pages",
    "A: open, in c0",
  ]);
  await entered(shell, STICKY.slice(1));
  printed.length = 0;
  await shell.enter("state");
  t.ok(printed.includes("  list 0x1000..0xfedfffff 0xfef00000..0x7fffffffff"));
  t.ok(printed.includes("  list 0x0..0xfedfffff 0xfef00000..0x7fffffffff"));
});

t.test("groups are the machine's, with their devices and regions", async (t) => {
  const { shell, printed } = await shellOf();
  await shell.enter("groups");
  t.match(
    printed.join("\n"),
    /aperture 0x0\.\.0x7fffffffff.*\nA {6}0000:00:03\.0 .* 0xfee00000\.\.0xfeefffff:msi\n/s,
  );
});

t.test("a session that is saved is a scenario that plays the same", async (t) => {
  const file = join(t.testdir(), "My Finding.yaml");
  const { shell, printed, target, session } = await shellOf();
  await t.rejects(shell.enter(`save ${file}`), { message: "there is no step to save yet" });
  await entered(shell, [...STICKY, "map msi 4KiB", "fork p1", "in p1 info", `save ${file}`]);
  t.equal(printed.at(-1), `saved as scenario my-finding; \`deno task replay ${file}\` plays it again`);
  const text = await Deno.readTextFile(file);
  const scenario = read(text);
  t.equal(scenario.id, "shell/my-finding");
  t.same([...scenario.groups.keys()], ["A", "B"], "no group that no step names");
  t.match(scenario.found, { kernel: "debian:6.12.117", qemu: "debian:10.0.13", machine: "m" });
  t.same(
    scenario.steps.map(({ text }) => text),
    session.reports.map(({ text }) => text.replace("in p1: ", "")),
  );
  t.same(scenario.steps.at(-1)?.expect.in, "p1");
  t.match(text, /map: \{ iova: msi, size: 4KiB \} # EINVAL, §4\.1 row 10$/m);
  t.match(text, /^# Known deviation sticky-edges at step 4\.$/m);
  t.same(
    predictedOf(scenario, target),
    session.reports.flatMap(({ answers }) => answers.map(({ right }) => right)),
  );
  await shell.enter(`save ${file}`);
  t.equal(await Deno.readTextFile(file), text, "it may be saved once more");
});

function read(text: string): Scenario {
  const [scenario] = parseScenarios(text, "saved.yaml", "shell");
  if (!scenario) throw new Error("no scenario was saved");
  return scenario;
}

/** What is right for each step of a scenario, without what prepares it and what is looked at in the end. */
function predictedOf(scenario: Scenario, target: Target) {
  const prepared = prepare(scenario, target);
  if ("whyNot" in prepared) throw new Error(prepared.whyNot);
  const { actions } = prepared.prediction;
  return actions.filter(({ stepIndex }) => stepIndex !== undefined).map(({ right }) => right);
}

t.test("no other file is written over", async (t) => {
  const dir = t.testdir({ "mine.yaml": "precious" });
  const file = join(dir, "mine.yaml");
  const { shell } = await shellOf();
  await shell.enter("attach A");
  await t.rejects(shell.enter(`save ${file}`), { message: /is there already/ });
  await t.rejects(shell.enter("save"), { message: /name a file/ });
  await t.rejects(shell.enter("save x"), {
    message: "save x: a file of scenarios ends in .yaml; write x.yaml",
  });
  await t.rejects(shell.enter(`save ${join(dir, "no/such/x.yaml")}`), {
    message: /can't be written/,
  });
  t.equal(await Deno.readTextFile(file), "precious");
});

t.test("undo plays all but the last step, restart none", async (t) => {
  const { shell, session, printed } = await shellOf();
  await t.rejects(shell.enter("undo"), { message: "there is no step to undo" });
  await entered(shell, ["attach A", "map 0x1000 4KiB"]);
  printed.length = 0;
  await shell.enter("undo");
  t.same(printed, ["begun anew in the same guest", "1  attach: A: as predicted"]);
  await shell.enter("restart");
  t.same(session.steps, []);
});

t.test("a guest that is gone is told, and restart has another", async (t) => {
  const { shell, guest, printed } = await shellOf({
    lostAt: ["map c0 0x1000 size 0x1000 rw", "harness-fault"],
  });
  await entered(shell, ["attach A", "map 0x1000 4KiB"]);
  t.match(printed.at(-1), /^the guest is gone; `restart` boots another/);
  t.ok(shell.hasFailed);
  t.notOk(shell.hasDiffered, "by no fault of the kernel");
  await t.rejects(shell.enter("attach B"), { name: "NoGuestError" });
  await entered(shell, ["why", "state", "log", "groups"]);
  guest.conduct = {};
  await entered(shell, ["restart", "attach A"]);
  t.ok(printed.includes("begun anew in another guest"));
});

t.test("a scenario is played first, and its own words are kept when it is saved", async (t) => {
  const given = {
    scenario: "given",
    rule: "§2.2",
    tags: ["regression"],
    groups: { A: {}, Far: { reserved: ["0x1000..0x1fff reserved"], iommu: "far" } },
    iommus: { far: { aperture: "0x0..0xffffffff" } },
    steps: [{ attach: "A" }, { attach: "Far" }, "info"],
  };
  const { shell, session, printed, target } = await shellOf({}, given);
  t.equal(session.steps.length, 3);
  t.match(printed.join("\n"), /^2 {2}attach: Far$/m);
  t.ok(shell.names.groups.length === target.groups.length, "the machine's other groups have names, too");
  const file = join(t.testdir(), "saved.yaml");
  await entered(shell, ["map 0x5000 4KiB", `save ${file}`]);
  const scenario = read(await Deno.readTextFile(file));
  t.match(scenario, { rule: "§2.2", tags: ["regression"] });
  t.same([...scenario.groups.keys()], ["A", "Far"]);
  t.same([...scenario.iommus.keys()], ["far"]);
  t.equal(scenario.steps.length, 4);
});

t.test("a scenario that the machine can't play is refused", async (t) => {
  const given = { scenario: "given", rule: "§1", groups: { A: { is: "nobody" } }, steps: ["info"] };
  await t.rejects(shellOf({}, given), { name: "UsageError", message: "given: needs a device named nobody" });
});
