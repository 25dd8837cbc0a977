/** Devices that move data. */
import { ENGINE_BYTES } from "../../model/dma.ts";
import { PAGE_SIZE } from "../../model/constants.ts";
import { overlaps } from "../../model/range_list.ts";
import { isMsi } from "../../model/reserved.ts";
import { entryOf, type State, type Type1 } from "../../model/state.ts";
import type { Group } from "../../model/world.ts";
import type { WrittenStep } from "../sequence.ts";
import { isFree, pageAt, someEdge } from "./borders.ts";
import type { Random } from "./random.ts";
import { inContainer, nothingToDraw, type Situation } from "./situation.ts";

/** What moves data at once; an edu takes 0.2 s for 2 KiB. [guests/probe/PROTOCOL.md] */
export const QUICK_DEVICES: readonly string[] = ["lsi53c895a", "nvme"];

/** Below this every one of them gets, and no QEMU has trouble. [spec §19, of nvme and amd-iommu] */
const REACH = 1n << 32n;

/** Groups of such devices that are in a container with an IOMMU, with that container. */
function engines({ state }: Situation): (readonly [group: string, key: string, type1: Type1])[] {
  return [...state.groups].flatMap(([group, { container: key }]) => {
    const type1 = key === undefined ? undefined : state.containers.get(key)?.type1;
    const isAble = movesData(entryOf(state.world, group));
    return key !== undefined && type1 && isAble ? [[group, key, type1] as const] : [];
  });
}

/** QEMU's amd-iommu before 11 takes what is behind a bridge for what is on the root bus. [spec §19] */
function movesData({ kinds: [kind], devices, iommu }: Group): boolean {
  const isMistaken = iommu.name.startsWith("amd") &&
    !devices.every((address) => address.startsWith("0000:00:"));
  return QUICK_DEVICES.some((quick) => quick === kind) && !isMistaken;
}

export function drawEngine(situation: Situation): WrittenStep {
  const { random, state } = situation;
  const able = engines(situation);
  const idle = able.filter(([group]) => !state.engines.has(`${group}-0`));
  if (able.length === 0) nothingToDraw();
  const [group, key, type1] = random.oneOf(idle.length > 0 ? idle : able);
  for (let tries = 0; tries < 6; tries++) {
    const at = pageAt(random, someEdge(situation, type1));
    if (isFree(type1, at, ENGINE_BYTES)) return { engine: { group, at, ...inContainer(key) } };
  }
  return nothingToDraw();
}

/** Where mappings begin and end, and where else something does. */
function addressFor(situation: Situation, type1: Type1, units: bigint): bigint {
  const { random } = situation;
  const borders = type1.mappings.flatMap(({ iova, size }) => [iova, iova + size]);
  const edge = borders.length > 0 && random.chance(80) ? random.oneOf(borders) : someEdge(situation, type1);
  const away = random.weighted<bigint>([[4, 0n], [2, -16n], [1, 16n], [1, -1n], [1, 1n], [1, -PAGE_SIZE]]);
  const address = edge + away;
  return address - (((address % units) + units) % units);
}

const sizeFor = (random: Random): bigint =>
  random.weighted<bigint>([[4, 16n], [2, 64n], [2, 1n], [2, PAGE_SIZE], [1, PAGE_SIZE + 1n], [
    1,
    3n * PAGE_SIZE,
  ]]);

/** A device that writes to where interrupts go sets one off. */
const isInterrupt = ({ world }: State, group: string, start: bigint, last: bigint): boolean =>
  entryOf(world, group).reserved.some((region) => isMsi(region) && overlaps(region, { start, last }));

export function drawDma(situation: Situation): WrittenStep {
  const { random, state } = situation;
  const ready = engines(situation).filter(([group]) => state.engines.has(`${group}-0`));
  if (ready.length === 0) return drawEngine(situation);
  const [group, , type1] = random.oneOf(ready);
  const isNvme = entryOf(state.world, group).kinds[0] === "nvme";
  const at = addressFor(situation, type1, isNvme ? 4n : 1n);
  const size = isNvme ? 512n * random.between(1n, 9n) : sizeFor(random);
  if (at < 0n || at + size > REACH || isInterrupt(state, group, at, at + size - 1n)) {
    nothingToDraw();
  }
  return { dma: { group, [random.chance(60) ? "write" : "read"]: at, size } };
}
