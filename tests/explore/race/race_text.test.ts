import t from "#tap";
import type { Finding } from "../../../harness/explore/race/finding.ts";
import { findingText } from "../../../harness/explore/race/race_text.ts";
import { DEFAULT_DMA_ENTRY_LIMIT } from "../../../harness/model/state.ts";
import type { Action } from "../../../harness/scenario/action.ts";
import { setContainerAction } from "../../../harness/scenario/steps/group.ts";
import { readBackAction } from "../../../harness/scenario/steps/info.ts";
import { mapAction } from "../../../harness/scenario/steps/map.ts";

const map = mapAction("c0", { iova: 0x1000n, size: 0x1000n, flags: 3 });
const attach = setContainerAction("B", "c0");
const answered = (action: Action, errno: "EINVAL" | null = null) => ({
  action,
  answer: { errno, values: {} },
});

const FINDING: Finding = {
  race: {
    seed: 7,
    index: 12,
    regions: new Map([["B", [{ start: 0x1000n, last: 0x1fffn, kind: "reserved" }]], ["C", []]]),
    mappingLimit: 3,
    setup: [setContainerAction("A", "c0")],
    threads: [[attach], [map, map]],
  },
  verdict: "mismatch",
  reason: "no order of the calls explains the answers",
  history: {
    before: [answered(readBackAction), answered(setContainerAction("A", "c0"))],
    threads: [[answered(attach)], [answered(map), answered(map, "EINVAL")]],
    after: [answered(readBackAction)],
  },
  unexplained: {
    farthest: "1",
    misfits: [{
      place: "thread 2, call 1",
      text: map.text,
      predicted: "EINVAL",
      observed: "ok",
      rule: "§4.1 row 10",
    }],
    fitNowhere: [attach.text],
  },
  console: [],
};

t.test("both threads stand side by side, with what they were answered and why it can't be", async (t) => {
  t.equal(
    findingText(FINDING, { failures: 3, repetitions: 200 }),
    `no order of the calls explains the answers (race 12 of seed 7)
  regions   B 0x1000..0x1fff:reserved
  before    room for 3 mappings
            set-container A c0: ok
  thread 1                 | thread 2
  1 set-container B c0: ok | 1 map c0 0x1000 size 0x1000 rw: ok
                           | 2 map c0 0x1000 size 0x1000 rw: EINVAL
  but       with 1, which explains most
            thread 2, call 1 (map c0 0x1000 size 0x1000 rw): predicted EINVAL by §4.1 row 10, observed ok
            set-container B c0: its answer fits in no order
  odds      it fails 3 of 200 times
`,
  );
});

t.test("what was asked afterwards is shown where it is what doesn't fit", async (t) => {
  const misfits = [{ ...FINDING.unexplained!.misfits[0]!, place: "after" }];
  const text = findingText({ ...FINDING, unexplained: { ...FINDING.unexplained!, misfits } });
  t.match(text, "\n  after     state: ok\n");
  t.notMatch(findingText(FINDING), "state: ok");
});

t.test("a guest that was lost leaves no answers, but last words", async (t) => {
  const { race } = FINDING;
  const text = findingText({
    race: { ...race, mappingLimit: DEFAULT_DMA_ENTRY_LIMIT, setup: [], regions: new Map() },
    verdict: "crash",
    reason: "the kernel crashed",
    console: ["Oops", "more"],
  });
  t.equal(
    text,
    `the kernel crashed (race 12 of seed 7)
  thread 1             | thread 2
  1 set-container B c0 | 1 map c0 0x1000 size 0x1000 rw
                       | 2 map c0 0x1000 size 0x1000 rw
  kernel    Oops
            more
`,
  );
});
