/** Changes to the backend of a container, and to the mappings in it. */
import { type TreeHistory, withReplacement } from "./mapping_tree.ts";
import { firstWhere } from "./mappings.ts";
import { entryOf, type Mapping, type State, type Type1, withEntry } from "./state.ts";

/** The container with another backend. */
export function withType1(state: State, key: string, type1: Type1): State {
  const container = entryOf(state.containers, key);
  return { ...state, containers: withEntry(state.containers, key, { ...container, type1 }) };
}

/** The backend with one mapping more, in its place. */
export function withMappingAdded(type1: Type1, mapping: Mapping, tree: TreeHistory | undefined): Type1 {
  const place = firstWhere(type1.mappings, ({ iova }) => iova > mapping.iova);
  return { ...type1, mappings: type1.mappings.toSpliced(place, 0, mapping), tree };
}

/** The backend with some mappings changed in what is no address. */
export function withMappingsReplaced(type1: Type1, changed: ReadonlyMap<Mapping, Mapping>): Type1 {
  const tree = type1.tree &&
    [...changed].reduce((tree, [old, by]) => withReplacement(tree, old, by), type1.tree);
  return { ...type1, mappings: type1.mappings.map((mapping) => changed.get(mapping) ?? mapping), tree };
}
