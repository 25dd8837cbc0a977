import t from "#tap";
import { stageOf } from "../../../harness/explore/race/explore_races.ts";
import { explain } from "../../../harness/explore/race/finding.ts";
import type { Race } from "../../../harness/explore/race/race.ts";
import { lastBegun, readScript, scriptOf } from "../../../harness/explore/race/race_script.ts";
import { DEFAULT_DMA_ENTRY_LIMIT } from "../../../harness/model/state.ts";
import { setIommuAction, TYPE1_V2 } from "../../../harness/scenario/steps/container.ts";
import { setContainerAction, unsetContainerAction } from "../../../harness/scenario/steps/group.ts";
import { mapAction } from "../../../harness/scenario/steps/map.ts";
import { INTEL, targetOf } from "../../check/target.ts";
import { machineWith } from "../../machine/machines.ts";

const target = targetOf();
const stage = stageOf({ machine: machineWith(INTEL), lackOfModules: "no headers" }, target);
const map = mapAction("c0", { iova: 0x40000000n, size: 0x1000n, flags: 3 });

const RACE: Race = {
  seed: 1,
  index: 2,
  regions: new Map(),
  mappingLimit: DEFAULT_DMA_ENTRY_LIMIT,
  setup: [setContainerAction("A", "c0"), setIommuAction("c0", TYPE1_V2)],
  threads: [[map, unsetContainerAction("B")], [map]],
};

const script = scriptOf(stage, RACE, { groupNumber: () => 7, device: () => "" }, 3);
const commands = script.map(({ command }) => command);

const BASELINE = 5n;
const MSI = "0xfee00000..0xfeefffff:msi";
const STATE = "c0.pgsizes=0x40201000";
const LIST = "c0.ranges=0x0..0xfedfffff,0xfef00000..0x7fffffffff";

/** Replies of a guest that does it right, as if thread 2 had been the first; but for those that are given. */
const repliesWith = (others: Readonly<Record<string, string>> = {}): string[] =>
  commands.map((command, index) => {
    const [word = ""] = command.split(" ");
    const mapped = index === commands.indexOf("state");
    return others[command] ?? others[word] ?? {
      regions: `ok regions=${MSI}`,
      state: mapped
        ? `ok vmlck=0x6 ${STATE} c0.avail=65534 ${LIST}`
        : `ok vmlck=0x5 ${STATE} c0.avail=65535 ${LIST}`,
      "group-status": command.endsWith("A") ? "ok flags=0x3" : "ok flags=0x1",
      "dirty-get": "err EINVAL",
      unmap: command === "unmap c0 0x40000000 0x1000" ? "ok size=0x1000" : "ok size=0x0",
      reset: "ok vmlck=0x5 taint=0x0",
    }[word] ?? (command === "race go" ? "ok 1.1=err%20EEXIST 1.2=err%20EINVAL 2.1=ok" : "ok");
  });

const judged = (others?: Readonly<Record<string, string>>) =>
  explain(target, stage, readScript(RACE, script, repliesWith(others), BASELINE), {
    lockedPages: BASELINE,
    taint: 0n,
  });

t.test("calls are made ready between what is done before and what is asked after", async (t) => {
  const first = commands.indexOf("race 1 map c0 0x40000000 0x1000 rw");
  t.same(commands.slice(first - 1, first + 5), [
    "set-iommu c0 3",
    "race 1 map c0 0x40000000 0x1000 rw",
    "race 1 unset-container B",
    "race 2 map c0 0x40000000 0x1000 rw",
    "race go",
    "state",
  ]);
  t.match(commands[0], "mark race 3");
  t.equal(commands.at(-1), "reset");
});

t.test("replies that are right have an order", async (t) => {
  t.equal(judged(), "211");
});

t.test("what threads can't have been answered is found", async (t) => {
  t.match(judged({ "race go": "ok 1.1=ok 1.2=err%20EINVAL 2.1=ok" }), {
    verdict: "mismatch",
    unexplained: { misfits: [{ predicted: "EEXIST", observed: "ok" }] },
  });
});

t.test("what stays locked or tainted is found, too", async (t) => {
  t.match(judged({ reset: "ok vmlck=0x6 taint=0x0" }), {
    reason: "when all was closed, 0x1 pages stayed locked",
  });
  t.match(judged({ reset: "ok vmlck=0x5 taint=0x200" }), {
    reason: "the kernel's taint went from 0x0 to 0x200",
  });
});

t.test("a kernel that refuses to open is told of, not the probe that is then at a loss", async (t) => {
  const refusal = { "group-open B 7": "err EBUSY", "race 1 unset-container B": "bad no open group B" };
  t.match(judged(refusal), {
    unexplained: { misfits: [{ place: "before", predicted: "ok", observed: "EBUSY" }], fitNowhere: [] },
  });
});

t.test("a probe that is at a loss for no reason of the kernel's is a fault of ours", async (t) => {
  t.throws(() => judged({ "race 2 map c0 0x40000000 0x1000 rw": "bad unknown command race" }), {
    name: "BadRequestError",
  });
  t.throws(() => judged({ "race go": "ok 1.1=ok 2.1=ok" }), { message: /no answer to unset-container B/ });
});

t.test("the log tells which race had begun", async (t) => {
  t.equal(lastBegun(["<6>[1.0] something", "<14>[2.1] race 0", "<14>[2.2] race 12", "<4>[3.0] else"]), 12);
  t.equal(lastBegun([]), 0);
});
