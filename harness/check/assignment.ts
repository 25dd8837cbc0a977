/** Which group of the machine plays which group of a scenario. */
import { ConfigError } from "../config.ts";
import { U64_MAX } from "../model/range_list.ts";
import { type ReservedRegion, sortRegions } from "../model/reserved.ts";
import type { KernelVersion } from "../model/version.ts";
import type { Group, World } from "../model/world.ts";
import type { Symbols } from "../scenario/address.ts";
import { isWithin } from "../scenario/expectation.ts";
import { parseRegions } from "../scenario/region.ts";
import type { Scenario } from "../scenario/scenario.ts";

/** A scenario's groups on a machine. */
export interface Assignment {
  readonly world: World;
  /** What the scenario adds to the regions of the machine's groups. */
  readonly injected: ReadonlyMap<string, readonly ReservedRegion[]>;
  /** A group as the machine has it, nothing injected. */
  readonly plainGroup: Group;
  readonly symbols: Symbols;
}

/** The machine as far as conditions of scenarios can ask for it. */
export interface Target {
  readonly groups: readonly Group[];
  readonly iommuKind: string;
  /** Of the guest. */
  readonly memoryBytes: bigint;
  readonly version: KernelVersion;
  /** The kernel's options, such as CONFIG_BLK_DEV_RAM. */
  readonly options: { has(option: string): boolean };
}

/** Why the scenario makes no sense here, in words; undefined when it does. */
export function whyNot({ when, groups: needs }: Scenario, target: Target): string | undefined {
  const { iommu } = plainGroupOf(target);
  if (when.iommu && !when.iommu.some((kind) => kind === target.iommuKind)) {
    return `needs IOMMU ${when.iommu.join(" or ")}`;
  }
  const isolated = when["interrupts-isolated"];
  if (isolated !== undefined && isolated !== iommu.isolatesInterrupts) {
    return isolated ? "needs isolated interrupts" : "needs interrupts that are not isolated";
  }
  const bits = when["address-bits"];
  if (bits !== undefined && iommu.aperture.last !== (1n << bits) - 1n) {
    return `needs an aperture of ${bits} bits`;
  }
  const bound = when.kernel?.find((bound) => !isWithin(target.version, bound));
  if (bound !== undefined) return `needs a kernel ${bound}`;
  const option = when.options?.find((option) => !target.options.has(option));
  if (option !== undefined) return `needs a kernel with ${option}`;
  for (const devices of ["one", "several"] as const) {
    const wanted = [...needs.values()].filter((need) => need.devices === devices).length;
    if (wanted > candidates(target, devices).length) return `needs ${wanted} groups of ${devices} devices`;
  }
  return undefined;
}

/**
 * Gives every group of the scenario the next fitting group of the machine.
 * @throws ConfigError at a group whose regions are written wrongly
 */
export function assignGroups(scenario: Scenario, target: Target): Assignment {
  const plainGroup = plainGroupOf(target);
  const symbols = symbolsOf(plainGroup);
  const world = new Map<string, Group>();
  const injected = new Map<string, readonly ReservedRegion[]>();
  const taken = { one: 0, several: 0 };
  for (const [name, { devices, reserved, position }] of scenario.groups) {
    const group = candidates(target, devices)[taken[devices]++];
    if (!group) throw new ConfigError(position, `the machine has no further group of ${devices} devices`);
    try {
      const regions = reserved.flatMap((text) => parseRegions(text, symbols));
      injected.set(name, regions);
      const all = [...group.reserved, ...regions];
      world.set(name, { ...group, reserved: scenario.listOrder === "sorted" ? sortRegions(all) : all });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new ConfigError(position, error.message);
    }
  }
  return { world, injected, plainGroup, symbols };
}

/** Named addresses of a machine: the first and the last that its IOMMU translates, and the highest of all. */
const symbolsOf = ({ iommu: { aperture } }: Group): Symbols => ({
  bottom: aperture.start,
  top: aperture.last,
  max: U64_MAX,
});

function plainGroupOf({ groups }: Target): Group {
  const first = groups[0];
  if (!first) throw new RangeError("a machine has at least one group");
  return first;
}

const candidates = ({ groups }: Target, devices: "one" | "several"): readonly Group[] =>
  groups.filter((group) => (devices === "one") === (group.devices.length === 1));
