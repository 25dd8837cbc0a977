/** Parameters of the kernel's module, regions that turn up, failures that are due. */
import { rangeText } from "../../model/range_list.ts";
import { RESERVED_KINDS } from "../../model/reserved.ts";
import { entryOf } from "../../model/state.ts";
import { PAGE_SIZE } from "../../model/constants.ts";
import type { WrittenStep } from "../sequence.ts";
import type { Random } from "./random.ts";
import { everything } from "./regions.ts";
import { nothingToDraw, type Situation } from "./situation.ts";

/** How many mappings the containers may have that get their IOMMU from now on. */
export const drawBudget = (random: Random): WrittenStep => ({
  parameter: { "dma-entry-limit": random.oneOf([0n, 1n, 2n, 3n, 5n, 65535n, 0xffffffffn]) },
});

export function drawParameter({ random }: Situation): WrittenStep {
  switch (random.below(3)) {
    case 0:
      return { parameter: { "allow-unsafe-interrupts": random.chance(70) } };
    case 1:
      return { parameter: { "disable-hugepages": random.chance(50) } };
    default:
      return drawBudget(random);
  }
}

/** Of a hundred injections so many leave nothing for a list to be made of. */
const EVERYTHING_PERCENT = 5;

export function drawInject({ random, traits, state }: Situation): WrittenStep {
  if (!traits.mayInject) nothingToDraw();
  const group = random.oneOf(traits.groups);
  const reserved = random.chance(EVERYTHING_PERCENT)
    ? everything(entryOf(state.world, group), () => "direct")
    : [drawRegion(random, traits.meetingAddresses)];
  return { inject: { group, reserved } };
}

function drawRegion(random: Random, meetingAddresses: readonly bigint[]): string {
  const start = random.oneOf(meetingAddresses) + PAGE_SIZE * random.between(0n, 4n);
  const last = start + random.oneOf([0n, PAGE_SIZE - 1n, 16n * PAGE_SIZE - 1n]);
  return `${rangeText({ start, last })} ${random.oneOf(RESERVED_KINDS)}`;
}

export function drawFailCollection({ random, traits }: Situation): WrittenStep {
  if (!traits.mayInject) nothingToDraw();
  return { "fail-collection": random.weighted<bigint>([[4, 1n], [2, 2n], [1, 3n], [1, 0n]]) };
}
