/**
 * The kernel's red-black tree of mappings. Its shape matters for kernels that compute a wrong end for a mapping up
 * to 2^64: which mappings a search then misses depends on where in the tree that one sits; and for those that
 * search anew for each mapping to unmap, and give up at one that they may not cut.
 * [spec §4.3, §5.2, §12 R1a, R1c; kernel: vfio_find_dma, vfio_find_dma_first_node, vfio_link_dma, lib/rbtree.c]
 */
import { type Range, U64_MAX } from "./range_list.ts";
import type { Mapping } from "./state.ts";

/** A node with what is below it; `undefined` is the empty tree. */
export interface MappingTree {
  readonly mapping: Mapping;
  readonly red: boolean;
  readonly left?: MappingTree | undefined;
  readonly right?: MappingTree | undefined;
}

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

type Side = "left" | "right";
const other = (side: Side): Side => (side === "left" ? "right" : "left");

/** A node that can be changed and knows its parent. */
class Node {
  readonly mapping: Mapping;
  red: boolean;
  parent: Node | undefined;
  left: Node | undefined;
  right: Node | undefined;

  constructor({ mapping, red, left, right }: MappingTree, parent: Node | undefined) {
    this.mapping = mapping;
    this.red = red;
    this.parent = parent;
    this.left = left && new Node(left, this);
    this.right = right && new Node(right, this);
  }

  get frozen(): MappingTree {
    return { mapping: this.mapping, red: this.red, left: this.left?.frozen, right: this.right?.frozen };
  }
}

/** Insertion and removal as in every textbook, which gives the same shapes as the kernel's. */
class TreeEditor {
  #root: Node | undefined;

  constructor(tree: MappingTree | undefined) {
    this.#root = tree && new Node(tree, undefined);
  }

  get tree(): MappingTree | undefined {
    return this.#root?.frozen;
  }

  insert(mapping: Mapping): void {
    let parent: Node | undefined;
    let side: Side = "left";
    for (let node = this.#root; node; node = node[side]) {
      parent = node;
      side = mapping.iova <= node.mapping.iova ? "left" : "right";
    }
    const node = new Node({ mapping, red: true }, parent);
    if (parent) parent[side] = node;
    else this.#root = node;
    this.#mendRedPair(node);
  }

  remove(mapping: Mapping): void {
    const node = this.#nodeOf(mapping, this.#root);
    if (!node) throw new RangeError("the tree doesn't hold that mapping");
    if (!node.left || !node.right) {
      const child = node.left ?? node.right;
      this.#replace(node, child);
      if (!node.red) this.#mendMissingBlack(child, node.parent);
      return;
    }
    let next = node.right;
    while (next.left) next = next.left;
    const { red, right: orphan } = next;
    let above: Node = next;
    if (next !== node.right) {
      above = next.parent ?? next;
      this.#replace(next, orphan);
      this.#adopt(next, "right", node.right);
    }
    this.#replace(node, next);
    this.#adopt(next, "left", node.left);
    next.red = node.red;
    if (!red) this.#mendMissingBlack(orphan, above);
  }

  #nodeOf(mapping: Mapping, node: Node | undefined): Node | undefined {
    if (!node || node.mapping === mapping) return node;
    return this.#nodeOf(mapping, node.left) ?? this.#nodeOf(mapping, node.right);
  }

  #adopt(parent: Node, side: Side, child: Node | undefined): void {
    parent[side] = child;
    if (child) child.parent = parent;
  }

  /** Puts another node, or none, into the place of one. */
  #replace(node: Node, by: Node | undefined): void {
    const { parent } = node;
    if (parent) parent[parent.left === node ? "left" : "right"] = by;
    else this.#root = by;
    if (by) by.parent = parent;
  }

  /** Moves the node down to that side; its child of the other side takes its place. */
  #rotate(node: Node, side: Side): void {
    const child = node[other(side)];
    if (!child) throw new RangeError("a rotation needs a child");
    this.#replace(node, child);
    this.#adopt(node, other(side), child[side]);
    this.#adopt(child, side, node);
  }

  #mendRedPair(added: Node): void {
    let node = added;
    while (node.parent?.red && node.parent.parent) {
      const grandparent = node.parent.parent;
      const side = grandparent.left === node.parent ? "left" : "right";
      const uncle = grandparent[other(side)];
      grandparent.red = true;
      if (uncle?.red) {
        node.parent.red = uncle.red = false;
        node = grandparent;
        continue;
      }
      if (node.parent[side] !== node) {
        node = node.parent;
        this.#rotate(node, side);
      }
      if (node.parent) node.parent.red = false;
      this.#rotate(grandparent, other(side));
    }
    if (this.#root) this.#root.red = false;
  }

  /** Below `parent`, the paths through `child` have one black node too few. */
  #mendMissingBlack(child: Node | undefined, parent: Node | undefined): void {
    while (parent && !child?.red) {
      const side = parent.left === child ? "left" : "right";
      let sibling = this.#siblingOf(parent, side);
      if (sibling.red) {
        sibling.red = false;
        parent.red = true;
        this.#rotate(parent, side);
        sibling = this.#siblingOf(parent, side);
      }
      if (!sibling.left?.red && !sibling.right?.red) {
        sibling.red = true;
        [child, parent] = [parent, parent.parent];
        continue;
      }
      const near = sibling[side];
      if (near && !sibling[other(side)]?.red) {
        near.red = false;
        sibling.red = true;
        this.#rotate(sibling, other(side));
        sibling = near;
      }
      sibling.red = parent.red;
      parent.red = false;
      const far = sibling[other(side)];
      if (far) far.red = false;
      this.#rotate(parent, side);
      return;
    }
    if (child) child.red = false;
  }

  #siblingOf(parent: Node, side: Side): Node {
    const sibling = parent[other(side)];
    if (!sibling) throw new RangeError("a missing black node has a sibling");
    return sibling;
  }
}
