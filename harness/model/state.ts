/** Everything the model remembers. All of it is immutable: a refused step returns the state it was given. */
import type { Answer } from "./answer.ts";
import type { TreeHistory } from "./mapping_tree.ts";
import type { MemoryKind } from "./pinning.ts";
import type { RangeList } from "./range_list.ts";
import type { Semantics } from "./semantics.ts";
import type { World } from "./world.ts";

/** Memory behind a mapping. Its identity tells it from any other. */
export interface Memory {
  readonly kind: MemoryKind;
  /** Address space that it is part of: the maker's at that time. */
  readonly space: number;
}

/** A DMA mapping. */
export interface Mapping {
  readonly iova: bigint;
  readonly size: bigint;
  /** MAP's READ and WRITE bits: what devices may do. */
  readonly access: number;
  /** What devices reach: it stays pinned when vaddr is taken away, and another vaddr doesn't change it. [spec §4.4] */
  readonly memory: Memory;
  /** Pages charged to the locked memory of the address space. [spec §8] */
  readonly lockedPages: bigint;
  /** Address space that the charge is on: whose process mapped it, or gave it a new vaddr last. */
  readonly space: number;
  /** The process that mapped it, by the address space that it began with. [spec §5.2, 5.10] */
  readonly madeBy: number;
  /** Its vaddr was taken away, and none given since. [spec §5.2] */
  readonly isInvalid: boolean;
  /** The kernel's bits beyond those of its pages while dirty pages are tracked, as stale as they are. [spec §7.4] */
  readonly staleBits: bigint;
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
  /** Its domains are for nested translation. [spec §1.5] */
  readonly isNested: boolean;
  /** Newest first. */
  readonly domains: readonly Domain[];
  readonly list: RangeList;
  /** By IOVA. */
  readonly mappings: readonly Mapping[];
  /** What was unmapped without being taken out of the IOMMU. [spec §12 R1c] */
  readonly stuck?: readonly Mapping[] | undefined;
  /** The same in the kernel's tree, kept where its shape decides what is found. [spec §5.2, §12 R1a] */
  readonly tree?: TreeHistory | undefined;
  /** dma_entry_limit as it was at SET_IOMMU. [spec §0.3] */
  readonly mappingLimit: number;
  /** Dirty pages are tracked. [spec §7] */
  readonly tracksDirtyPages: boolean;
}

/** What a process may keep locked. [spec §8] */
export interface MemoryLock {
  /** RLIMIT_MEMLOCK in bytes. */
  readonly limitBytes: bigint;
  /** CAP_IPC_LOCK, which lifts the limit. */
  readonly isCapable: boolean;
}

/** A process in the guest. */
export interface Process {
  readonly space: number;
  /** The address space that it began with, which tells it from every other process: a new program changes `space`. */
  readonly firstSpace: number;
  readonly memoryLock: MemoryLock;
}

/** The process that every other is a child of. */
export const MAIN_PROCESS = "main";
export const MAIN_SPACE = 0;

export interface Container {
  /** Processes that hold its file descriptor; without one, groups keep it alive. [spec §1.6] */
  readonly holders: readonly string[];
  /** Newest first. */
  readonly groups: readonly string[];
  readonly type1?: Type1;
}

/** An open group. Its entry goes when file descriptor and devices are all closed. */
export interface OpenGroup {
  /** Processes that hold its file descriptor. */
  readonly holders: readonly string[];
  /** Key of the container it is in. */
  readonly container?: string;
  /** Handles of its open devices, and the processes that hold each. */
  readonly devices: ReadonlyMap<string, readonly string[]>;
  /** Its devices have gone since it was opened: what is open here is no group any more. [spec §1.7] */
  readonly isLost: boolean;
}

/** A device of a group that was asked to leave the machine. */
export interface Leaving {
  readonly group: string;
  readonly index: number;
}

/** A device that moves data. */
export interface Engine {
  /** The container in which its working memory is mapped. */
  readonly container: string;
  /** Where that is. */
  readonly iova: bigint;
  readonly memory: Memory;
}

export interface State {
  readonly semantics: Semantics;
  readonly world: World;
  readonly containers: ReadonlyMap<string, Container>;
  readonly groups: ReadonlyMap<string, OpenGroup>;
  /** By the device's handle. */
  readonly engines: ReadonlyMap<string, Engine>;
  /** Memory that an engine worked in, now or before: nobody knows what is in it. */
  readonly workingMemory: readonly Memory[];
  readonly processes: ReadonlyMap<string, Process>;
  /**
   * Memory of a device was mapped: the probe keeps it until the end, and with it the device open, since what is mapped
   * of a file holds the file. [mmap(2)]
   */
  readonly keepsDeviceMemory: boolean;
  /** The one that makes the next call. */
  readonly process: string;
  /** How many address spaces there have been. */
  readonly spaces: number;
  /** Devices that are held, and leave when nobody holds them any more. */
  readonly leaving: readonly Leaving[];
  /** Groups whose devices reach nothing, since one of them has left. [spec §12 Q4] */
  readonly cutOff: readonly string[];
  /** Parameters of the module vfio_iommu_type1. */
  readonly allowUnsafeInterrupts: boolean;
  readonly dmaEntryLimit: number;
  /** How many collections of a group's regions from now one fails with ENOMEM: 1 is the next, 0 none. */
  readonly failingCollection: number;
  /** Pages pinned by mappings that nobody can reach any more, per address space. [spec §12 R1a] */
  readonly leakedPages: ReadonlyMap<number, bigint>;
  /** Reserved regions have changed under attached groups, so that lists may hold some of them. [spec §3.2] */
  readonly regionsChanged: boolean;
}

/** What a step leads to. */
export interface Outcome {
  readonly state: State;
  readonly answer: Answer;
}

export const DEFAULT_DMA_ENTRY_LIMIT = 65535;

/** The probe runs as root: nothing limits it. */
const NO_MEMORY_LOCK: MemoryLock = { limitBytes: 0n, isCapable: true };

/** A machine on which nothing has been opened. */
export const initialState = (semantics: Semantics, world: World): State => ({
  semantics,
  world,
  containers: new Map(),
  groups: new Map(),
  engines: new Map(),
  workingMemory: [],
  processes: new Map([
    [MAIN_PROCESS, { space: MAIN_SPACE, firstSpace: MAIN_SPACE, memoryLock: NO_MEMORY_LOCK }],
  ]),
  keepsDeviceMemory: false,
  process: MAIN_PROCESS,
  spaces: 1,
  leaving: [],
  cutOff: [],
  allowUnsafeInterrupts: false,
  dmaEntryLimit: DEFAULT_DMA_ENTRY_LIMIT,
  failingCollection: 0,
  leakedPages: new Map(),
  regionsChanged: false,
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
