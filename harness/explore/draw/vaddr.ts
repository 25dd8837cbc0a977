/** Memory that mappings are robbed of, and other memory that they are given. */
import { U64_MAX } from "../../model/range_list.ts";
import type { WrittenStep } from "../sequence.ts";
import { NOWHERE } from "./mapping.ts";
import { inContainer, isNonsense, nothingToDraw, pickBackend, type Situation } from "./situation.ts";
import { askew, placeToUnmap } from "./unmapping.ts";

/** Takes the vaddr of mappings away; all of them, or those of a range. */
export function drawTakeVaddr(situation: Situation): WrittenStep {
  const { random } = situation;
  const [key, type1] = pickBackend(situation);
  if (random.chance(20)) return { unmap: { ...inContainer(key), flags: 6n } };
  const { iova, size } = placeToUnmap(situation, type1);
  if (size > U64_MAX) nothingToDraw();
  return { unmap: { ...inContainer(key), iova, size, flags: 4n } };
}

/** Gives a mapping another vaddr, mostly one that lacks its own. */
export function drawGiveVaddr(situation: Situation): WrittenStep {
  const { random } = situation;
  const [key, { mappings }] = pickBackend(situation);
  const robbed = mappings.filter(({ isInvalid }) => isInvalid);
  const candidates = robbed.length > 0 && !random.chance(10) ? robbed : mappings;
  if (candidates.length === 0) nothingToDraw();
  const mapping = random.oneOf(candidates);
  const { iova, size } = isNonsense(situation) ? askew(random, mapping) : mapping;
  const vaddr = random.chance(20) ? { vaddr: random.oneOf(NOWHERE) } : {};
  return { map: { ...inContainer(key), iova, size, flags: 4n, ...vaddr } };
}
