/** Proof that every mapping is still there, since no call lists them. */
import type { State } from "../../model/state.ts";
import { PAGE_SIZE } from "../../model/constants.ts";
import { MAP_READ, MAP_WRITE } from "../../model/map.ts";
import { isHidden } from "../../model/mappings.ts";
import type { Action } from "../action.ts";
import { mapAction } from "./map.ts";

/**
 * Tries to map over the first and the last page of every mapping: as long as it is there, the kernel
 * refuses with EEXIST before it looks at budget and list. [spec §4.1 row 8]
 */
export function mappingsAlive(state: State): Action[] {
  return [...state.containers].flatMap(([key, { holders, type1 }]) => {
    if (!holders.includes(state.process) || !type1) return [];
    // One that the kernel can't see any more would be mapped anew by asking for it.
    const visible = type1.mappings.filter((mapping) => !isHidden(state.semantics, mapping));
    const pages = visible.flatMap(({ iova, size }) => [iova, iova + size - PAGE_SIZE]);
    return [...new Set(pages)].map((iova) => ({
      ...mapAction(key, { iova, size: PAGE_SIZE, flags: MAP_READ | MAP_WRITE }),
      changes: "nothing",
    }));
  });
}
