import t from "#tap";
import { linearize, type Observed, takesTurns } from "../../../harness/explore/race/linearize.ts";
import type { Errno } from "../../../harness/model/answer.ts";
import { semanticsOf } from "../../../harness/model/semantics.ts";
import { initialState } from "../../../harness/model/state.ts";
import type { Action } from "../../../harness/scenario/action.ts";
import { openAction, setIommuAction, TYPE1_V2 } from "../../../harness/scenario/steps/container.ts";
import {
  groupOpenAction,
  setContainerAction,
  unsetContainerAction,
} from "../../../harness/scenario/steps/group.ts";
import { infoAction, readBackAction } from "../../../harness/scenario/steps/info.ts";
import { mapAction } from "../../../harness/scenario/steps/map.ts";
import { unmapAction } from "../../../harness/scenario/steps/unmap.ts";
import { version } from "../../machine/machines.ts";
import { group, INTEL, MSI, region, worldOf } from "../../model/worlds.ts";

const HOLE = region(0x40000000n, 0x40000fffn);
const INITIAL = initialState(
  semanticsOf(version("6.12.117"), new Set()),
  worldOf({ A: group(INTEL, [MSI]), B: group(INTEL, [HOLE, MSI]) }),
);

const answered = (action: Action, answer: Errno | Record<string, string> = {}): Observed => ({
  action,
  answer: typeof answer === "string" ? { errno: answer, values: {} } : { errno: null, values: answer },
});

/** Group A is in the container, and B open. */
const BEFORE: Observed[] = [
  openAction("c0"),
  groupOpenAction("A"),
  groupOpenAction("B"),
  setContainerAction("A", "c0"),
  setIommuAction("c0", TYPE1_V2),
].map((action) => answered(action));

const PAGE = 0x1000n;
const map = (iova = HOLE.start): Action => mapAction("c0", { iova, size: PAGE, flags: 3 });
const unmap = (iova = HOLE.start): Action => unmapAction("c0", { iova, size: PAGE, flags: 0 });
const ONE_PAGE = { size: "0x1000" };
const NOTHING = { size: "0x0" };
const attach = setContainerAction("B", "c0");
const detach = unsetContainerAction("B");

/** How a state reads that so many mappings are in. */
function stateWith(mappings: number, ranges: string): Observed {
  const values = {
    vmlck: `0x${mappings}`,
    "c0.pgsizes": "0x40201000",
    "c0.avail": String(65535 - mappings),
    "c0.ranges": ranges,
  };
  return answered(readBackAction, values);
}

const PLAIN = "0x0..0xfedfffff,0xfef00000..0x7fffffffff";
const HOLED = "0x0..0x3fffffff,0x40001000..0xfedfffff,0xfef00000..0x7fffffffff";

const explained = (first: Observed[], second: Observed[], ...after: Observed[]) =>
  linearize(INITIAL, { before: BEFORE, threads: [first, second], after });

t.test("two mappings of one page: either may be the first", async (t) => {
  const [won, lost] = [answered(map()), answered(map(), "EEXIST")];
  t.same(explained([won], [lost]), { order: "12" });
  t.same(explained([lost], [won]), { order: "21" });
});

t.test("one of the two must have been the first", async (t) => {
  t.match(explained([answered(map())], [answered(map())]), {
    unexplained: {
      farthest: "1",
      misfits: [{ place: "thread 2, call 1", predicted: "EEXIST", observed: "ok" }],
      fitNowhere: [],
    },
  });
  t.match(explained([answered(map(), "EEXIST")], [answered(map(), "EEXIST")]), {
    unexplained: {
      farthest: "",
      misfits: [{ place: "thread 1, call 1" }, { place: "thread 2, call 1" }],
      fitNowhere: [map().text, map().text],
    },
  });
});

t.test("one thread after the other is preferred to turns", async (t) => {
  const independent = [answered(map(0n)), answered(map(PAGE))];
  t.same(explained(independent, [answered(map(2n * PAGE)), answered(map(3n * PAGE))]), { order: "1122" });
  const later = [answered(unmap(0n), ONE_PAGE), answered(unmap(PAGE), ONE_PAGE)];
  t.same(explained(later, independent), { order: "2211" });
});

t.test("turns are found where only they explain", async (t) => {
  const first = [answered(map()), answered(unmap(), NOTHING), answered(map())];
  const second = [answered(unmap(), ONE_PAGE), answered(unmap(), ONE_PAGE)];
  const linearized = explained(first, second);
  t.same(linearized, { order: "12112" });
});

t.test("a thread's own order is kept", async (t) => {
  const backwards = [answered(unmap(), ONE_PAGE), answered(map())];
  t.match(explained(backwards, []), { unexplained: { farthest: "", fitNowhere: [unmap().text] } });
});

t.test("what is read back decides between orders that answer alike", async (t) => {
  const threads = [[answered(map()), answered(unmap(), ONE_PAGE)], [answered(map())]] as const;
  t.same(explained([...threads[0]], [...threads[1]], stateWith(1, PLAIN)), { order: "112" });
  t.match(explained([...threads[0]], [...threads[1]], stateWith(0, PLAIN)), {
    unexplained: { farthest: "112", misfits: [{ place: "after", text: "state" }], fitNowhere: [] },
  });
});

t.test("a group with a region and a mapping in it can't both be let in", async (t) => {
  const mapped = answered(map());
  t.same(explained([answered(attach, "EINVAL")], [mapped], stateWith(1, PLAIN)), { order: "21" });
  t.same(explained([answered(attach)], [answered(map(), "EINVAL")], stateWith(0, HOLED)), { order: "12" });
  t.match(explained([answered(attach)], [mapped], stateWith(1, HOLED)), {
    unexplained: { misfits: [{ place: "thread 2, call 1", predicted: "EINVAL" }] },
  });
  t.same(explained([answered(attach), answered(detach)], [mapped]), { order: "112" });
});

t.test("one GET_INFO doesn't mix the list of now with the budget of before", async (t) => {
  const info = infoAction("c0", 0x10000);
  const change = [answered(map(0n)), answered(attach)];
  const [plain, holed] = [PLAIN, HOLED];
  const asked = (avail: number, ranges: string): Observed => {
    const { answer } = info.apply(INITIAL_WITH_A());
    return answered(info, { ...answer.values, avail: String(avail), ranges });
  };
  t.same(explained(change, [asked(65535, plain)]), { order: "211" });
  t.same(explained(change, [asked(65534, plain)]), { order: "121" });
  t.same(explained(change, [asked(65534, holed)]), { order: "112" });
  t.match(explained(change, [asked(65535, holed)]), { unexplained: { fitNowhere: [info.text] } });
});

/** The state that BEFORE leads to. */
const INITIAL_WITH_A = () => BEFORE.reduce((state, { action }) => action.apply(state).state, INITIAL);

t.test("what went wrong before the race is no matter of order", async (t) => {
  const refused = BEFORE.with(-1, { ...BEFORE.at(-1)!, answer: { errno: "ENODEV", values: {} } });
  t.match(linearize(INITIAL, { before: refused, threads: [[answered(map())], []], after: [] }), {
    unexplained: {
      farthest: "",
      misfits: [{ place: "before", predicted: "ok", observed: "ENODEV" }],
      fitNowhere: [],
    },
  });
});

t.test("two threads of sixteen calls are no matter of all their orders", async (t) => {
  const calls = (page: bigint) =>
    Array.from({ length: 8 }, () => [answered(map(page)), answered(unmap(page), ONE_PAGE)]).flat();
  t.same(explained(calls(0n), calls(PAGE), stateWith(0, PLAIN)), {
    order: `${"1".repeat(16)}${"2".repeat(16)}`,
  });
  t.match(explained(calls(0n), calls(PAGE), stateWith(1, PLAIN)), {
    unexplained: { misfits: [{ place: "after" }] },
  });
});

t.test("threads take turns, or don't", async (t) => {
  t.same(["", "1", "12", "21", "1122", "2211"].map(takesTurns), Array(6).fill(false));
  t.same(["121", "212", "1221", "2112"].map(takesTurns), Array(4).fill(true));
});
