/** What a sequence is mostly about. */
import { drawCheckExtension, drawGroupStatus, drawInfo } from "./asking.ts";
import {
  drawAttach,
  drawClose,
  drawDetach,
  drawDeviceClose,
  drawDeviceOpen,
  drawGroupClose,
  drawGroupOpen,
  drawOpen,
  drawSetContainer,
  drawSetIommu,
  drawUnsetContainer,
} from "./attaching.ts";
import { drawDirty, drawDirtyGet, drawUnmapWithBitmap } from "./dirty.ts";
import { drawDma, drawEngine } from "./dma.ts";
import { drawMap, drawWalk } from "./mapping.ts";
import {
  drawContainerIoctl,
  drawDeviceOpenMisnamed,
  drawGroupIoctl,
  drawPoke,
  drawSetContainerTo,
  drawTooEarly,
} from "./misuse.ts";
import { drawExec, drawExit, drawFork, drawMemlock } from "./processes.ts";
import type { Random, Weighted } from "./random.ts";
import type { StepDraw } from "./situation.ts";
import { drawUnmap } from "./unmapping.ts";
import { drawGiveVaddr, drawTakeVaddr } from "./vaddr.ts";
import { drawFailCollection, drawInject, drawParameter } from "./world.ts";

/** Steps that belong together, each with its weight among them. */
const FAMILIES = {
  mapping: [[10, drawMap], [6, drawUnmap]],
  vaddr: [[1, drawTakeVaddr], [2, drawGiveVaddr]],
  walking: [[1, drawWalk]],
  attaching: [[6, drawAttach], [4, drawDetach]],
  handles: [
    [2, drawOpen],
    [1, drawClose],
    [3, drawGroupOpen],
    [2, drawGroupClose],
    [5, drawSetContainer],
    [2, drawUnsetContainer],
    [5, drawSetIommu],
    [3, drawDeviceOpen],
    [3, drawDeviceClose],
  ],
  asking: [[2, drawInfo], [1, drawCheckExtension], [1, drawGroupStatus]],
  dirty: [[3, drawDirty], [6, drawDirtyGet], [3, drawUnmapWithBitmap]],
  processes: [[4, drawFork], [1, drawExec], [2, drawExit]],
  limits: [[1, drawMemlock]],
  misuse: [
    [4, drawContainerIoctl],
    [2, drawGroupIoctl],
    [1, drawPoke],
    [2, drawSetContainerTo],
    [2, drawDeviceOpenMisnamed],
    [4, drawTooEarly],
  ],
  dma: [[2, drawEngine], [10, drawDma]],
  world: [[2, drawParameter], [3, drawInject], [3, drawFailCollection]],
} as const satisfies Record<string, Weighted<StepDraw>>;

type Family = keyof typeof FAMILIES;

export interface Profile {
  readonly weights: Readonly<Partial<Record<Family, number>>>;
  readonly nonsensePercent: number;
  readonly mappingsMost: number;
  /** Steps are done by other processes, too. */
  readonly hasProcesses: boolean;
  /** Memory of all kinds. */
  readonly hasMemoryKinds: boolean;
  /** More than one group makes attaching worth the while. */
  readonly hasManyGroups: boolean;
  /** Devices move data: one at least can, and everything is where it gets to. */
  readonly hasEngine: boolean;
}

const PROFILE: Omit<Profile, "weights"> = {
  nonsensePercent: 8,
  mappingsMost: 12,
  hasProcesses: false,
  hasMemoryKinds: false,
  hasManyGroups: false,
  hasEngine: false,
};

const PROFILES: Weighted<Profile> = [
  [5, {
    ...PROFILE,
    weights: { mapping: 80, attaching: 6, asking: 4, vaddr: 4, walking: 1, misuse: 2, limits: 2, dirty: 2 },
    mappingsMost: 24,
    hasMemoryKinds: true,
  }],
  [6, {
    ...PROFILE,
    hasManyGroups: true,
    weights: {
      mapping: 25,
      attaching: 45,
      handles: 15,
      asking: 5,
      walking: 2,
      world: 5,
      vaddr: 2,
      misuse: 1,
    },
    mappingsMost: 5,
  }],
  [3, {
    ...PROFILE,
    weights: { mapping: 15, attaching: 10, handles: 60, asking: 8, misuse: 6, processes: 3 },
    mappingsMost: 4,
  }],
  [3, {
    ...PROFILE,
    weights: { mapping: 30, dirty: 55, attaching: 6, asking: 3, vaddr: 2 },
    mappingsMost: 8,
  }],
  [3, {
    ...PROFILE,
    weights: { mapping: 45, processes: 12, limits: 16, vaddr: 20, attaching: 8, handles: 6, dirty: 2 },
    mappingsMost: 8,
    hasProcesses: true,
    hasMemoryKinds: true,
  }],
  [3, {
    ...PROFILE,
    hasEngine: true,
    weights: { mapping: 35, dma: 60, attaching: 12, vaddr: 3, processes: 2, dirty: 2 },
    mappingsMost: 8,
  }],
  [2, {
    ...PROFILE,
    weights: {
      mapping: 35,
      attaching: 10,
      handles: 15,
      misuse: 20,
      dirty: 10,
      asking: 5,
      limits: 2,
      vaddr: 5,
    },
    nonsensePercent: 60,
    mappingsMost: 8,
  }],
  [3, {
    ...PROFILE,
    weights: {
      mapping: 30,
      attaching: 15,
      handles: 10,
      dirty: 8,
      vaddr: 6,
      processes: 5,
      limits: 4,
      asking: 5,
      misuse: 6,
      world: 6,
      walking: 1,
    },
    hasProcesses: true,
    hasMemoryKinds: true,
  }],
];

export const drawProfile = (random: Random): Profile => random.weighted(PROFILES);

/** The profile's steps, every family with somewhat more or less weight than the profile gives it. */
export function drawWeights(random: Random, { weights }: Profile): Weighted<Weighted<StepDraw>> {
  return Object.keys(FAMILIES).map((name) => name as Family).map((family) => {
    const weight = weights[family] ?? 0;
    return [weight * (1 + random.below(4)), FAMILIES[family]] as const;
  });
}
