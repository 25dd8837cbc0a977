/** Changes to the backend of a container, and to the mappings in it. */
import type { MappingTree } from "./mapping_tree.ts";
import { withReplaced } from "./mapping_tree.ts";
import { entryOf, type Mapping, type State, type Type1, withEntry } from "./state.ts";

/** The container with another backend. */
export function withType1(state: State, key: string, type1: Type1): State {
  const container = entryOf(state.containers, key);
  return { ...state, containers: withEntry(state.containers, key, { ...container, type1 }) };
}

/** The backend with exactly these mappings, in whatever order they come. */
export const withMappings = (
  type1: Type1,
  mappings: readonly Mapping[],
  tree: MappingTree | undefined,
): Type1 => ({ ...type1, mappings: [...mappings].sort((a, b) => (a.iova < b.iova ? -1 : 1)), tree });

/** The backend with some mappings changed in what is no address. */
export function withMappingsReplaced(type1: Type1, changed: ReadonlyMap<Mapping, Mapping>): Type1 {
  const tree = [...changed].reduce((tree, [old, by]) => withReplaced(tree, old, by), type1.tree);
  return { ...type1, mappings: type1.mappings.map((mapping) => changed.get(mapping) ?? mapping), tree };
}
