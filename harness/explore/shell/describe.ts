/** What a session has before it, in words: the machine's groups, and where the model is. */
import { hex, rangeListText, rangeText } from "../../model/range_list.ts";
import { regionText } from "../../model/reserved.ts";
import type { Mapping, State } from "../../model/state.ts";
import type { Group } from "../../model/world.ts";
import { readBack } from "../../model/info.ts";
import { inColumns } from "./columns.ts";
import type { Opening } from "./opening.ts";

/** The groups, the devices in each, and what keeps addresses of theirs from being used. */
export function groupsText({ head, assignment: { world, symbols, plainGroup } }: Opening): string[] {
  const { iommu: { name: own, aperture, pageSizes } } = plainGroup;
  const needs = head.groups as Record<string, { is?: string } | null>;
  const names = Object.entries(symbols).map(([name, value]) => `${name}=${hex(value)}`).join(" ");
  return [
    `aperture ${rangeText(aperture)}, page sizes ${hex(pageSizes)}`,
    `addresses ${names}`,
    ...inColumns([
      ["group", "devices", "", "reserved regions"],
      ...[...world].flatMap(([name, group]) => groupRows(name, group, remarks(group, own, needs[name]?.is))),
    ]),
  ];
}

function remarks(
  { iommu, requiresDirect }: Group,
  ownIommu: string,
  machinesName: string | undefined,
): string[] {
  return [
    ...(machinesName === undefined ? [] : [`the machine calls it ${machinesName}`]),
    ...(iommu.name === ownIommu ? [] : [`behind ${iommu.name}, aperture ${rangeText(iommu.aperture)}`]),
    ...(requiresDirect ? ["firmware wants a region of it left alone"] : []),
  ];
}

function groupRows(
  name: string,
  { devices, kinds, reserved }: Group,
  remarks: readonly string[],
): string[][] {
  const regions = reserved.map(regionText);
  const right = [...regions.length > 0 ? regions : ["none"], ...remarks];
  return Array.from({ length: Math.max(devices.length, right.length) }, (_, index) => [
    index === 0 ? name : "",
    devices[index] ?? "",
    index === 0 ? [...new Set(kinds)].join(", ") : "",
    right[index] ?? "",
  ]);
}

/** Where the model is: containers, groups, processes. */
export function stateText(state: State): string[] {
  const { answer: { values } } = readBack(state);
  const lines = [
    ...Object.entries(values).filter(([key]) => key.endsWith("vmlck"))
      .map(([key, pages]) =>
        `${key.replace(/\.?vmlck$/, "") || "main process"}: ${counted(BigInt(pages), "locked page")}`
      ),
    ...[...state.containers.keys()].flatMap((key) => containerText(state, key)),
    ...[...state.groups].map(([name, { container, devices, holders }]) =>
      [
        `${name}: ${holders.length > 0 ? "open" : "closed, held by its devices"}`,
        container === undefined ? "in no container" : `in ${container}`,
        ...(devices.size > 0 ? [`devices ${[...devices.keys()].join(", ")}`] : []),
      ].join(", ")
    ),
  ];
  return state.containers.size + state.groups.size === 0 ? [...lines, "nothing is open"] : lines;
}

function containerText(state: State, key: string): string[] {
  const { groups = [], holders = [], type1 } = state.containers.get(key) ?? {};
  const open = holders.length > 0 ? "" : ", closed, held by its groups";
  const head = `${key}: groups ${groups.join(", ") || "none"}${open}`;
  if (!type1) return [`${head}, no IOMMU set`];
  const { list, mappings, mappingLimit, tracksDirtyPages } = type1;
  return [
    `${head}${tracksDirtyPages ? ", tracking dirty pages" : ""}`,
    `  list ${rangeListText(list).replaceAll(",", " ")}`,
    `  ${counted(mappings.length, "mapping")}, room for ${mappingLimit - mappings.length}`,
    ...mappings.map((mapping) => `    ${mappingText(mapping)}`),
  ];
}

const counted = (count: number | bigint, what: string): string =>
  `${count} ${what}${Number(count) === 1 ? "" : "s"}`;

const ACCESS = ["no access", "r", "w", "rw"];

function mappingText({ iova, size, access, lockedPages, memory, isInvalid }: Mapping): string {
  const range = rangeText({ start: iova, last: iova + size - 1n });
  const kind = `${ACCESS[access] ?? hex(access)}, ${memory.kind} memory, ${
    counted(lockedPages, "locked page")
  }`;
  return `${range} ${kind}${isInvalid ? ", vaddr taken away" : ""}`;
}
