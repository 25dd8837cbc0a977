/** What a sequence is like, apart from its setting. */
import type { Target } from "../../check/assignment.ts";
import { PAGE_SIZE } from "../../model/constants.ts";
import type { MemoryKind } from "../../model/pinning.ts";
import { U64_MAX } from "../../model/range_list.ts";
import type { Setting } from "../sequence.ts";
import type { Profile } from "./profile.ts";
import type { Random } from "./random.ts";
import { drawBudget } from "./world.ts";
import type { Traits } from "./situation.ts";

const CONTAINERS = ["c0", "c1", "c2"];
const PROCESSES = ["p1", "p2"];

/** Of a thousand sequences on a kernel that never gives some pages back, so many have it keep them: guests suffer from it. */
const LEAKING_OF_THOUSAND = 3;

/** What such kernels don't give back. [spec §12 R1a] */
const TOP_PAGE = U64_MAX - PAGE_SIZE + 1n;

/** The others attach groups as programs do, with type1v2. */
const BY_HAND_PERCENT = 40;

/** A container's budget of mappings is what is allowed when it gets its IOMMU, so a small one is set at the beginning. */
const BUDGET_PERCENT = 8;

/** Of a hundred sequences with all kinds of memory so many have huge pages: a guest may run out of them. */
const HUGE_PERCENT = 10;

export function drawTraits(
  random: Random,
  target: Target,
  setting: Setting,
  profile: Profile,
  meetingAddresses: readonly bigint[],
): Traits {
  const groups = Object.keys(setting.groups);
  const mayLeak = random.below(1000) < LEAKING_OF_THOUSAND;
  return {
    groups,
    containers: CONTAINERS.slice(0, random.weighted([[5, 1], [3, 2], [1, 3]])),
    processes: profile.hasProcesses ? PROCESSES : PROCESSES.slice(0, 1),
    nonsensePercent: profile.nonsensePercent,
    memoryKinds: memoryKinds(random, target, profile),
    mappingsMost: profile.mappingsMost,
    meetingAddresses: mayLeak ? [...meetingAddresses, TOP_PAGE] : meetingAddresses,
    isInReach: profile.hasEngine,
    beginsByHand: random.chance(BY_HAND_PERCENT),
    firstSteps: random.chance(BUDGET_PERCENT) ? [drawBudget(random)] : [],
    mayInject: target.lackOfModules === undefined && setting["list-order"] !== "as-written",
    mayLeak,
  };
}

/** Files are the same RAM disk, so that they aren't for sequences that look at what is in memory. */
function memoryKinds(
  random: Random,
  { options }: Target,
  { hasEngine, hasMemoryKinds }: Profile,
): MemoryKind[] {
  if (hasEngine) return ["private", "private", "shared", "scattered"];
  if (!hasMemoryKinds) return ["private"];
  const hasHuge = random.chance(HUGE_PERCENT);
  return [
    "untouched",
    "read-only",
    "none",
    "shared",
    "scattered",
    "device",
    ...(options.has("CONFIG_BLK_DEV_RAM") ? ["file" as const] : []),
    ...(hasHuge ? ["huge" as const] : []),
    ...(hasHuge && options.has("CONFIG_TRANSPARENT_HUGEPAGE") ? ["transparent" as const] : []),
  ];
}
