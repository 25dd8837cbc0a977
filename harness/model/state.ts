/** Everything the model remembers. All of it is immutable: a refused step returns the state it was given. */
import type { Answer } from "./answer.ts";
import type { MappingTree } from "./mapping_tree.ts";
import type { RangeList } from "./range_list.ts";
import type { Semantics } from "./semantics.ts";
import type { World } from "./world.ts";

/** A DMA mapping. */
export interface Mapping {
  readonly iova: bigint;
  readonly size: bigint;
  /** Pages charged to the locked memory of the process. [spec §8] */
  readonly lockedPages: bigint;
}

/** An IOMMU domain: groups that share one I/O page table. */
export interface Domain {
  /** Name of the IOMMU whose groups may join. */
  readonly iommu: string;
  /** Newest first. */
  readonly groups: readonly string[];
}

/** The type1 backend of a container. [spec §15] */
export interface Type1 {
  /** 1: unmap may take whole mappings that stick out; 2: it refuses to bisect. [spec §5.2] */
  readonly unmapRules: 1 | 2;
  /** Newest first. */
  readonly domains: readonly Domain[];
  readonly list: RangeList;
  /** By IOVA. */
  readonly mappings: readonly Mapping[];
  /** The same in the kernel's tree, kept while map-at-the-top is imitated. [spec §12 R1a] */
  readonly tree?: MappingTree | undefined;
  /** dma_entry_limit as it was at SET_IOMMU. [spec §0.3] */
  readonly mappingLimit: number;
}

export interface Container {
  /** The file descriptor is open; groups keep a closed container alive. [spec §1.6] */
  readonly open: boolean;
  /** Newest first. */
  readonly groups: readonly string[];
  readonly type1?: Type1;
}

/** An open group. Its entry goes when file descriptor and devices are all closed. */
export interface OpenGroup {
  readonly open: boolean;
  /** Key of the container it is in. */
  readonly container?: string;
  /** Handles of its open devices. */
  readonly devices: readonly string[];
}

export interface State {
  readonly semantics: Semantics;
  readonly world: World;
  readonly containers: ReadonlyMap<string, Container>;
  readonly groups: ReadonlyMap<string, OpenGroup>;
  /** Parameters of the module vfio_iommu_type1. */
  readonly allowUnsafeInterrupts: boolean;
  readonly dmaEntryLimit: number;
  /** How many collections of a group's regions from now one fails with ENOMEM: 1 is the next, 0 none. */
  readonly failingCollection: number;
  /** Pages pinned by mappings that nobody can reach any more. [spec §12 R1a] */
  readonly leakedPages: bigint;
}

/** What a step leads to. */
export interface Outcome {
  readonly state: State;
  readonly answer: Answer;
}

export const DEFAULT_DMA_ENTRY_LIMIT = 65535;

/** A machine on which nothing has been opened. */
export const initialState = (semantics: Semantics, world: World): State => ({
  semantics,
  world,
  containers: new Map(),
  groups: new Map(),
  allowUnsafeInterrupts: false,
  dmaEntryLimit: DEFAULT_DMA_ENTRY_LIMIT,
  failingCollection: 0,
  leakedPages: 0n,
});

/** A copy of the map with one entry set, or removed when `value` is undefined. */
export function withEntry<K, V>(map: ReadonlyMap<K, V>, key: K, value: V | undefined): ReadonlyMap<K, V> {
  const copy = new Map(map);
  if (value === undefined) copy.delete(key);
  else copy.set(key, value);
  return copy;
}

/** An entry that the program, not the user, guarantees to exist. */
export function entryOf<K, V>(map: ReadonlyMap<K, V>, key: K): V {
  const value = map.get(key);
  if (value === undefined) throw new RangeError(`no entry ${String(key)}`);
  return value;
}
