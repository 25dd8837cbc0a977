/** What a scenario's groups and IOMMUs come to on a machine. */
import { ConfigError } from "../config.ts";
import { U64_MAX } from "../model/range_list.ts";
import { isMsi, type ReservedRegion, sortRegions } from "../model/reserved.ts";
import { entryOf } from "../model/state.ts";
import type { DeviationName } from "../model/semantics.ts";
import type { KernelVersion } from "../model/version.ts";
import type { MachineGroup } from "../machine/predicted.ts";
import type { Group, World } from "../model/world.ts";
import type { Symbols } from "../scenario/address.ts";
import { isWithin } from "../scenario/expectation.ts";
import { describedIommu } from "../scenario/iommu.ts";
import { parseRegions } from "../scenario/region.ts";
import type { Scenario } from "../scenario/scenario.ts";
import type { PretendedIommu } from "../scenario/steps/placement.ts";
import { type Cast, castScenario, plainGroupOf } from "./casting.ts";

/** A scenario's groups on a machine. */
export interface Assignment {
  readonly world: World;
  /** What the scenario adds to the regions of the machine's groups. */
  readonly injected: ReadonlyMap<string, readonly ReservedRegion[]>;
  /** Groups that only seem to be behind another IOMMU. */
  readonly pretended: ReadonlyMap<string, PretendedIommu>;
  /** A group as the machine has it, nothing injected. */
  readonly plainGroup: Group;
  readonly symbols: Symbols;
}

/** The machine as far as conditions of scenarios can ask for it. */
export interface Target {
  readonly groups: readonly MachineGroup[];
  readonly iommuKind: string;
  /** Of the guest. */
  readonly memoryBytes: bigint;
  readonly version: KernelVersion;
  /** The kernel's faults that predictions include; left out, those that its version is known for. */
  readonly deviations?: ReadonlySet<DeviationName>;
  /** The kernel's options, such as CONFIG_BLK_DEV_RAM. */
  readonly options: { has(option: string): boolean };
  /** Why its guests have none of the modules in guests/, if so. */
  readonly lackOfModules?: string | undefined;
}

/** Why the scenario makes no sense here, in words; undefined when it does. */
export function whyNot(scenario: Scenario, target: Target): string | undefined {
  const { when, modules } = scenario;
  const { iommu, reserved } = plainGroupOf(target.groups);
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
  const isBounded = iommu.aperture.last < U64_MAX;
  if (when.bounded !== undefined && when.bounded !== isBounded) {
    return when.bounded ? "needs an aperture that ends below 2^64" : "needs an aperture that ends at 2^64";
  }
  const hasOnlyMsi = reserved.length === 1 && reserved.every(isMsi);
  if (when["only-msi"] !== undefined && when["only-msi"] !== hasOnlyMsi) {
    return `needs a machine with ${when["only-msi"] ? "no" : "a"} region beside the interrupt window`;
  }
  const bound = when.kernel?.find((bound) => !isWithin(target.version, bound));
  if (bound !== undefined) return `needs a kernel ${bound}`;
  const option = when.options?.find((option) => !target.options.has(option));
  if (option !== undefined) return `needs a kernel with ${option}`;
  const cast = castScenario(scenario, target.groups);
  const module = modules.find((name) => name !== "twodom" || isPretending(scenario, cast));
  if (module !== undefined && target.lackOfModules !== undefined) {
    return `needs guests/${module}, which can't be built: ${target.lackOfModules}`;
  }
  return typeof cast === "string" ? cast : undefined;
}

/** Whether the guest module has to make up an IOMMU. */
const isPretending = ({ iommus }: Scenario, cast: Cast | string): boolean =>
  typeof cast === "string" || iommus.size > cast.genuine.size;

/**
 * What the scenario's groups come to on the machine.
 * @param cast which group plays which; left out, each is played by the next that fits
 * @throws ConfigError at a group whose regions are written wrongly, and where whyNot would have told why not
 */
export function assignGroups(
  scenario: Scenario,
  target: Target,
  cast = requireCast(scenario, target),
): Assignment {
  const plainGroup = plainGroupOf(target.groups);
  const symbols = symbolsOf(plainGroup);
  const world = new Map<string, Group>();
  const injected = new Map<string, readonly ReservedRegion[]>();
  const pretended = pretendedIommus(scenario, cast, symbols);
  for (const [name, { reserved, position }] of scenario.groups) {
    const group = entryOf(cast.groups, name);
    const iommu = pretended.get(name)?.iommu ?? group.iommu;
    try {
      const regions = reserved.flatMap((text) => parseRegions(text, symbols));
      injected.set(name, regions);
      const all = [...group.reserved, ...regions];
      world.set(name, {
        ...group,
        iommu,
        reserved: scenario.listOrder === "sorted" ? sortRegions(all) : all,
      });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new ConfigError(position, error.message);
    }
  }
  return { world, injected, pretended, plainGroup, symbols };
}

/** @throws ConfigError where the machine lacks a group */
function requireCast(scenario: Scenario, { groups }: Target): Cast {
  const cast = castScenario(scenario, groups);
  if (typeof cast !== "string") return cast;
  throw new ConfigError(scenario.position, `the machine can't play it: ${cast}`);
}

/**
 * The IOMMUs that groups are to be put behind.
 * @throws ConfigError at one that the machine's own can't stand for
 */
function pretendedIommus(
  { groups, iommus }: Scenario,
  cast: Cast,
  symbols: Symbols,
): Map<string, PretendedIommu> {
  const pretended = new Map<string, PretendedIommu>();
  for (const [index, [iommuName, { position, ...needs }]] of [...iommus].entries()) {
    for (const [name, { iommu }] of groups) {
      if (iommu !== iommuName || cast.genuine.has(iommuName)) continue;
      try {
        const described = describedIommu(iommuName, needs, entryOf(cast.groups, name).iommu, symbols);
        pretended.set(name, { number: index + 1, iommu: described });
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        throw new ConfigError(position, error.message);
      }
    }
  }
  return pretended;
}

/**
 * Named addresses of a machine: the first and the last that its IOMMU translates, the first and the last to which
 * devices write their interrupts, and the highest of all.
 */
function symbolsOf({ iommu: { aperture }, reserved }: Group): Symbols {
  const window = reserved.find(isMsi);
  return {
    bottom: aperture.start,
    top: aperture.last,
    ...(window ? { msi: window.start, msilast: window.last } : {}),
    max: U64_MAX,
  };
}
