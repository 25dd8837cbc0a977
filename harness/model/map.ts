/** VFIO_IOMMU_MAP_DMA. [spec §4] */
import { type Errno, ok, refused } from "./answer.ts";
import { openContainer } from "./lifecycle.ts";
import { grownBy, prunedBy } from "./mapping_tree.ts";
import { growsTree, isAligned, isTaken, mappingsIn, rangeOf, wraps } from "./mappings.ts";
import { type Backing, pin } from "./pinning.ts";
import { currentProcess, lockFault } from "./process.ts";
import { insideOneRange } from "./range_list.ts";
import type { Semantics } from "./semantics.ts";
import type { Mapping, Outcome, State, Type1 } from "./state.ts";
import { isRefused } from "./type1.ts";
import { withMappingAdded, withMappingsReplaced, withType1 } from "./type1_state.ts";

export const MAP_READ = 1;
export const MAP_WRITE = 2;
export const MAP_VADDR = 4;
const MAP_STRUCT_BYTES = 32;

export interface MapRequest {
  readonly iova: bigint;
  readonly size: bigint;
  readonly flags: number;
  /** Where the memory is said to be, with nothing there; left out, there is memory. */
  readonly vaddr?: bigint;
  /** The memory that is there; left out, private and touched. */
  readonly backing?: Backing;
  readonly argsz?: number;
}

/** The flags that the kernel knows: VADDR came with UNMAP's ALL. [spec §4.1 row 2] */
const knownFlags = ({ knowsUnmapAll }: Semantics): number =>
  MAP_READ | MAP_WRITE | (knowsUnmapAll ? MAP_VADDR : 0);

/** What the fields alone get a MAP refused for, first fault first. [spec §4.1 rows 2–6] */
function fieldFault(semantics: Semantics, request: MapRequest): Errno | undefined {
  const { iova, size, flags, vaddr = 0n, argsz = MAP_STRUCT_BYTES } = request;
  const wrapping = wraps(iova, size) || wraps(vaddr, size);
  if (argsz < MAP_STRUCT_BYTES || (flags & ~knownFlags(semantics)) !== 0) return "EINVAL";
  const looksLate = semantics.deviations.has("wrap-is-einval");
  if (!looksLate && size === 0n) return "EINVAL";
  if (!looksLate && wrapping) return "EOVERFLOW";
  const access = flags & (MAP_READ | MAP_WRITE);
  if (flags === 0 || ((flags & MAP_VADDR) !== 0 && access !== 0)) return "EINVAL";
  if (size === 0n || !isAligned(iova, size, vaddr)) return "EINVAL";
  if (wrapping) return "EINVAL";
  return undefined;
}

/** What the container's state gets a MAP with good fields refused for. [spec §4.1 rows 8–10] */
function stateFault(semantics: Semantics, type1: Type1, request: MapRequest): Errno | undefined {
  const range = rangeOf(request);
  if (isTaken(semantics, type1, range)) return "EEXIST";
  if (type1.mappings.length >= type1.mappingLimit) return "ENOSPC";
  if (!insideOneRange(type1.list, range)) return "EINVAL";
  return undefined;
}

/** Adds a mapping, all of it or nothing. [spec §4; kernel: vfio_dma_do_map] */
export function mapDma(state: State, key: string, request: MapRequest): Outcome {
  const { semantics } = state;
  const { type1 } = openContainer(state, key);
  const early = type1 ? fieldFault(semantics, request) : "EINVAL";
  if (!type1 || early) return { state, answer: refused(early ?? "EINVAL") };
  if ((request.flags & MAP_VADDR) !== 0) return giveVaddr(state, key, type1, request);
  const late = stateFault(semantics, type1, request);
  if (late) return { state, answer: refused(late) };
  const { iova, size } = request;
  const { space, firstSpace: madeBy } = currentProcess(state);
  const pinned = pinAndMap(state, type1, request);
  const lockedPages = typeof pinned === "string" ? 0n : pinned;
  const mapping: Mapping = {
    iova,
    size,
    access: request.flags & (MAP_READ | MAP_WRITE),
    memory: { kind: backingOf(request).kind, space },
    lockedPages,
    space,
    madeBy,
    isInvalid: false,
    staleBits: 0n,
  };
  const tree = growsTree(semantics) ? grownBy(type1.tree, mapping) : undefined;
  if (typeof pinned === "string") {
    // The mapping is in the tree when it is tried; taken out again, it leaves the others turned.
    const turns = tree !== undefined && type1.mappings.length > 0;
    const after = turns ? withType1(state, key, { ...type1, tree: prunedBy(tree, mapping) }) : state;
    return { state: after, answer: refused(pinned) };
  }
  return { state: withType1(state, key, withMappingAdded(type1, mapping, tree)), answer: ok() };
}

/** What a call answers depends on what no model can know. */
export class UndeterminedError extends RangeError {
  override name = "UndeterminedError";
}

/**
 * Pins the memory, and maps each piece in all domains before it pins the next. [spec §4.2]
 * @throws UndeterminedError where both would fail: which does first depends on how the memory lies
 */
function pinAndMap(state: State, type1: Type1, request: MapRequest): bigint | Errno {
  const pinned = pinBacking(state, request);
  if (!isRefused(state, type1, rangeOf(request))) return pinned;
  if (typeof pinned === "bigint") return "ERANGE";
  throw new UndeterminedError(
    "an IOMMU refuses it, and its memory can't be pinned: which comes first can't be known",
  );
}

const backingOf = ({ vaddr, backing }: MapRequest): Backing =>
  vaddr === undefined ? backing ?? { kind: "private" } : { kind: "none" };

const pinBacking = (state: State, request: MapRequest): bigint | Errno =>
  pin(state, request.size, (request.flags & MAP_WRITE) !== 0, backingOf(request));

/**
 * MAP with VADDR: new memory for a mapping whose own was taken away. It isn't touched, so it may be anything.
 * The charge moves to who calls. [spec §4.4; kernel: vfio_dma_do_map, vfio_change_dma_owner]
 */
function giveVaddr(state: State, key: string, type1: Type1, request: MapRequest): Outcome {
  const { semantics } = state;
  const range = rangeOf(request);
  const [found] = isTaken(semantics, type1, range) ? mappingsIn(semantics, type1, range) : [];
  if (!found) return { state, answer: refused("ENOENT") };
  if (!found.isInvalid || found.iova !== request.iova || found.size !== request.size) {
    return { state, answer: refused("EINVAL") };
  }
  const { space } = currentProcess(state);
  const fault = space === found.space ? undefined : lockFault(state, found.lockedPages);
  if (fault) return { state, answer: refused(fault) };
  const mended = withMappingsReplaced(type1, new Map([[found, { ...found, isInvalid: false, space }]]));
  return { state: withType1(state, key, mended), answer: ok() };
}
