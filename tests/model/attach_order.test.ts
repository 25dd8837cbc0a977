import t from "#tap";
import fc from "fast-check";
import { rangeListText } from "../../harness/model/range_list.ts";
import { always, refuted } from "./always.ts";
import { faultyState } from "./random_run.ts";
import { execute, type Step } from "./random_steps.ts";
import { ANY_WORLD, GROUPS, type RandomWorld, worldArb } from "./random_worlds.ts";
import type { State } from "../../harness/model/state.ts";

/** The list after these joins and leaves, and whether all of them succeeded. */
function listAfter(start: State, { base }: RandomWorld, steps: readonly Step[]): string {
  let state: State = { ...start, allowUnsafeInterrupts: true };
  for (const step of steps) {
    const outcome = execute(state, step, base);
    if (!outcome || outcome.answer.errno !== null) return "refused";
    state = outcome.state;
  }
  return rangeListText(state.containers.get("c")?.type1?.list ?? []);
}

const join = (group: string): Step[] => [
  { do: "group-open", group },
  { do: "set-container", group, container: "c" },
];
const leave = (group: string): Step => ({ do: "unset-container", group });

/** SET_IOMMU with the first group, or with all of them at once. */
const joinAll = (groups: readonly string[], atOnce: boolean): Step[] => {
  const [first = "g0", ...others] = groups;
  const set: Step = { do: "set-iommu", container: "c", type: 3n };
  const late = others.flatMap(join);
  return [{ do: "open", container: "c" }, ...join(first), ...(atOnce ? [...late, set] : [set, ...late])];
};

const orders = fc.record({
  world: worldArb(ANY_WORLD),
  first: fc.shuffledSubarray([...GROUPS], { minLength: 4 }),
  second: fc.shuffledSubarray([...GROUPS], { minLength: 4 }),
  atOnce: fc.boolean(),
  stay: fc.integer({ min: 1, max: 3 }),
});

t.test("the order in which groups are attached doesn't matter for the list", async (t) => {
  always(
    t,
    fc.property(orders, ({ world, first, second, atOnce }) => {
      const start = faultyState("6.12.117", world);
      return listAfter(start, world, joinAll(first, atOnce)) ===
        listAfter(start, world, joinAll(second, false));
    }),
    { numRuns: 1000 },
  );
});

/** Attaching all and detaching some is as attaching the others alone. */
const leavesNoTrace = (start: (world: RandomWorld) => State) =>
  fc.property(orders, ({ world, first, second, stay }) => {
    const all = joinAll(first, false);
    fc.pre(listAfter(start(world), world, all) !== "refused");
    const [stayers, leavers] = [second.slice(0, stay), second.slice(stay)];
    return listAfter(start(world), world, [...all, ...leavers.map(leave)]) ===
      listAfter(start(world), world, joinAll(stayers, false));
  });

t.test("a group that left leaves no trace in the list", async (t) => {
  always(t, leavesNoTrace((world) => faultyState("6.12.117", world)), { numRuns: 1000 });
  refuted(t, "sticky edges", leavesNoTrace((world) => faultyState("6.12.117", world, "sticky-edges")), {
    numRuns: 20_000,
    endOnFailure: true,
  });
});
