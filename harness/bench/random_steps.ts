/** Random MAPs and UNMAPs that a kernel has no reason to refuse. */
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { uniformBigInt } from "pure-rand/distribution/uniformBigInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { PAGE_SIZE } from "../model/constants.ts";
import { MAP_READ, MAP_WRITE } from "../model/map.ts";
import type { RangeList } from "../model/range_list.ts";
import type { Action } from "../scenario/action.ts";
import { mapAction } from "../scenario/steps/map.ts";
import { unmapAction } from "../scenario/steps/unmap.ts";

/** Addresses come in slots of this many pages, one mapping in each, so that none overlaps another. */
const SLOT_PAGES = 16;
const SLOT_BYTES = BigInt(SLOT_PAGES) * PAGE_SIZE;

/** Of ten steps so many map, as long as there is something to unmap and room for more. */
const MAPS_OF_TEN = 6;

interface LiveMapping {
  readonly slot: bigint;
  readonly iova: bigint;
  readonly size: bigint;
}

/**
 * Steps without end. A mapping has 1 to 16 pages anywhere in the list; what is unmapped is one of those that
 * are there. The same seed gives the same steps.
 *
 * @param mappingsMost how many mappings there may be at a time
 */
export function* randomSteps(
  seed: number,
  container: string,
  list: RangeList,
  mappingsMost: number,
): Generator<Action, never> {
  const random = xoroshiro128plus(seed);
  const pick = (count: number): number => uniformInt(random, 0, count - 1);
  const slots = wholeSlots(list);
  const taken = new Set<bigint>();
  const live: LiveMapping[] = [];
  for (;;) {
    const mayMap = live.length < mappingsMost;
    if (live.length === 0 || (mayMap && pick(10) < MAPS_OF_TEN)) {
      const { first, last } = slots[pick(slots.length)]!;
      const slot = uniformBigInt(random, first, last);
      if (taken.has(slot)) continue;
      const page = pick(SLOT_PAGES);
      const size = BigInt(1 + pick(SLOT_PAGES - page)) * PAGE_SIZE;
      const iova = slot * SLOT_BYTES + BigInt(page) * PAGE_SIZE;
      taken.add(slot);
      live.push({ slot, iova, size });
      yield mapAction(container, { iova, size, flags: MAP_READ | MAP_WRITE });
    } else {
      const [{ slot, iova, size }] = live.splice(pick(live.length), 1) as [LiveMapping];
      taken.delete(slot);
      yield unmapAction(container, { iova, size, flags: 0 });
    }
  }
}

/** Numbers of the slots that lie in the list as a whole, range by range. */
function wholeSlots(list: RangeList): { first: bigint; last: bigint }[] {
  const slots = list.map(({ start, last }) => ({
    first: (start + SLOT_BYTES - 1n) / SLOT_BYTES,
    last: (last + 1n) / SLOT_BYTES - 1n,
  })).filter(({ first, last }) => first <= last);
  if (slots.length === 0) throw new RangeError("the list has no room for a mapping");
  return slots;
}
