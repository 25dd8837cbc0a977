/**
 * The kernel's red-black tree of mappings. Its shape matters for kernels that compute a wrong end for a mapping up
 * to 2^64: which mappings a search then misses depends on where in the tree that one sits; and for those that
 * search anew for each mapping to unmap, and give up at one that they may not cut.
 * [spec §4.3, §5.2, §12 R1a, R1c; kernel: vfio_find_dma, vfio_find_dma_first_node, vfio_link_dma]
 */
import { type Range, U64_MAX } from "./range_list.ts";
import { type MappingTree, TreeEditor } from "./red_black_tree.ts";
import type { Mapping } from "./state.ts";

/** The address behind the mapping as these kernels compute it: 0 for one that ends at 2^64. */
const exclusiveEnd = ({ iova, size }: Mapping): bigint => BigInt.asUintN(64, iova + size);

/** The same address as it should be. */
export const trueEnd = ({ iova, size }: Mapping): bigint => iova + size;

/**
 * Some mapping that overlaps the range, as far as the search gets to see one; of several the one nearest to the
 * root.
 *
 * @param endOf how the kernel computes where a mapping ends
 */
export function findMapping(
  tree: MappingTree | undefined,
  { start, last }: Range,
  endOf = exclusiveEnd,
): Mapping | undefined {
  let node = tree;
  while (node) {
    if (last < node.mapping.iova) node = node.left;
    else if (start >= endOf(node.mapping)) node = node.right;
    else return node.mapping;
  }
  return undefined;
}

/** From the mapping that a search takes for the first behind `start`, all that follow in the tree's order. */
export function mappingsFrom(tree: MappingTree | undefined, start: bigint): readonly Mapping[] {
  let node = tree;
  let first: Mapping | undefined;
  while (node) {
    const { mapping } = node;
    if (start >= exclusiveEnd(mapping)) {
      node = node.right;
      continue;
    }
    first = mapping;
    node = start >= mapping.iova ? undefined : node.left;
  }
  const all = inOrder(tree);
  return first ? all.slice(all.indexOf(first)) : [];
}

const inOrder = (tree: MappingTree | undefined): readonly Mapping[] =>
  tree ? [...inOrder(tree.left), tree.mapping, ...inOrder(tree.right)] : [];

/** The tree with one more mapping. */
export function withMapping(tree: MappingTree | undefined, mapping: Mapping): MappingTree | undefined {
  const editor = new TreeEditor(tree);
  editor.insert(mapping);
  return editor.tree;
}

/** The tree without a mapping that is in it. */
export function withoutMapping(tree: MappingTree | undefined, mapping: Mapping): MappingTree | undefined {
  const editor = new TreeEditor(tree);
  editor.remove(mapping);
  return editor.tree;
}

/** The tree with another mapping of the same addresses in the place of one. */
function withReplaced(
  tree: MappingTree | undefined,
  old: Mapping,
  by: Mapping,
): MappingTree | undefined {
  if (!tree) return undefined;
  if (tree.mapping === old) return { ...tree, mapping: by };
  return { ...tree, left: withReplaced(tree.left, old, by), right: withReplaced(tree.right, old, by) };
}

/**
 * How a tree came to be, last change first. The tree itself is made when somebody asks for it: as long as no mapping
 * up to 2^64 has been in it a search finds what there is, whatever its shape, and few kernels search otherwise.
 */
export interface TreeHistory {
  readonly change: (tree: MappingTree | undefined) => MappingTree | undefined;
  readonly before: TreeHistory | undefined;
  /** A mapping up to 2^64 has been in the tree. */
  readonly decidesSearches: boolean;
}

const made = new WeakMap<TreeHistory, MappingTree | undefined>();

/** The tree that the changes lead to. */
export function treeOf(history: TreeHistory | undefined): MappingTree | undefined {
  const changes: TreeHistory["change"][] = [];
  let known = history;
  for (; known && !made.has(known); known = known.before) changes.push(known.change);
  const tree = changes.reduceRight((tree, change) => change(tree), known && made.get(known));
  if (history) made.set(history, tree);
  return tree;
}

/** The history with one more mapping. */
export const grownBy = (before: TreeHistory | undefined, mapping: Mapping): TreeHistory => ({
  change: (tree) => withMapping(tree, mapping),
  before,
  decidesSearches: before?.decidesSearches === true || mapping.iova + mapping.size > U64_MAX,
});

/** The history without a mapping that is in the tree. */
export const prunedBy = (before: TreeHistory | undefined, mapping: Mapping): TreeHistory => ({
  change: (tree) => withoutMapping(tree, mapping),
  before,
  decidesSearches: before?.decidesSearches === true,
});

/** The history with another mapping of the same addresses in the place of one. */
export const withReplacement = (before: TreeHistory, old: Mapping, by: Mapping): TreeHistory => ({
  change: (tree) => withReplaced(tree, old, by),
  before,
  decidesSearches: before.decidesSearches,
});
