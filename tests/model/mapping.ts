/** Mappings by hand. */
import { PAGE_SIZE } from "../../harness/model/constants.ts";
import { MAIN_SPACE, type Mapping } from "../../harness/model/state.ts";

/** A mapping of the main process, as MAP makes it. */
export const mappingAt = (iova: bigint, size = PAGE_SIZE): Mapping => ({
  iova,
  size,
  lockedPages: size / PAGE_SIZE,
  space: MAIN_SPACE,
  madeBy: MAIN_SPACE,
  isInvalid: false,
  staleBits: 0n,
});
