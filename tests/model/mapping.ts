/** Mappings by hand. */
import { PAGE_SIZE } from "../../harness/model/constants.ts";
import { MAP_READ, MAP_WRITE } from "../../harness/model/map.ts";
import { MAIN_SPACE, type Mapping } from "../../harness/model/state.ts";

/** A mapping of the main process, as MAP makes it. */
export const mappingAt = (iova: bigint, size = PAGE_SIZE): Mapping => ({
  iova,
  size,
  access: MAP_READ | MAP_WRITE,
  memory: { kind: "private", space: MAIN_SPACE },
  lockedPages: size / PAGE_SIZE,
  space: MAIN_SPACE,
  madeBy: MAIN_SPACE,
  isInvalid: false,
  staleBits: 0n,
});
