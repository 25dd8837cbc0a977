/** Walking the list: what is reported must be what is enforced. */
import { PAGE_SIZE } from "../../model/constants.ts";
import { MAP_READ, MAP_WRITE } from "../../model/map.ts";
import { openContainer } from "../../model/lifecycle.ts";
import { type Range, U64_MAX } from "../../model/range_list.ts";
import { CONTAINER } from "../schemas.ts";
import { type Actions, defineStep, type Scene } from "../step.ts";
import { mapAction } from "./map.ts";
import { unmapAction } from "./unmap.ts";

interface Attempt {
  readonly iova: bigint;
  readonly size: bigint;
}

const alignDown = (address: bigint): bigint => address - (address % PAGE_SIZE);
const alignUp = (address: bigint): bigint => alignDown(address + PAGE_SIZE - 1n);

/**
 * Maps on both sides of both ends of a range, and across each end. Attempts that can't be written as a page
 * inside the address space, or that would touch its very last page, are left out: that page has scenarios of
 * its own, since kernels before 6.18 lose a mapping there. [spec §12, program 3 gap-walk]
 */
function attempts({ start, last }: Range): Attempt[] {
  const first = alignUp(start);
  const beyond = alignDown(last + 1n);
  return [
    { iova: first, size: PAGE_SIZE },
    { iova: first - PAGE_SIZE, size: PAGE_SIZE },
    { iova: first - PAGE_SIZE, size: 2n * PAGE_SIZE },
    { iova: beyond - PAGE_SIZE, size: PAGE_SIZE },
    { iova: beyond, size: PAGE_SIZE },
    { iova: beyond - PAGE_SIZE, size: 2n * PAGE_SIZE },
  ].filter(({ iova, size }) => iova >= 0n && iova + size - 1n < U64_MAX);
}

function* walk(container: string, scene: Scene): Actions {
  const { type1 } = openContainer(scene.state(), container);
  if (!type1) throw new RangeError(`container ${container} has no IOMMU, and so no list to walk`);
  for (const range of type1.list) {
    for (const attempt of attempts(range)) {
      const { answer } = yield mapAction(container, { ...attempt, flags: MAP_READ | MAP_WRITE });
      if (answer.errno === null) yield unmapAction(container, { ...attempt, flags: 0 });
    }
  }
}

/** Answers vary from one attempt to the next: the step has no answer of its own to expect. */
export const walkStep = defineStep(CONTAINER, walk);
