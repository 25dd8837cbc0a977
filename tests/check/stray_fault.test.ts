import t from "#tap";
import { execute, type Execution } from "../../harness/check/execution.ts";
import { replyText, StandIn } from "./stand_in.ts";
import { INTEL, prepared, scenarioOf, targetOf } from "./target.ts";

const PLAYED = prepared(
  scenarioOf(
    "groups: { A: { device: lsi53c895a } }",
    "steps:",
    "- attach: A",
    "- engine: { group: A, at: 0x10000 }",
    "- map: { iova: 0x40000, size: 8KiB }",
    "- dma: { group: A, write: 0x41ff0, size: 32 }",
    "- dma: { group: A, read: 0x80000, size: 16 }",
  ),
  targetOf(INTEL, "6.12.117", "[{ slot: 3, device: lsi53c895a }]"),
);
const RESET = "ok vmlck=0x0 taint=0x0";
const BEFORE = { lockedPages: 0n, taint: 0n };

const markOf = (step: number): string => `<14>[1.${step}] ${PLAYED.scenario.id} step ${step} dma: {...}`;
const faultAt = (address: string): string =>
  `<3>[1.9] DMAR: [DMA Write NO_PASID] Request device [00:03.0] fault addr ${address} [fault reason 0x05] PTE Write access is not set`;

/** Everything is answered as predicted, and this is in the log. */
function judged(log: readonly string[]): Promise<Execution> {
  const { scenario, prediction } = PLAYED;
  const replies = prediction.actions.map(({ right }) => replyText(right));
  const guest = new StandIn({ replies, reset: RESET, log });
  return execute(guest, scenario, prediction, { groupNumber: () => 5, device: () => "" }, BEFORE);
}

t.test("faults at what was refused, soon or late, and none at all, are fine", async (t) => {
  t.match(await judged([]), { verdict: "match" });
  t.match(await judged([markOf(4), faultAt("0x42000")]), { verdict: "match" });
  t.match(await judged([markOf(4), markOf(5), faultAt("0x42000"), faultAt("0x80000")]), { verdict: "match" });
});

t.test("what was left behind before any access is nobody's", async (t) => {
  t.match(await judged([faultAt("0x900000"), markOf(1), faultAt("0x900000")]), { verdict: "match" });
});

for (
  const [name, log] of Object.entries({
    "what arrived": [markOf(4), faultAt("0x41000")],
    "what nobody asked for": [markOf(4), faultAt("0x42000"), faultAt("0x43000")],
    "what is only refused later": [markOf(4), faultAt("0x80000"), markOf(5)],
  })
) {
  t.test(`a fault at ${name} is a mismatch`, async (t) => {
    t.match(await judged(log), {
      verdict: "mismatch",
      stepIndex: 3,
      actionText: "the kernel's log tells",
      difference: { observed: /^a fault at 0x(41|43|80)000$/ },
      console: [/fault addr 0x/],
    });
  });
}
