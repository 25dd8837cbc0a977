import t from "#tap";
import type { CellPlan } from "../../harness/check/cell_plan.ts";
import { rehearse } from "../../harness/check/rehearsal.ts";
import type { Scenario } from "../../harness/scenario/scenario.ts";
import { machineWith, version } from "../machine/machines.ts";
import { INTEL, scenarioOf } from "./target.ts";

const KEPT = 8;

/** Plans of as many worlds, with a count of how often the scenario was played in each. */
function worlds(count: number, scenario: Scenario) {
  const played = Array.from({ length: count }, () => 0);
  const plans = played.map((_, index): CellPlan => ({
    id: `cell ${index}`,
    kernelSpec: `debian:6.12.${index}`,
    kernelVersion: version(`6.12.${index}`),
    kernelOptions: new Set(),
    qemuSpec: "debian:10.0",
    qemuVersion: version("10.0"),
    machine: machineWith(INTEL),
    get scenarios() {
      played[index] = (played[index] ?? 0) + 1;
      return [scenario];
    },
    artifactsDir: "",
    limits: { bootTimeoutMs: 1, replyTimeoutMs: 1 },
    retries: 0,
    guestPlan: () => Promise.reject(new Error("no guest")),
    again: () => "again",
    replay: () => "",
    explore: () => "",
  }));
  return { plans, played };
}

const FINE = scenarioOf("steps: [attach: A]");
const times = (count: number, value: number): number[] => Array.from({ length: count }, () => value);

t.test("every world is played before the first guest, some are kept, the others played again in their turn", async (t) => {
  const { plans, played } = worlds(KEPT + 2, FINE);
  const told: string[] = [];
  const cells = rehearse(plans, (message) => void told.push(message));
  t.same(played, times(KEPT + 2, 1));
  t.same(told, ["playing the scenarios of 10 worlds on the model"]);
  t.same(cells.map((cell) => cell.prepare().plan.id), plans.map(({ id }) => id));
  t.same(played, [...times(KEPT, 1), 2, 2]);
  cells[0]?.prepare();
  t.equal(played[0], 2, "what was asked for isn't kept any longer");
});

t.test("few worlds aren't worth a word", async (t) => {
  const told: string[] = [];
  rehearse(worlds(KEPT, FINE).plans, (message) => void told.push(message));
  t.same(told, []);
});

t.test("worlds that differ in nothing but what makes no difference are played once", async (t) => {
  const { plans, played } = worlds(KEPT + 2, FINE);
  const [first, last] = [plans[0], plans[KEPT + 1]];
  if (!first || !last) throw new Error("too few plans");
  const { kernelSpec, kernelVersion } = first;
  Object.assign(last, { kernelSpec, kernelVersion, qemuSpec: "debian:11.1", qemuVersion: version("11.1") });
  rehearse(plans, () => {});
  t.same(played, [...times(KEPT + 1, 1), 0]);
});

t.test("a cell that is skipped stands for no other", async (t) => {
  const { plans, played } = worlds(KEPT + 1, FINE);
  const [first, last] = [plans[0], plans[KEPT]];
  if (!first || !last) throw new Error("too few plans");
  const { kernelSpec, kernelVersion } = first;
  Object.assign(first, { skip: "QEMU is too old" });
  Object.assign(last, { kernelSpec, kernelVersion });
  rehearse(plans, () => {});
  t.same([played[0], played[KEPT]], [0, 1]);
});

t.test("a scenario that is wrong in the last world only is told of at once", async (t) => {
  const { plans } = worlds(KEPT + 2, FINE);
  const wrong = scenarioOf("steps: [{ attach: A, expect: EINVAL }]");
  Object.defineProperty(plans.at(-1), "scenarios", { value: [wrong] });
  t.throws(() => rehearse(plans, () => {}), { name: "ConfigError" });
});
