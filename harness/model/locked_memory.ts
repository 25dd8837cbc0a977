/** Locked memory: what pinned pages cost an address space. [spec §8] */
import { isHidden } from "./mappings.ts";
import { MAIN_SPACE, type Mapping, type State } from "./state.ts";

const mappingsOf = (state: State): readonly Mapping[] =>
  [...state.containers.values()].flatMap(({ type1 }) => type1?.mappings ?? []);

/** Lists of mappings never change, so each is counted once: a long one is asked for after every step. */
const counted = new WeakMap<readonly Mapping[], ReadonlyMap<number, bigint>>();

/** Pages charged to each address space. */
function chargesOf(mappings: readonly Mapping[]): ReadonlyMap<number, bigint> {
  const known = counted.get(mappings);
  if (known) return known;
  const charges = new Map<number, bigint>();
  for (const { space, lockedPages } of mappings) {
    charges.set(space, (charges.get(space) ?? 0n) + lockedPages);
  }
  counted.set(mappings, charges);
  return charges;
}

const sum = (pages: Iterable<bigint>): bigint => [...pages].reduce((total, some) => total + some, 0n);

const allCharges = (state: State): ReadonlyMap<number, bigint>[] =>
  [...state.containers.values()].map(({ type1 }) => chargesOf(type1?.mappings ?? []));

/** Locked memory of an address space, in pages; the main process's by default: the charge of every mapping, and what leaked. */
export const lockedPages = (state: State, space = MAIN_SPACE): bigint =>
  sum([...allCharges(state), state.leakedPages].map((charges) => charges.get(space) ?? 0n));

/** Pages that all mappings together hold. */
export const pinnedPages = (state: State): bigint =>
  sum([...allCharges(state), state.leakedPages].flatMap((charges) => [...charges.values()]));

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
