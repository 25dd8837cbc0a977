/** A red-black tree whose shape is that of the kernel's after the same insertions and removals. [kernel: lib/rbtree.c] */
import type { Mapping } from "./state.ts";

/** A node with what is below it; `undefined` is the empty tree. */
export interface MappingTree {
  readonly mapping: Mapping;
  readonly red: boolean;
  readonly left?: MappingTree | undefined;
  readonly right?: MappingTree | undefined;
}

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
export class TreeEditor {
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
