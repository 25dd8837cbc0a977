/** Races by chance: few calls of two threads that are likely to get into each other's way. */
import { PAGE_SIZE } from "../../model/constants.ts";
import { DIRTY_START, DIRTY_STOP } from "../../model/dirty.ts";
import { MAP_READ, MAP_VADDR, MAP_WRITE } from "../../model/map.ts";
import type { ReservedRegion } from "../../model/reserved.ts";
import { DEFAULT_DMA_ENTRY_LIMIT } from "../../model/state.ts";
import { UNMAP_ALL_FLAG, UNMAP_DIRTY_BITMAP_FLAG, UNMAP_VADDR_FLAG } from "../../model/unmap.ts";
import type { Action } from "../../scenario/action.ts";
import { checkExtensionAction, setIommuAction, TYPE1_V2 } from "../../scenario/steps/container.ts";
import { dirtyAction, dirtyGetAction } from "../../scenario/steps/dirty.ts";
import { setContainerAction, unsetContainerAction } from "../../scenario/steps/group.ts";
import { infoAction } from "../../scenario/steps/info.ts";
import { mapAction } from "../../scenario/steps/map.ts";
import { unmapAction } from "../../scenario/steps/unmap.ts";
import { Random, type Weighted } from "../draw/random.ts";
import { CONTAINER, type Race, type Stage, WINDOW } from "./race.ts";

/** How many calls a thread makes. */
const CALLS = { least: 2, most: 5 };

/** Room for the answer to any GET_INFO of a race, which is to be one call. */
const INFO_BYTES = 0x10000;

const TYPE1 = 1n;

/** DMA_CC, UNMAP_ALL, UPDATE_VADDR. [linux/vfio.h] */
const EXTENSIONS = [4n, 9n, 10n];

const MAP_FLAGS = [MAP_READ, MAP_WRITE, MAP_READ | MAP_WRITE];

interface Span {
  readonly iova: bigint;
  readonly size: bigint;
}

/** What a race is drawn from. */
interface Draw {
  readonly random: Random;
  /** Ranges that calls are about, so that they meet. */
  readonly spans: readonly Span[];
  /** Groups that come and go. */
  readonly guests: readonly string[];
}

/** A draw for one thread, or for the setup, which knows what it has done. */
interface OwnDraw extends Draw {
  /** What it has mapped, attached or taken the memory of, and not undone since. */
  readonly done: Set<unknown>;
}

/** What can be drawn. */
type CallDraw = (draw: OwnDraw) => Action;

/** What a race is mostly about. */
interface Theme {
  readonly hasIommu: boolean;
  readonly isDirty: boolean;
  readonly calls: Weighted<CallDraw>;
}

const drawInfo: CallDraw = () => infoAction(CONTAINER, INFO_BYTES);

const drawExtension: CallDraw = ({ random }) => checkExtensionAction(CONTAINER, random.oneOf(EXTENSIONS));

const drawIommu: CallDraw = ({ random }) =>
  setIommuAction(CONTAINER, random.oneOf([TYPE1_V2, TYPE1_V2, TYPE1]));

const THEMES: Weighted<Theme> = [
  [3, { hasIommu: true, isDirty: false, calls: [[8, drawMapping], [1, drawInfo]] }],
  [4, { hasIommu: true, isDirty: false, calls: [[4, drawMapping], [4, drawMembership], [1, drawInfo]] }],
  [2, {
    hasIommu: false,
    isDirty: false,
    calls: [[2, drawIommu], [4, drawMapping], [3, drawMembership], [1, drawInfo], [1, drawExtension]],
  }],
  [2, { hasIommu: true, isDirty: true, calls: [[5, drawMapping], [4, drawDirty], [1, drawMembership]] }],
  [2, { hasIommu: true, isDirty: false, calls: [[4, drawVaddr], [3, drawMapping], [3, drawMembership]] }],
  [1, {
    hasIommu: true,
    isDirty: true,
    calls: [drawMapping, drawMembership, drawVaddr, drawDirty, drawIommu, drawInfo, drawExtension]
      .map((draw) => [1, draw]),
  }],
];

/**
 * The race of that number. The same arguments give the same one, anywhere.
 * @param index tells the races of one seed apart
 */
export function drawRace(seed: number, index: number, stage: Stage): Race {
  const random = new Random(seed, index);
  const [host, ...others] = [...stage.groups.keys()];
  if (host === undefined || others.length === 0) throw new RangeError("a race needs two groups");
  const guests = stage.mayEmpty ? [host, ...others] : others;
  const theme = random.weighted(THEMES);
  const spans = Array.from({ length: 1 + random.below(3) }, () => drawSpan(random));
  const draw: Draw = { random, spans, guests };
  return {
    seed,
    index,
    regions: new Map(
      others.map((name) => [name, stage.hasModule && random.chance(60) ? [drawRegion(random)] : []]),
    ),
    mappingLimit: random.chance(20) ? 1 + random.below(2) : DEFAULT_DMA_ENTRY_LIMIT,
    setup: drawSetup(draw, host, theme),
    threads: [drawThread(draw, theme), drawThread(draw, theme)],
  };
}

const PAGES = Number((WINDOW.last - WINDOW.start + 1n) / PAGE_SIZE);

/** One to three pages of the window. */
function drawSpan(random: Random): Span {
  const page = random.below(PAGES);
  const pages = 1 + random.below(Math.min(3, PAGES - page));
  return { iova: WINDOW.start + BigInt(page) * PAGE_SIZE, size: BigInt(pages) * PAGE_SIZE };
}

/** Some pages of the window, now and then a byte of one only. */
function drawRegion(random: Random): ReservedRegion {
  const { iova, size } = drawSpan(random);
  const kind = random.weighted([[8, "reserved"], [1, "direct-relaxable"]] as const);
  if (random.chance(80)) return { start: iova, last: iova + size - 1n, kind };
  const start = random.between(iova, iova + size - 1n);
  return { start, last: start, kind };
}

function drawSetup(draw: Draw, host: string, { hasIommu, isDirty }: Theme): Action[] {
  const { random, guests } = draw;
  const own: OwnDraw = { ...draw, done: new Set() };
  const attached = guests.filter((name) => name !== host && random.chance(30));
  const joins = [host, ...attached].map((name) => setContainerAction(name, CONTAINER));
  if (!hasIommu) return joins;
  return [
    ...joins,
    setIommuAction(CONTAINER, isDirty || random.chance(85) ? TYPE1_V2 : TYPE1),
    ...(isDirty && random.chance(60) ? [dirtyAction(CONTAINER, DIRTY_START, undefined)] : []),
    ...Array.from({ length: random.below(3) }, () => drawMap(own, random.oneOf(draw.spans))),
  ];
}

function drawThread(draw: Draw, { calls }: Theme): Action[] {
  const { random } = draw;
  const own: OwnDraw = { ...draw, done: new Set() };
  const count = CALLS.least + random.below(CALLS.most - CALLS.least + 1);
  return Array.from({ length: count }, () => random.weighted(calls)(own));
}

/** Whether to undo what this thread has done last; if so or not, the next time it is mostly the other way round. */
function undoes({ random, done }: OwnDraw, what: unknown): boolean {
  const isDone = done.has(what) !== random.chance(20);
  if (isDone) done.delete(what);
  else done.add(what);
  return isDone;
}

function drawMapping(draw: OwnDraw): Action {
  const { random, spans } = draw;
  if (random.chance(15)) return drawUnmap(draw, drawSpan(random));
  const span = random.oneOf(spans);
  return undoes(draw, span) ? drawUnmap(draw, span) : drawMap(draw, span);
}

function drawMap({ random }: OwnDraw, span: Span): Action {
  return mapAction(CONTAINER, { ...span, flags: random.oneOf(MAP_FLAGS) });
}

function drawUnmap({ random }: OwnDraw, span: Span): Action {
  if (random.chance(10)) return unmapAction(CONTAINER, { iova: 0n, size: 0n, flags: UNMAP_ALL_FLAG });
  return unmapAction(CONTAINER, { ...span, flags: random.chance(15) ? UNMAP_DIRTY_BITMAP_FLAG : 0 });
}

function drawMembership(draw: OwnDraw): Action {
  const group = draw.random.oneOf(draw.guests);
  return undoes(draw, group) ? unsetContainerAction(group) : setContainerAction(group, CONTAINER);
}

function drawDirty({ random, spans }: OwnDraw): Action {
  const span = random.oneOf(spans);
  switch (random.below(4)) {
    case 0:
      return dirtyAction(CONTAINER, DIRTY_START, undefined);
    case 1:
      return dirtyAction(CONTAINER, DIRTY_STOP, undefined);
    case 2:
      return unmapAction(CONTAINER, { ...span, flags: UNMAP_DIRTY_BITMAP_FLAG });
    default:
      return dirtyGetAction(CONTAINER, { ...span, bitmap: {} });
  }
}

/** Takes a mapping's memory away, or gives it another; meanwhile no group can join. */
function drawVaddr(draw: OwnDraw): Action {
  const span = draw.random.oneOf(draw.spans);
  return undoes(draw, `vaddr ${span.iova}`)
    ? mapAction(CONTAINER, { ...span, flags: MAP_VADDR })
    : unmapAction(CONTAINER, { ...span, flags: UNMAP_VADDR_FLAG });
}
