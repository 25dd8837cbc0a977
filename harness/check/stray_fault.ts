/** Faults of devices in the kernel's log, against what devices were refused. [spec §20] */
import { deviceFaults } from "../guest/device_faults.ts";
import type { Answer, RuleText } from "../model/answer.ts";
import { PAGE_SIZE } from "../model/constants.ts";
import { hex, overlaps, type Range, type RangeList, rangeListText, without } from "../model/range_list.ts";
import type { Scenario } from "../scenario/scenario.ts";
import { stepAt } from "./mark.ts";
import type { Difference } from "./observation.ts";
import type { Prediction } from "./prediction.ts";

/** A fault at an address that no device was refused. */
export interface StrayFault {
  /** The step in or after which the kernel told of it. */
  readonly stepIndex: number;
  readonly actionText: string;
  readonly difference: Difference;
  readonly rule: RuleText;
  readonly console: readonly string[];
}

/**
 * The first fault in the log at an address that no device had been refused by then. Kernels don't tell of every fault,
 * and may be late: that none is told is never wrong, and each step may tell of those before it.
 *
 * @param observed answers to the prediction's actions, which were as predicted
 * @param log lines of /dev/kmsg since the scenario began
 */
export function strayFault(
  scenario: Pick<Scenario, "id" | "steps">,
  { actions }: Pick<Prediction, "actions">,
  observed: readonly Answer[],
  log: readonly string[],
): StrayFault | undefined {
  const accesses = actions.flatMap(({ action: { accesses }, stepIndex = -1 }, index) =>
    accesses ? [{ stepIndex, refused: unarrived(accesses, observed[index]) }] : []
  );
  if (accesses.length === 0) return undefined;
  for (const { line, address } of deviceFaults(log)) {
    const stepIndex = stepAt(scenario, log.slice(0, line));
    const before = accesses.filter((access) => access.stepIndex <= stepIndex);
    const refused = before.flatMap(({ refused }) => refused);
    const page = pageOf(address);
    // Before any access there can be what was left behind by another scenario.
    if (before.length === 0 || refused.some((range) => overlaps(range, page))) continue;
    return {
      stepIndex,
      actionText: "the kernel's log tells",
      difference: {
        predicted: `faults at ${rangeListText(refused)}`,
        observed: `a fault at ${hex(address)}`,
      },
      rule: "§20",
      console: [log[line] ?? ""],
    };
  }
  return undefined;
}

/** What nobody has seen arrive of what a device was made to access, by `landed`, `p1.landed`, `seen`. */
function unarrived(accesses: RangeList, answer: Answer | undefined): RangeList {
  const arrived = Object.entries(answer?.values ?? {})
    .filter(([key]) => /^(\w+\.)?(landed|seen)$/.test(key))
    .flatMap(([, text = "-"]) => rangesIn(text));
  return arrived.reduce(without, accesses);
}

/** As `rangeListText` writes them. */
const rangesIn = (text: string): RangeList =>
  [...text.matchAll(/(0x[0-9a-f]+)\.\.(0x[0-9a-f]+)/g)].map(([, start = "", last = ""]) => ({
    start: BigInt(start),
    last: BigInt(last),
  }));

const pageOf = (address: bigint): Range => {
  const start = address - address % PAGE_SIZE;
  return { start, last: start + PAGE_SIZE - 1n };
};
