/** Addresses and sizes at which kernels go wrong: where something ends and something else begins. */
import { PAGE_SIZE } from "../../model/constants.ts";
import { overlaps, type Range, U64_MAX } from "../../model/range_list.ts";
import { entryOf, type State, type Type1 } from "../../model/state.ts";
import type { Group } from "../../model/world.ts";
import type { Random } from "./random.ts";
import type { Situation } from "./situation.ts";

export const HUGE_BYTES = 2n << 20n;
const END = U64_MAX + 1n;

/** What a MAP or an UNMAP is about. */
export interface Place {
  readonly iova: bigint;
  readonly size: bigint;
}

/** Where a device of 32 address bits gets to. */
const REACH = 1n << 32n;

export const alignDown = (address: bigint): bigint => address - (address % PAGE_SIZE);
export const alignUp = (address: bigint): bigint => alignDown(address + PAGE_SIZE - 1n);

/** What fits 64 bits, wherever a sum led. */
export const wrapped = (address: bigint): bigint => BigInt.asUintN(64, address);

const edgesOf = ({ start, last }: Range): bigint[] => [start, last + 1n];

/** Where something of the container begins, or is first over. */
function edgesIn(state: State, { list, mappings, domains }: Type1, random: Random): bigint[] {
  switch (random.below(4)) {
    case 0:
    case 1:
      return list.flatMap(edgesOf);
    case 2:
      return mappings.flatMap(({ iova, size }) => [iova, iova + size]);
    default:
      return domains.flatMap(({ groups }) => groups).flatMap((group) => edgesAround(state, group));
  }
}

/** Where a group's regions and its aperture begin and end, and what it is refused. */
export const edgesOfGroup = ({ reserved, iommu: { aperture, refuses } }: Group): bigint[] =>
  [...reserved, aperture, ...(refuses ? [refuses] : [])].flatMap(edgesOf);

const edgesAround = ({ world }: State, group: string): bigint[] => edgesOfGroup(entryOf(world, group));

/** An address at which something begins, or is first over; up to 2^64. */
export function someEdge({ random, state, traits }: Situation, type1: Type1): bigint {
  const choice = random.below(20);
  const edges = choice < 8
    ? edgesIn(state, type1, random)
    : choice < 14
    ? edgesAround(state, random.oneOf(traits.groups))
    : choice < 19
    ? traits.meetingAddresses
    : [0n, END];
  const near = traits.isInReach ? edges.filter((edge) => edge <= REACH) : edges;
  return random.oneOf(near.length > 0 ? near : traits.meetingAddresses);
}

/** Ends of pages at or beside an edge. */
export function pageAt(random: Random, edge: bigint): bigint {
  const aligned = random.chance(50) ? alignDown(edge) : alignUp(edge);
  const away = random.weighted<bigint>([
    [10, 0n],
    [3, PAGE_SIZE],
    [3, -PAGE_SIZE],
    [1, HUGE_BYTES],
    [1, -HUGE_BYTES],
    [2, 16n * PAGE_SIZE],
  ]);
  return wrapped(aligned + away);
}

/** Any address at or beside an edge. */
export const byteAt = (random: Random, edge: bigint): bigint =>
  wrapped(edge + random.oneOf([0n, 1n, -1n, 0x800n, PAGE_SIZE + 1n, PAGE_SIZE - 1n]));

/**
 * How much is asked for where there is nothing to reach up to. Many pages are rare: a guest takes longer for 512 than for
 * a hundred mappings of one.
 */
export const someSize = (random: Random): bigint =>
  PAGE_SIZE * random.weighted<bigint>([
    [24, 1n],
    [12, 2n],
    [9, 3n],
    [9, 4n],
    [4, 16n],
    [1, 63n],
    [2, 64n],
    [1, 65n],
    [1, 512n],
  ]);

/** Sizes that no sensible program asks for. */
export function absurdSize(random: Random, iova: bigint): bigint {
  const toTheEnd = END - iova;
  return random.weighted<bigint>([
    [3, 0n],
    [3, toTheEnd <= U64_MAX ? toTheEnd : U64_MAX],
    [2, wrapped(toTheEnd + PAGE_SIZE)],
    [2, wrapped(toTheEnd - PAGE_SIZE)],
    [1, U64_MAX],
    [1, alignDown(U64_MAX)],
    [1, 1n],
    [1, PAGE_SIZE - 1n],
    [1, PAGE_SIZE + 1n],
    [1, 1n << random.between(12n, 63n)],
  ]);
}

/** Whether the address space has so much from there on, and all of it is free in the list. */
export const isFree = ({ list, mappings }: Type1, iova: bigint, size: bigint): boolean => {
  const range = { start: iova, last: iova + size - 1n };
  return list.some(({ start, last }) => start <= range.start && range.last <= last) &&
    !mappings.some((mapping) =>
      overlaps({ start: mapping.iova, last: mapping.iova + mapping.size - 1n }, range)
    );
};
