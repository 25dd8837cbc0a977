/** Questions, which change nothing. */
import type { WrittenStep } from "../sequence.ts";
import { inContainer, isNonsense, pickContainer, pickOpenGroup, type Situation } from "./situation.ts";

/** On both sides of the structures' ends: head, whole, each capability. [spec §6] */
const INFO_ARGSZ = [
  0n,
  15n,
  16n,
  19n,
  20n,
  23n,
  24n,
  56n,
  72n,
  84n,
  88n,
  100n,
  103n,
  104n,
  120n,
  4096n,
  0xffffffffn,
];

export function drawInfo(situation: Situation): WrittenStep {
  const { random } = situation;
  const container = pickContainer(situation);
  // The probe makes a buffer of that size.
  const argsz = random.oneOf(INFO_ARGSZ.slice(0, -1));
  return { info: random.chance(40) ? { ...inContainer(container), argsz } : container };
}

export function drawCheckExtension(situation: Situation): WrittenStep {
  const { random } = situation;
  const extension = random.weighted<bigint>([
    [3, 4n],
    [3, 10n],
    [1, random.between(0n, 12n)],
    [1, random.oneOf([99n, 0x7fffffffn])],
  ]);
  return { "check-extension": { ...inContainer(pickContainer(situation)), extension } };
}

export function drawGroupStatus(situation: Situation): WrittenStep {
  const { random } = situation;
  const group = pickOpenGroup(situation);
  const argsz = random.oneOf([0n, 4n, 7n, 8n, 9n, 0xffffffffn]);
  return { "group-status": isNonsense(situation) ? { group, argsz } : group };
}
