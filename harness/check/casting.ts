/** Which group of the machine plays which group of a scenario, and which IOMMU which. */
import type { MachineGroup } from "../machine/predicted.ts";
import type { IommuNeeds } from "../scenario/iommu.ts";
import type { GroupNeeds, Scenario } from "../scenario/scenario.ts";

export interface Cast {
  /** By the names that the scenario gives them. */
  readonly groups: ReadonlyMap<string, MachineGroup>;
  /** The scenario's IOMMUs that the machine really has, and its own names for them. */
  readonly genuine: ReadonlyMap<string, string>;
}

type Needs = ReadonlyMap<string, GroupNeeds>;

/** A group with nothing special about it. */
export function plainGroupOf(groups: readonly MachineGroup[]): MachineGroup {
  const first = groups.find(({ name }) => name === undefined) ?? groups[0];
  if (!first) throw new RangeError("a machine has at least one group");
  return first;
}

/** Gives every group of the scenario a fitting group of the machine; or says what there is none of. */
export function castScenario(
  { groups: needs, iommus }: Pick<Scenario, "groups" | "iommus">,
  groups: readonly MachineGroup[],
): Cast | string {
  const genuine = genuineIommus(needs, iommus, groups);
  const cast = castGroups(needs, genuine, groups);
  return typeof cast === "string" ? cast : { groups: cast, genuine };
}

/**
 * Where the machine has IOMMUs beside the one that most is behind, the scenario's are these: each the first that has
 * enough groups and isn't another's yet. What the scenario wants to be other than real can't be.
 */
function genuineIommus(
  needs: Needs,
  iommus: ReadonlyMap<string, IommuNeeds>,
  groups: readonly MachineGroup[],
): ReadonlyMap<string, string> {
  const own = plainGroupOf(groups).iommu.name;
  const others = new Set(groups.map(({ iommu }) => iommu.name).filter((name) => name !== own));
  const genuine = new Map<string, string>();
  for (const [name, { aperture, "page-sizes": sizes, coherent, refuses }] of iommus) {
    if ([aperture, sizes, coherent, refuses].some((wish) => wish !== undefined)) continue;
    const behind = new Map([...needs].filter(([, { iommu }]) => iommu === name));
    const fitting = [...others].find((other) =>
      typeof castGroups(behind, new Map([[name, other]]), groups) !== "string"
    );
    if (fitting === undefined) continue;
    others.delete(fitting);
    genuine.set(name, fitting);
  }
  return genuine;
}

/** Those with most to ask for come first. */
function castGroups(
  needs: Needs,
  genuine: ReadonlyMap<string, string>,
  groups: readonly MachineGroup[],
): ReadonlyMap<string, MachineGroup> | string {
  const own = plainGroupOf(groups).iommu.name;
  const cast = new Map<string, MachineGroup>();
  const free = new Set(groups);
  const choosiness = ({ is, device, pluggable }: GroupNeeds) =>
    is !== undefined ? 2 : device !== undefined || pluggable ? 1 : 0;
  for (const [name, need] of [...needs].sort(([, a], [, b]) => choosiness(b) - choosiness(a))) {
    const wanted = need.iommu === undefined ? undefined : genuine.get(need.iommu);
    const group = [...free].find((group) =>
      wanted === undefined ? suits(group, need, own) : group.iommu.name === wanted && isLike(group, need)
    );
    if (!group) return lack(need, needs);
    free.delete(group);
    cast.set(name, group);
  }
  return cast;
}

/**
 * A device with a name is for those that ask for it: there is something special about it. All others are behind one
 * IOMMU.
 */
function suits(group: MachineGroup, need: GroupNeeds, own: string): boolean {
  if (need.is !== group.name) return false;
  return need.is !== undefined ? hasDevice(group, need) : group.iommu.name === own && isLike(group, need);
}

const isLike = (group: MachineGroup, need: GroupNeeds): boolean =>
  hasDevice(group, need) && (need.devices === "one") === (group.devices.length === 1);

const hasDevice = ({ kinds, isPluggable }: MachineGroup, { device, pluggable }: GroupNeeds): boolean =>
  (!pluggable || isPluggable) && (device === undefined || kinds.includes(device));

function lack({ is, device, devices, pluggable }: GroupNeeds, needs: Needs): string {
  if (is !== undefined) return `needs a device named ${is}`;
  const alike = [...needs.values()].filter((need) =>
    need.is === undefined && need.devices === devices && (device === undefined || need.device === device) &&
    (!pluggable || need.pluggable)
  );
  const groups = alike.length === 1 ? "a group" : `${alike.length} groups`;
  const members = devices === "one" ? "one device" : "several devices";
  const kind = device === undefined ? "" : `, ${device}`;
  return `needs ${groups} of ${members}${kind}${pluggable ? ", to be unplugged" : ""}`;
}
