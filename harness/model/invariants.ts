/** What holds after every step, whatever the step was. [spec §15] */
import { rangeOf } from "./mappings.ts";
import { contains, insideOneRange, overlaps, rangeListText, rangeText } from "./range_list.ts";
import { isExcluded, regionText } from "./reserved.ts";
import { entryOf, type State, type Type1 } from "./state.ts";

/** Every broken invariant, in words; none is the only acceptable answer. */
export function brokenInvariants(state: State): string[] {
  const broken: string[] = [];
  for (const [key, { open, groups, type1 }] of state.containers) {
    if (!open && groups.length === 0) broken.push(`${key}: neither descriptor nor group keeps it alive`);
    for (const name of groups) {
      if (state.groups.get(name)?.container !== key) broken.push(`${key}: group ${name} is elsewhere`);
    }
    if (type1) broken.push(...brokenIn(state, type1).map((words) => `${key}: ${words}`));
  }
  return broken;
}

function brokenIn(state: State, type1: Type1): string[] {
  const broken: string[] = [];
  const { list, mappings, domains, mappingLimit } = type1;
  for (const [index, range] of list.entries()) {
    const next = list[index + 1];
    if (range.start > range.last) broken.push(`range ${rangeText(range)} ends before it starts`);
    if (next && next.start <= range.last) broken.push(`list is unsorted: ${rangeListText(list)}`);
  }
  for (const [index, mapping] of mappings.entries()) {
    const next = mappings[index + 1];
    if (next && overlaps(rangeOf(mapping), rangeOf(next))) {
      broken.push(`mappings overlap at ${rangeText(rangeOf(next))}`);
    }
    if (!insideOneRange(list, rangeOf(mapping))) {
      broken.push(`mapping ${rangeText(rangeOf(mapping))} is outside the list`);
    }
  }
  if (mappings.length > mappingLimit) broken.push("more mappings than the budget allows");
  for (const name of domains.flatMap(({ groups }) => groups)) {
    const { iommu, reserved } = entryOf(state.world, name);
    const outside = list.find((range) => !contains(iommu.aperture, range));
    if (outside) broken.push(`range ${rangeText(outside)} is outside the aperture of ${name}`);
    for (const region of reserved.filter(isExcluded)) {
      const hit = list.find((range) => overlaps(range, region));
      if (hit) broken.push(`list holds ${regionText(region)} of group ${name}`);
    }
  }
  return broken;
}
