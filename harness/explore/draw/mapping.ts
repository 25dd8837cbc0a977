/** MAP, as programs mean it and as they don't. */
import { PAGE_SIZE } from "../../model/constants.ts";
import { U64_MAX } from "../../model/range_list.ts";
import { entryOf, MAIN_PROCESS, type Type1 } from "../../model/state.ts";
import type { MemoryKind } from "../../model/pinning.ts";
import type { WrittenStep } from "../sequence.ts";
import {
  absurdSize,
  alignDown,
  byteAt,
  HUGE_BYTES,
  isFree,
  pageAt,
  type Place,
  someEdge,
  someSize,
  wrapped,
} from "./borders.ts";
import type { Random } from "./random.ts";
import { inContainer, isNonsense, nothingToDraw, pickBackend, type Situation } from "./situation.ts";

/** Attempts to find a place where nothing is in the way. */
const TRIES = 6;

/** A place that begins or ends at a border, or goes over it. */
function placeAtBorder(situation: Situation, type1: Type1): Place {
  const { random } = situation;
  const edge = someEdge(situation, type1);
  const size = someSize(random);
  const page = pageAt(random, edge);
  const before = random.weighted<bigint>([[3, 0n], [3, size], [1, alignDown(size / 2n)]]);
  return { iova: wrapped(page - before), size };
}

/** A place for a mapping that nothing refuses, if one is found soon. */
function freePlace(situation: Situation, type1: Type1): Place {
  let place = placeAtBorder(situation, type1);
  for (let tries = 1; tries < TRIES && !isFree(type1, place.iova, place.size); tries++) {
    place = placeAtBorder(situation, type1);
  }
  return place;
}

/** What lies between two borders as a whole: a mapping as large as a range, or as the gap up to the next one. */
function gap(situation: Situation, type1: Type1): Place {
  const from = pageAt(situation.random, someEdge(situation, type1));
  const borders = [
    ...type1.list.flatMap(({ start, last }) => [start, last + 1n]),
    ...type1.mappings.flatMap(({ iova, size }) => [iova, iova + size]),
  ].filter((border) => border > from);
  if (borders.length === 0) nothingToDraw();
  const next = borders.reduce((least, border) => (border < least ? border : least));
  return { iova: from, size: alignDown(next - from) || PAGE_SIZE };
}

function placeToMap(situation: Situation, type1: Type1): Place {
  const { random } = situation;
  const isFull = type1.mappings.length >= situation.traits.mappingsMost;
  if (isFull && !random.chance(10)) nothingToDraw();
  if (isNonsense(situation)) {
    const iova = random.chance(60)
      ? pageAt(random, someEdge(situation, type1))
      : byteAt(random, someEdge(situation, type1));
    return { iova, size: random.chance(60) ? absurdSize(random, iova) : someSize(random) };
  }
  return random.weighted<(situation: Situation, type1: Type1) => Place>([
    [14, freePlace],
    [4, placeAtBorder],
    [1, gap],
  ])(situation, type1);
}

/** Memory that is made of huge pages, so that its sizes are multiples of theirs. */
const isHuge = (kind: MemoryKind): boolean => kind === "huge" || kind === "transparent";

/** The probe's RAM disk and registers are no larger than that. */
const SMALL_BYTES = 1n << 20n;
/** No process has more than this to map without touching it. */
const UNTOUCHED_BYTES = 1n << 40n;

/** What is behind the mapping: ordinary memory, most of the time. */
function memoryFor(
  situation: Situation,
  { iova, size }: Place,
): { memory?: MemoryKind; iova: bigint; size: bigint } {
  const { random, traits } = situation;
  if (random.chance(60)) return { iova, size };
  const kind = random.oneOf(traits.memoryKinds);
  if (isHuge(kind)) {
    const isInLine = random.chance(70);
    return { iova: isInLine ? iova - (iova % HUGE_BYTES) : iova, size: HUGE_BYTES, memory: kind };
  }
  const most = kind === "private"
    ? U64_MAX
    : kind === "none" || kind === "untouched" || kind === "read-only"
    ? UNTOUCHED_BYTES
    : SMALL_BYTES;
  const isPossible = size <= most && (kind !== "device" || hasRegisters(situation));
  return isPossible ? { iova, size, memory: kind } : { iova, size };
}

/** Of the devices here an edu alone has registers that can be mapped; the probe takes the one that was opened first. */
function hasRegisters({ state, process }: Situation): boolean {
  if (process !== MAIN_PROCESS) return false;
  const opened = [...state.groups].filter(([, { devices }]) => devices.size > 0);
  return opened.length > 0 &&
    opened.every(([name, { devices }]) =>
      entryOf(state.world, name).kinds[0] === "edu" &&
      [...devices.values()].every((holders) => holders.includes(MAIN_PROCESS))
    );
}

const ACCESSES = [[12, "rw"], [4, "r"], [3, "w"]] as const;

/** Flags that are wrong, or new, or wrong together. */
const ODD_FLAGS = [0n, 4n, 5n, 7n, 8n, 0xbn, 0x13n, 0xffffffffn];

/** Addresses at which the probe has nothing, which aren't a user's, and which are no multiple of a page. */
export const NOWHERE = [
  0n,
  0x1000n,
  0x800n,
  0x1234n,
  0x800000000000n,
  1n << 63n,
  alignDown(U64_MAX),
  U64_MAX,
];

/** Faults that a MAP can have beside its address and size. */
function mapOddity(random: Random, size: bigint): Readonly<Record<string, unknown>> {
  switch (random.below(5)) {
    case 0:
      return { flags: random.oneOf(ODD_FLAGS) };
    case 1:
      return { vaddr: random.oneOf(NOWHERE), access: random.weighted(ACCESSES) };
    case 2:
      return { argsz: random.oneOf([0n, 8n, 24n, 31n, 32n, 33n, 40n, 0xffffffffn]) };
    case 3:
      return { access: "-" };
    default:
      return size > 0n && size <= SMALL_BYTES && size % PAGE_SIZE === 0n
        ? { "inaccessible-page": random.between(0n, size / PAGE_SIZE - 1n) }
        : { argsz: 31n };
  }
}

export function drawMap(situation: Situation): WrittenStep {
  const { random } = situation;
  const [key, type1] = pickBackend(situation);
  const { memory, iova, size } = memoryFor(situation, placeToMap(situation, type1));
  const hasOddity = random.chance(3) || isNonsense(situation) && random.chance(50);
  const oddity = hasOddity && memory === undefined ? mapOddity(random, size) : {};
  const access = random.weighted(ACCESSES);
  const hasAccess = "access" in oddity || "flags" in oddity || access === "rw";
  return {
    map: {
      ...inContainer(key),
      iova,
      size,
      ...(hasAccess ? {} : { access }),
      ...(memory === undefined || memory === "private" ? {} : { memory }),
      ...oddity,
    },
  };
}

export const drawWalk = (situation: Situation): WrittenStep => ({ walk: pickBackend(situation)[0] });
