/** Which backend a container can have, and the choice of one. [spec §1.2, §1.5] */
import { ok, refused } from "./answer.ts";
import { openContainer, setContainer } from "./lifecycle.ts";
import { entryOf, type Outcome, type State } from "./state.ts";
import { attachGroup, detachGroup, emptyType1 } from "./type1.ts";

/** Extension and IOMMU type numbers of linux/vfio.h that the rules mention. */
const TYPE1 = 1n;
const DMA_CACHE_COHERENT = 4n;
const TYPE1_V2 = 3n;
const TYPE1_NESTING = 6n;
const UNMAP_ALL = 9n;
const UPDATE_VADDR = 10n;

/** VFIO_SET_IOMMU: chooses the backend and attaches all groups, newest first. [spec §1.5] */
export function setIommu(state: State, key: string, type: bigint): Outcome {
  const container = openContainer(state, key);
  if (container.groups.length === 0 || container.type1) {
    return { state, answer: refused("EINVAL", "§1.5 row 1") };
  }
  const { knowsNesting, knowsUnmapAll } = state.semantics;
  const isNested = type === TYPE1_NESTING && knowsNesting;
  if (type === UNMAP_ALL && knowsUnmapAll) return { state, answer: refused("EINVAL", "§1.5 row 3") };
  if (type !== TYPE1 && type !== TYPE1_V2 && !isNested) {
    return { state, answer: refused("ENODEV", "§1.5 row 2") };
  }

  let type1 = emptyType1(type === TYPE1 ? 1 : 2, state.dmaEntryLimit, isNested);
  for (const [index, name] of container.groups.entries()) {
    const { state: after, result } = attachGroup(state, type1, name);
    state = after;
    if ("errno" in result) {
      const attached = container.groups.slice(0, index).reverse();
      for (const earlier of attached) ({ state, type1 } = detachGroup(state, type1, earlier));
      return { state, answer: result };
    }
    ({ type1 } = result);
  }
  return { state: setContainer(state, key, { ...container, type1 }), answer: ok({}, "§1.5 row 4") };
}

/** VFIO_CHECK_EXTENSION. [spec §1.2] */
export function checkExtension(state: State, key: string, extension: bigint): Outcome {
  const { type1 } = openContainer(state, key);
  const value = hasExtension(state, type1 !== undefined, key, extension) ? "1" : "0";
  return { state, answer: ok({ value }, "§1.2") };
}

function hasExtension(state: State, isSet: boolean, key: string, extension: bigint): boolean {
  switch (extension) {
    case TYPE1:
    case TYPE1_V2:
      return true;
    case DMA_CACHE_COHERENT:
      return isSet &&
        openContainer(state, key).groups.every((name) => entryOf(state.world, name).iommu.enforcesCoherency);
    case TYPE1_NESTING:
      return state.semantics.knowsNesting;
    case UNMAP_ALL:
      return state.semantics.knowsUnmapAll;
    case UPDATE_VADDR:
      return isSet && state.semantics.knowsUnmapAll;
    default:
      return false;
  }
}
