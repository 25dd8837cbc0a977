/** Locked memory: what pinned pages cost an address space. [spec §8] */
import { isHidden } from "./mappings.ts";
import { MAIN_SPACE, type Mapping, type State } from "./state.ts";

const mappingsOf = (state: State): readonly Mapping[] =>
  [...state.containers.values()].flatMap(({ type1 }) => type1?.mappings ?? []);

const chargeOf = (mappings: readonly Mapping[], space: number): bigint =>
  mappings.filter((mapping) => mapping.space === space)
    .reduce((sum, mapping) => sum + mapping.lockedPages, 0n);

/** Locked memory of an address space, in pages; the main process's by default: the charge of every mapping, and what leaked. */
export const lockedPages = (state: State, space = MAIN_SPACE): bigint =>
  chargeOf(mappingsOf(state), space) + (state.leakedPages.get(space) ?? 0n);

/** Pages that all mappings together hold. */
export const pinnedPages = (state: State): bigint =>
  [...mappingsOf(state).map((mapping) => mapping.lockedPages), ...state.leakedPages.values()]
    .reduce((sum, pages) => sum + pages, 0n);

/** Mappings are gone; the pages of those that the kernel can't see any more stay pinned. [spec §12 R1a] */
export function leak(state: State, removed: readonly Mapping[]): State {
  const lost = removed.filter((mapping) => isHidden(state.semantics, mapping));
  if (lost.length === 0) return state;
  const leakedPages = new Map(state.leakedPages);
  for (const { space, lockedPages } of lost) {
    leakedPages.set(space, (leakedPages.get(space) ?? 0n) + lockedPages);
  }
  return { ...state, leakedPages };
}

/** Pages of the main process that stay pinned when everything is closed. */
export const leakedAtClose = (state: State): bigint =>
  leak(state, mappingsOf(state)).leakedPages.get(MAIN_SPACE) ?? 0n;
