/** What holds after every step of a model without deviations, whatever the step was. [spec §15] */
import { rangeOf } from "./mappings.ts";
import { contains, insideOneRange, overlaps, rangeListText, rangeText } from "./range_list.ts";
import { isExcluded, regionText } from "./reserved.ts";
import { entryOf, type State, type Type1 } from "./state.ts";
import { apertureOf } from "./type1.ts";
import { isGone } from "./world.ts";

/** Every broken invariant, in words; none is the only acceptable answer. */
export function brokenInvariants(state: State): string[] {
  const broken = brokenHandles(state);
  for (const [key, { groups, type1 }] of state.containers) {
    if (!type1) continue;
    const words = [
      ...brokenList(type1),
      ...brokenMappings(type1),
      ...brokenDomains(state, type1, groups),
      // A refresh takes regions as they are now, whatever was mapped in them meanwhile. [spec §3.2]
      ...(state.regionsChanged ? [] : brokenLimits(state, type1)),
    ];
    broken.push(...words.map((word) => `${key}: ${word}`));
  }
  if (state.leakedPages.size > 0) broken.push("pages stay locked without a mapping");
  return broken;
}

/** Containers and groups agree on who is where, and live as long as someone holds them. [spec §1.6, §1.7] */
function brokenHandles(state: State): string[] {
  const broken: string[] = [];
  for (const [key, { holders, groups }] of state.containers) {
    if (holders.length === 0 && groups.length === 0) {
      broken.push(`${key}: neither descriptor nor group keeps it alive`);
    }
    for (const name of groups) {
      if (state.groups.get(name)?.container !== key) broken.push(`${key}: group ${name} is elsewhere`);
    }
  }
  for (const [name, { holders, devices, container: key }] of state.groups) {
    if (holders.length === 0 && devices.size === 0) {
      broken.push(`${name}: neither descriptor nor device keeps it open`);
    }
    const group = state.world.get(name);
    if (key !== undefined && state.semantics.losesGroups && group && isGone(group)) {
      broken.push(`${name}: in container ${key} without a device`);
    }
    if (key !== undefined && !state.containers.get(key)?.groups.includes(name)) {
      broken.push(`${name}: container ${key} doesn't know it`);
    }
  }
  return broken;
}

function brokenList({ list }: Type1): string[] {
  const broken: string[] = [];
  if (list.length === 0) broken.push("list is empty");
  for (const [index, range] of list.entries()) {
    const next = list[index + 1];
    if (range.start > range.last) broken.push(`range ${rangeText(range)} ends before it starts`);
    if (next && next.start <= range.last) broken.push(`list is unsorted: ${rangeListText(list)}`);
  }
  return broken;
}

function brokenMappings({ mappings, mappingLimit }: Type1): string[] {
  const broken: string[] = [];
  for (const [index, mapping] of mappings.entries()) {
    const range = rangeOf(mapping);
    const next = mappings[index + 1];
    if (next && next.iova <= range.last) {
      broken.push(`mappings overlap or are unsorted at ${rangeText(rangeOf(next))}`);
    }
  }
  if (mappings.length > mappingLimit) broken.push("more mappings than the budget allows");
  return broken;
}

/** Every group of the container is in one domain, and that is one of its IOMMU. [spec §2.7] */
function brokenDomains(state: State, { domains }: Type1, groups: readonly string[]): string[] {
  const attached = domains.flatMap((domain) => domain.groups);
  const broken = groups.filter((name) => !attached.includes(name)).map((name) => `${name} has no domain`);
  for (const [index, name] of attached.entries()) {
    if (!groups.includes(name)) broken.push(`${name} has a domain but isn't in the container`);
    if (attached.indexOf(name) !== index) broken.push(`${name} has two domains`);
  }
  for (const { iommu, groups } of domains) {
    if (groups.length === 0) broken.push(`a domain of ${iommu} has no group`);
    const stranger = groups.find((name) => entryOf(state.world, name).iommu.name !== iommu);
    if (stranger !== undefined) broken.push(`${stranger} is in a domain of ${iommu}`);
  }
  return broken;
}

/** The list has no address that an attached group can't use, and every mapping is inside the list. */
function brokenLimits(state: State, type1: Type1): string[] {
  const { list, domains, mappings } = type1;
  const outsiders = mappings.map(rangeOf).filter((range) => !insideOneRange(list, range));
  const broken = outsiders.map((range) => `mapping ${rangeText(range)} is outside the list`);
  for (const name of domains.flatMap(({ groups }) => groups)) {
    const { reserved } = entryOf(state.world, name);
    const aperture = apertureOf(state, type1, name);
    const outside = list.find((range) => !contains(aperture, range));
    if (outside) broken.push(`range ${rangeText(outside)} is outside the aperture of ${name}`);
    for (const region of reserved.filter(isExcluded)) {
      const hit = list.find((range) => overlaps(range, region));
      if (hit) broken.push(`list holds ${regionText(region)} of group ${name}`);
    }
  }
  return broken;
}
