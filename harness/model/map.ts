/** VFIO_IOMMU_MAP_DMA. [spec §4] */
import { ok, type Refusal, refused } from "./answer.ts";
import { NO_IOMMU, openContainer } from "./lifecycle.ts";
import { grownBy, prunedBy } from "./mapping_tree.ts";
import { growsTree, isAligned, isTaken, mappingsIn, overlooksTaken, rangeOf, wraps } from "./mappings.ts";
import { type Backing, pin } from "./pinning.ts";
import { canLock, currentProcess } from "./process.ts";
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
function fieldFault(semantics: Semantics, request: MapRequest): Refusal | undefined {
  const { iova, size, flags, vaddr = 0n, argsz = MAP_STRUCT_BYTES } = request;
  const wrapping = wraps(iova, size) || wraps(vaddr, size);
  const isUnknown = argsz < MAP_STRUCT_BYTES || (flags & ~knownFlags(semantics)) !== 0;
  if (isUnknown) return refused("EINVAL", "§4.1 row 2");
  const looksLate = semantics.deviations.has("wrap-is-einval");
  if (!looksLate && size === 0n) return refused("EINVAL", "§4.1 row 3a");
  if (!looksLate && wrapping) return refused("EOVERFLOW", "§4.1 row 3b");
  const access = flags & (MAP_READ | MAP_WRITE);
  const isContradictory = (flags & MAP_VADDR) !== 0 && access !== 0;
  if (flags === 0 || isContradictory) return refused("EINVAL", "§4.1 row 4");
  if (size === 0n || !isAligned(iova, size, vaddr)) return refused("EINVAL", "§4.1 row 5");
  return wrapping ? refused("EINVAL", "§4.1 row 6") : undefined;
}

/** What the container's state gets a MAP with good fields refused for. [spec §4.1 rows 8–10] */
function stateFault(semantics: Semantics, type1: Type1, request: MapRequest): Refusal | undefined {
  const range = rangeOf(request);
  if (isTaken(semantics, type1, range)) return refused("EEXIST", "§4.1 row 8");
  if (type1.mappings.length >= type1.mappingLimit) return refused("ENOSPC", "§4.1 row 9");
  return insideOneRange(type1.list, range) ? undefined : refused("EINVAL", "§4.1 row 10");
}

/** Adds a mapping, all of it or nothing. [spec §4; kernel: vfio_dma_do_map] */
export function mapDma(state: State, key: string, request: MapRequest): Outcome {
  const { semantics } = state;
  const { type1 } = openContainer(state, key);
  if (!type1) return { state, answer: NO_IOMMU };
  const early = fieldFault(semantics, request);
  if (early) return { state, answer: early };
  if ((request.flags & MAP_VADDR) !== 0) return giveVaddr(state, key, type1, request);
  const late = stateFault(semantics, type1, request);
  if (late) return { state, answer: late };
  const { iova, size } = request;
  const { space, firstSpace: madeBy } = currentProcess(state);
  const pinned = pinAndMap(state, type1, request);
  const lockedPages = typeof pinned === "bigint" ? pinned : 0n;
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
  if (typeof pinned !== "bigint") {
    // The mapping is in the tree when it is tried; taken out again, it leaves the others turned.
    const turns = tree !== undefined && type1.mappings.length > 0;
    const after = turns ? withType1(state, key, { ...type1, tree: prunedBy(tree, mapping) }) : state;
    return { state: after, answer: pinned };
  }
  const rule = overlooksTaken(semantics, type1, rangeOf(request)) ? "§12 R1a" : "§4.1";
  const keepsDeviceMemory = state.keepsDeviceMemory || mapping.memory.kind === "device";
  const after = withType1({ ...state, keepsDeviceMemory }, key, withMappingAdded(type1, mapping, tree));
  return { state: after, answer: ok({}, rule) };
}

/** What a call answers depends on what no model can know. */
export class UndeterminedError extends RangeError {
  override name = "UndeterminedError";
}

/**
 * Pins the memory, and maps each piece in all domains before it pins the next. [spec §4.2]
 * @throws UndeterminedError where both would fail: which does first depends on how the memory lies
 */
function pinAndMap(state: State, type1: Type1, request: MapRequest): bigint | Refusal {
  const pinned = pinBacking(state, request);
  if (!isRefused(state, type1, rangeOf(request))) return pinned;
  if (typeof pinned === "bigint") return refused("ERANGE", "§4.2");
  throw new UndeterminedError(
    "an IOMMU refuses it, and its memory can't be pinned: which comes first can't be known",
  );
}

const backingOf = ({ vaddr, backing }: MapRequest): Backing =>
  vaddr === undefined ? backing ?? { kind: "private" } : { kind: "none" };

const pinBacking = (state: State, request: MapRequest): bigint | Refusal =>
  pin(state, request.size, (request.flags & MAP_WRITE) !== 0, backingOf(request));

/**
 * MAP with VADDR: new memory for a mapping whose own was taken away. It isn't touched, so it may be anything.
 * The charge moves to who calls. [spec §4.4; kernel: vfio_dma_do_map, vfio_change_dma_owner]
 */
function giveVaddr(state: State, key: string, type1: Type1, request: MapRequest): Outcome {
  const { semantics } = state;
  const range = rangeOf(request);
  const [found] = isTaken(semantics, type1, range) ? mappingsIn(semantics, type1, range) : [];
  if (!found) return { state, answer: refused("ENOENT", "§4.4") };
  if (!found.isInvalid || found.iova !== request.iova || found.size !== request.size) {
    return { state, answer: refused("EINVAL", "§4.4") };
  }
  const { space } = currentProcess(state);
  const isCharged = space === found.space || canLock(state, found.lockedPages);
  if (!isCharged) return { state, answer: refused("ENOMEM", "§4.4") };
  const mended = withMappingsReplaced(type1, new Map([[found, { ...found, isInvalid: false, space }]]));
  return { state: withType1(state, key, mended), answer: ok({}, "§4.4") };
}
