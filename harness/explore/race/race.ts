/** Races: what two threads do at the same time, and what is done before and after to know what came of it. */
import { PAGE_SIZE } from "../../model/constants.ts";
import type { Range } from "../../model/range_list.ts";
import { type ReservedRegion, sortRegions } from "../../model/reserved.ts";
import type { Group, World } from "../../model/world.ts";
import type { Action } from "../../scenario/action.ts";
import { openAction } from "../../scenario/steps/container.ts";
import { dirtyGetAction } from "../../scenario/steps/dirty.ts";
import { groupOpenAction, groupStatusAction } from "../../scenario/steps/group.ts";
import { readBackAction } from "../../scenario/steps/info.ts";
import { injectionActions } from "../../scenario/steps/injection.ts";
import { allowUnsafeInterruptsAction, dmaEntryLimitAction } from "../../scenario/steps/parameter.ts";
import { unmapAction } from "../../scenario/steps/unmap.ts";
import type { Both } from "./linearize.ts";

/** The container that races are about. */
export const CONTAINER = "c0";

/** Where everything happens: few pages, so that calls get into each other's way. */
export const WINDOW: Range = { start: 0x40000000n, last: 0x40005fffn };

/** What is done at the same time, and what makes it interesting. */
export interface Race {
  /** By which it can be drawn again. */
  readonly seed: number;
  readonly index: number;
  /** What each group has beside the regions of the machine. */
  readonly regions: ReadonlyMap<string, readonly ReservedRegion[]>;
  /** How many mappings the container may hold. */
  readonly mappingLimit: number;
  /** Done in turn before the race, when container and groups are open. */
  readonly setup: readonly Action[];
  /** What each thread does, in its own order. */
  readonly threads: Both<readonly Action[]>;
}

/** The groups of a machine that races are played with. */
export interface Stage {
  /** By their names in races. */
  readonly groups: ReadonlyMap<string, Group>;
  /** Whether regions can be injected. */
  readonly hasModule: boolean;
  /** Whether threads may take the last group out of the container, and with it the IOMMU. */
  readonly mayEmpty: boolean;
}

/** The world of a race: groups with its regions besides their own. */
export function worldOf({ groups }: Stage, { regions }: Race): World {
  return new Map(
    [...groups].map(([name, group]) => {
      const reserved = sortRegions([...group.reserved, ...regions.get(name) ?? []]);
      return [name, { ...group, reserved }];
    }),
  );
}

/** All that is done before the race. */
export function preparationOf(stage: Stage, race: Race): Action[] {
  const world = worldOf(stage, race);
  const needsParameter = [...world.values()].some(({ iommu }) => !iommu.isolatesInterrupts);
  return [
    ...injectionActions(race.regions, world, "sorted", stage.hasModule),
    allowUnsafeInterruptsAction(needsParameter),
    dmaEntryLimitAction(race.mappingLimit),
    openAction(CONTAINER),
    ...[...world.keys()].map(groupOpenAction),
    ...race.setup,
  ];
}

/**
 * What tells where a race has led to. The mappings, since no call lists them, show when they are unmapped: an UNMAP
 * says how much there was, or that it would cut one in two.
 */
export function aftermathOf({ groups }: Stage): Action[] {
  const size = WINDOW.last - WINDOW.start + 1n;
  const pages = Array.from({ length: Number(size / PAGE_SIZE) }, (_, page) => BigInt(page) * PAGE_SIZE);
  return [
    readBackAction,
    ...[...groups.keys()].map((name) => groupStatusAction(name)),
    dirtyGetAction(CONTAINER, { iova: WINDOW.start, size, bitmap: {} }),
    ...pages.map((offset) =>
      unmapAction(CONTAINER, { iova: WINDOW.start + offset, size: PAGE_SIZE, flags: 0 })
    ),
    unmapAction(CONTAINER, { iova: WINDOW.start, size, flags: 0 }),
    readBackAction,
  ];
}
