/** What devices can reach: the bytes that a transfer moves, and those that it must not touch. [spec §20] */
import { ok, type RuleText } from "./answer.ts";
import { PAGE_SIZE } from "./constants.ts";
import { HandleError } from "./lifecycle.ts";
import { MAP_READ, MAP_WRITE } from "./map.ts";
import { allIn, rangeOf } from "./mappings.ts";
import type { MemoryKind } from "./pinning.ts";
import {
  common,
  contains,
  hex,
  overlaps,
  type Range,
  type RangeList,
  rangeListText,
  rangeText,
} from "./range_list.ts";
import {
  type Engine,
  entryOf,
  MAIN_PROCESS,
  MAIN_SPACE,
  type Mapping,
  type Outcome,
  type State,
  type Type1,
  withEntry,
} from "./state.ts";
import type { DeviceKind, Iommu } from "./world.ts";

/** Working memory of a device that moves data: what it is told, what it tells, the bytes on their way. */
export const ENGINE_BYTES = 0x3000n;

/** Width of the I/O addresses that each kind of device can be told. [QEMU: lsi53c895a.c, edu.c, nvme/ctrl.c] */
const ADDRESS_BITS: Readonly<Partial<Record<DeviceKind, bigint>>> = { lsi53c895a: 32n, edu: 64n, nvme: 64n };

/** What a transfer's size must be a multiple of, and what its address, where not any will do. */
const UNITS: Readonly<Partial<Record<DeviceKind, { readonly size: bigint; readonly address: bigint }>>> = {
  nvme: { size: 512n, address: 4n },
};

/** Memory whose contents the probe knows, so that every change shows. */
const WATCHED: readonly MemoryKind[] = ["private", "shared", "file", "huge", "scattered", "transparent"];

/** Bigger memory than this the probe doesn't touch. [guests/probe/PROTOCOL.md] */
const WATCHED_MOST = 64n << 20n;

/** More at a time takes long under emulation. */
const TRANSFER_MOST = 16n << 20n;

/** Whether a device writes to memory or reads from it. */
export type Direction = "write" | "read";

/** What a device is asked to do. */
export interface Transfer {
  readonly direction: Direction;
  readonly iova: bigint;
  readonly size: bigint;
}

/** Nothing more can be found out in a guest after what a device would do: its kernel ends, or memory is damaged. */
export class FatalFault extends Error {
  override name = "FatalFault";
}

/** The backend in which a group's devices have their mappings. */
function backendOf(state: State, group: string): { container: string; type1: Type1 } {
  const { container } = state.groups.get(group) ?? {};
  const type1 = container === undefined ? undefined : entryOf(state.containers, container).type1;
  if (container === undefined || !type1) {
    throw new HandleError(`group ${group} is in no container with an IOMMU`);
  }
  return { container, type1 };
}

function requireReach(state: State, group: string, range: Range): void {
  const [kind] = entryOf(state.world, group).kinds;
  const bits = kind && ADDRESS_BITS[kind];
  if (bits === undefined) {
    const engines = Object.keys(ADDRESS_BITS).join(", ");
    throw new HandleError(
      `group ${group} has ${kind}, which moves no data; ask for device: one of ${engines}`,
    );
  }
  if (range.last < 1n << bits) return;
  throw new HandleError(
    `${rangeText(range)} is beyond the ${bits} address bits of ${kind}, the device of ${group}`,
  );
}

function requireUnits(state: State, group: string, { iova, size }: Transfer): void {
  const [kind] = entryOf(state.world, group).kinds;
  const unit = kind && UNITS[kind];
  if (!unit || (size % unit.size === 0n && iova % unit.address === 0n)) return;
  throw new HandleError(
    `${kind} moves multiples of ${unit.size} bytes, to and from multiples of ${unit.address}`,
  );
}

/**
 * Makes a device move data from now on, with a mapping of its own for working memory, which the main process made and
 * the device may read and write.
 * @throws HandleError where there is no such mapping, device or container
 */
export function startEngine(state: State, group: string, device: string, iova: bigint): Outcome {
  const { container, type1 } = backendOf(state, group);
  requireReach(state, group, { start: iova, last: iova + ENGINE_BYTES - 1n });
  if (!state.groups.get(group)?.devices.get(device)?.includes(MAIN_PROCESS)) {
    throw new HandleError(`device ${device} is not open`);
  }
  const found = type1.mappings.find((mapping) => mapping.iova === iova);
  if (!found || found.size < ENGINE_BYTES || found.access !== (MAP_READ | MAP_WRITE)) {
    throw new HandleError(`no mapping at ${hex(iova)} is fit for working memory`);
  }
  const engine: Engine = { container, iova, memory: found.memory };
  const workingMemory = [...state.workingMemory, found.memory];
  return {
    state: { ...state, engines: withEntry(state.engines, device, engine), workingMemory },
    answer: ok(),
  };
}

/** The backend of a group's engine, whose working memory must still be where it was. */
function backendOfEngine(state: State, group: string, device: string): Type1 {
  const { container, type1 } = backendOf(state, group);
  const engine = state.engines.get(device);
  if (!engine) throw new HandleError(`no engine was made of group ${group}; write engine: before dma:`);
  const memory = type1.mappings.find(({ memory }) => memory === engine.memory);
  if (memory && container === engine.container) return type1;
  throw new HandleError(
    `the engine of ${group} has lost its working memory at ${hex(engine.iova)}; write engine: anew`,
  );
}

/** Whether the IOMMU lets a device do that: some can't forbid the reading of what may be written. [spec §20] */
function permits(iommu: Iommu, access: number, direction: Direction): boolean {
  const needed = direction === "write" ? MAP_WRITE : MAP_READ | (iommu.readsWriteOnly ? MAP_WRITE : 0);
  return (access & needed) !== 0;
}

/**
 * Lets the device of a group move data. Exactly what is mapped, and may be accessed that way, is moved; a device that
 * is refused tells nobody, so memory is what tells: each process of its own. [spec §20]
 *
 * @returns `landed` or `seen`, the addresses that the bytes came to or from, and `strays`, which there are never any of
 * @throws HandleError for a transfer that the device can't do, or of which nothing could be told; FatalFault where the
 * kernel doesn't survive that something is refused, or the IOMMU misleads the transfer
 */
export function moveData(state: State, group: string, device: string, transfer: Transfer): Outcome {
  const { direction, size } = transfer;
  if (state.process !== MAIN_PROCESS) throw new HandleError(`only the main process has devices move data`);
  if (size === 0n || size > TRANSFER_MOST) throw new HandleError(`moves 1 to ${hex(TRANSFER_MOST)} bytes`);
  const range = rangeOf(transfer);
  requireReach(state, group, range);
  requireUnits(state, group, transfer);
  if (entryOf(state.world, group).iommu.confusesLastBytes && (range.start + 1n) % PAGE_SIZE === 0n) {
    throw new FatalFault("needs an IOMMU that doesn't confuse the last byte of a page");
  }
  const type1 = backendOfEngine(state, group, device);
  const { iommu } = entryOf(state.world, group);
  const within = state.cutOff.includes(group) ? [] : [...type1.stuck ?? [], ...type1.mappings];
  const reached = within.filter((mapping) =>
    overlaps(rangeOf(mapping), range) && permits(iommu, mapping.access, direction)
  );
  for (const mapping of reached) requireTelling(state, mapping, transfer);
  const rule = reachRule(state, group, reached, transfer, range);
  const arrivedOf = (mappings: readonly Mapping[]) =>
    joined(mappings.map((mapping) => common(rangeOf(mapping), range)));
  const [all] = arrivedOf(reached);
  if (!iommu.survivesFaults && !(all && contains(all, range))) {
    throw new FatalFault("needs a guest that survives faults of devices");
  }
  const arrived = (space: number) => arrivedOf(reached.filter(({ memory }) => memory.space === space));
  if (direction === "read") return { state, answer: ok(valuesOf("seen", arrived(MAIN_SPACE)), rule) };
  const children = [...state.processes].filter(([name]) => name !== MAIN_PROCESS);
  const values = children.map(([name, { space }]) =>
    Object.entries(valuesOf("landed", arrived(space))).map(([key, value]) => [`${name}.${key}`, value])
  );
  const main = valuesOf("landed", arrived(MAIN_SPACE));
  return { state, answer: ok({ ...main, ...Object.fromEntries(values.flat()) }, rule) };
}

const valuesOf = (key: string, arrived: RangeList): Record<string, string> => ({
  [key]: rangeListText(arrived),
  strays: "-",
});

/** What decides on how far a transfer gets. */
function reachRule(
  state: State,
  group: string,
  reached: readonly Mapping[],
  { direction }: Transfer,
  range: Range,
): RuleText {
  if (state.cutOff.includes(group)) return "§12 Q4";
  const { type1 } = backendOf(state, group);
  if (type1.stuck?.some((mapping) => reached.includes(mapping))) return "§12 R1c";
  const needed = direction === "write" ? MAP_WRITE : MAP_READ;
  if (allIn(type1, range).some(({ access }) => (access & needed) === 0)) return "§20.1 row 3";
  const [all] = joined(reached.map(rangeOf));
  if (all && contains(all, range)) return "§20.1 row 1";
  return all ? "§20.1 rows 1 and 2" : "§20.1 row 2";
}

function requireTelling(state: State, { iova, size, memory }: Mapping, { direction }: Transfer): void {
  const where = `the mapping at ${hex(iova)}`;
  if (state.workingMemory.includes(memory)) throw new HandleError(`${where} is an engine's own`);
  if (!WATCHED.includes(memory.kind)) {
    throw new HandleError(`${where} is of ${memory.kind} memory, in which a transfer doesn't show`);
  }
  if (size > WATCHED_MOST) {
    throw new HandleError(
      `${where} has more than ${hex(WATCHED_MOST)} bytes, in which a transfer doesn't show`,
    );
  }
  if (direction === "read" && memory.space !== MAIN_SPACE) {
    throw new HandleError(`${where} is of a child's memory: what was read of it can't be told; write to it`);
  }
}

/** The same addresses in order, neighbours as one range. */
function joined(ranges: RangeList): RangeList {
  const sorted = ranges.toSorted((a, b) => (a.start < b.start ? -1 : 1));
  return sorted.reduce<Range[]>((list, range) => {
    const before = list.at(-1);
    if (!before || before.last + 1n < range.start) return [...list, range];
    const last = range.last > before.last ? range.last : before.last;
    return [...list.slice(0, -1), { start: before.start, last }];
  }, []);
}
