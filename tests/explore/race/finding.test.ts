import t from "#tap";
import { explain } from "../../../harness/explore/race/finding.ts";
import { type Race, type Stage, worldOf } from "../../../harness/explore/race/race.ts";
import { DEFAULT_DMA_ENTRY_LIMIT, initialState } from "../../../harness/model/state.ts";
import { deviationsOf, semanticsOf } from "../../../harness/model/semantics.ts";
import { unmapAction } from "../../../harness/scenario/steps/unmap.ts";
import { openAction, setIommuAction, TYPE1_V2 } from "../../../harness/scenario/steps/container.ts";
import { groupOpenAction, setContainerAction } from "../../../harness/scenario/steps/group.ts";
import { targetOf } from "../../check/target.ts";

const target = targetOf();
const [group] = target.groups;
if (!group) throw new Error("the machine has a group");
const STAGE: Stage = { groups: new Map([["A", group]]), hasModule: true, mayEmpty: false };
const RACE: Race = {
  seed: 1,
  index: 0,
  regions: new Map(),
  mappingLimit: DEFAULT_DMA_ENTRY_LIMIT,
  setup: [],
  threads: [[], []],
};
const CONDITION = { lockedPages: 0n, taint: 0n };

/** What a kernel of this version answers, with the faults that it is known for. */
function asKnown() {
  const beyondTheEnd = { iova: 0xfffffffffffff000n, size: 0x2000n, flags: 0 };
  const actions = [
    openAction("c0"),
    groupOpenAction("A"),
    setContainerAction("A", "c0"),
    setIommuAction("c0", TYPE1_V2),
    unmapAction("c0", beyondTheEnd),
  ];
  let state = initialState(semanticsOf(target.version, deviationsOf(target.version)), worldOf(STAGE, RACE));
  return actions.map((action) => {
    const { answer, state: next } = action.apply(state);
    state = next;
    return { action, answer };
  });
}

t.test("what a version is known for explains answers, if that is wanted", async (t) => {
  const played = {
    race: RACE,
    history: { before: asKnown(), threads: [[], []] as const, after: [] },
    condition: CONDITION,
  };
  t.equal(explain(target, STAGE, played, CONDITION), "");
  t.match(explain({ ...target, deviations: new Set() }, STAGE, played, CONDITION), { verdict: "mismatch" });
});
