/** What a guest shouldn't be asked for: memory that it hasn't got, mappings that it never lets go of or dies of. */
import { PAGE_SIZE } from "../../model/constants.ts";
import { isAligned, missesTop } from "../../model/mappings.ts";
import { U64_MAX } from "../../model/range_list.ts";
import { isFrom } from "../../model/semantics.ts";
import type { WrittenStep } from "../sequence.ts";
import type { Situation } from "./situation.ts";

/** What MAP is refused with before anyone looks at its memory. [spec §4.1 rows 2–10] */
const EARLY = ["EINVAL", "EEXIST", "ENOSPC", "EOVERFLOW", "ENOENT"];

/** Of memory up to this the probe touches every page before it asks; of more than that none. [guests/probe/PROTOCOL.md] */
const TOUCHED_MOST = 64n << 20n;
/** To touch more takes long in an emulated guest. */
const TOUCHED_SOON = 2n << 20n;
/** What isn't touched. */
const UNTOUCHED = ["untouched", "read-only", "none", "device"];

interface WrittenMap {
  readonly container?: string;
  readonly memory?: string;
  readonly iova: bigint;
  readonly size: bigint;
}

/** The MAP that a step is, if it is one. */
export const mapIn = (step: WrittenStep): WrittenMap | undefined => step["map"] as WrittenMap | undefined;

/**
 * Whether a guest may be asked to do the step.
 * @param answer what the kernel is going to say to it
 */
export function isAffordable(step: WrittenStep, situation: Situation, answer: () => string | null): boolean {
  const map = mapIn(step);
  if (!map) return true;
  const isTouched = !UNTOUCHED.includes(map.memory ?? "private");
  if (isTouched && map.size > TOUCHED_SOON && map.size <= TOUCHED_MOST) return false;
  if (map.size > situation.bytesLeft && !EARLY.includes(answer() ?? "")) return false;
  return map.iova + map.size !== U64_MAX + 1n || isFineAtTheTop(map, situation, answer);
}

/**
 * Kernels before 6.18 lose a mapping up to 2^64, and its pages with it; of one of several pages some never come back.
 * [spec §12 R1a, §12.1]
 */
function isFineAtTheTop(
  { container = "c0", iova, size }: WrittenMap,
  { state, traits }: Situation,
  answer: () => string | null,
): boolean {
  const reachesTop = state.containers.get(container)?.type1?.list.at(-1)?.last === U64_MAX;
  const isDangerous = reachesTop && size > PAGE_SIZE && isAligned(iova, size);
  if (isDangerous && !isFrom(state.semantics.version, "6.18")) return false;
  return traits.mayLeak || !missesTop(state.semantics) || answer() !== null;
}
