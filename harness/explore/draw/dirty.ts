/** Dirty pages: tracked, asked for, and told by UNMAP. */
import { PAGE_SIZE } from "../../model/constants.ts";
import { U64_MAX } from "../../model/range_list.ts";
import type { Type1 } from "../../model/state.ts";
import type { WrittenStep } from "../sequence.ts";
import { absurdSize, byteAt, pageAt, someEdge } from "./borders.ts";
import type { Random } from "./random.ts";
import { inContainer, isNonsense, nothingToDraw, pickBackend, type Situation } from "./situation.ts";

export function drawDirty(situation: Situation): WrittenStep {
  const { random } = situation;
  const [key, { tracksDirtyPages }] = pickBackend(situation);
  if (isNonsense(situation)) {
    const flags = random.oneOf([0n, 1n, 2n, 3n, 4n, 4n, 4n, 5n, 8n, 0x80000001n]);
    const argsz = random.chance(50) ? { argsz: random.oneOf([0n, 7n, 8n, 9n, 48n]) } : {};
    return { dirty: { ...inContainer(key), flags, ...argsz } };
  }
  const starts = tracksDirtyPages ? random.chance(15) : random.chance(90);
  const { container } = inContainer(key);
  if (container === undefined) return { dirty: starts ? "start" : "stop" };
  return { dirty: { container, flags: starts ? 1n : 2n } };
}

/** Of a larger range nobody wants to look at every bit. */
const ASKED_MOST = 4096n * PAGE_SIZE;
/** Of more than this the bitmap is larger than any kernel takes, 256 MiB. */
const TAKEN_MOST = 1n << 43n;

/** From a little before a mapping, or from its start, to one further up. */
function askedRange(situation: Situation, { mappings }: Type1): { iova: bigint; size: bigint } {
  const { random } = situation;
  if (mappings.length === 0) nothingToDraw();
  const index = random.below(mappings.length);
  const first = mappings[index]!;
  const final =
    mappings[Math.min(mappings.length - 1, index + random.weighted([[4, 0], [2, 1], [1, 2], [1, 5]]))]!;
  const before = random.weighted<bigint>([[4, 0n], [3, 1n], [2, 2n], [2, random.between(0n, 70n)], [1, -1n]]);
  const behind = random.weighted<bigint>([[4, 0n], [2, 1n], [2, random.between(0n, 70n)], [1, -1n]]);
  const iova = first.iova - before * PAGE_SIZE;
  const end = final.iova + final.size + behind * PAGE_SIZE;
  if (iova < 0n || end > U64_MAX + 1n || end <= iova) nothingToDraw();
  return { iova, size: end - iova };
}

/** A range that is wrong in itself, and refused for it. */
function wrongRange(situation: Situation, type1: Type1): { iova: bigint; size: bigint } {
  const { random } = situation;
  const edge = someEdge(situation, type1);
  const iova = random.chance(60) ? pageAt(random, edge) : byteAt(random, edge);
  return { iova, size: absurdSize(random, iova) };
}

/** What is wrong with a bitmap's description, or with the bitmap. */
function bitmapOddity(random: Random): Readonly<Record<string, bigint>> {
  switch (random.below(5)) {
    case 0:
      return { "page-size": random.oneOf([0x800n, 0x2000n, 0x10000n, 2n << 20n, 1n << 30n, 3n * PAGE_SIZE]) };
    case 1:
      return { bytes: random.oneOf([0n, 1n, 7n, 8n, 16n, 4096n, 0x10000000n, 0x10000001n, U64_MAX]) };
    case 2:
      return { data: random.oneOf([0n, 0x1000n, 1n << 63n, U64_MAX]) };
    default:
      return { accessible: random.oneOf([0n, 8n, 16n, 24n]) };
  }
}

/** Ranges of which the probe would have to make a bitmap of many pages are left out, unless they are too big anyhow. */
function requireModest(size: bigint): void {
  if (size > ASKED_MOST && size <= TAKEN_MOST) nothingToDraw();
}

/** Of a hundred questions that nobody could answer for want of tracking so many begin it instead. */
const BEGINNING_PERCENT = 80;

/** The container and the range that are asked about; undefined where tracking had better begin first. */
function drawQuestion(situation: Situation): { container?: string; iova: bigint; size: bigint } | undefined {
  const [key, type1] = pickBackend(situation);
  if (!type1.tracksDirtyPages && situation.random.chance(BEGINNING_PERCENT)) return undefined;
  const { iova, size } = (isNonsense(situation) ? wrongRange : askedRange)(situation, type1);
  requireModest(size);
  return { ...inContainer(key), iova, size };
}

export function drawDirtyGet(situation: Situation): WrittenStep {
  const { random } = situation;
  const question = drawQuestion(situation);
  if (!question) return drawDirty(situation);
  const oddity = random.chance(6) || isNonsense(situation) ? bitmapOddity(random) : {};
  const argsz = isNonsense(situation) ? { argsz: random.oneOf([0n, 7n, 8n, 47n, 48n, 49n]) } : {};
  return { "dirty-get": { ...question, ...oddity, ...argsz } };
}

export function drawUnmapWithBitmap(situation: Situation): WrittenStep {
  const { random } = situation;
  const question = drawQuestion(situation);
  if (!question) return drawDirty(situation);
  const bitmap = random.chance(25) || isNonsense(situation) ? { bitmap: bitmapOddity(random) } : {};
  const argsz = isNonsense(situation) ? { argsz: random.oneOf([24n, 47n, 48n, 49n]) } : {};
  return { unmap: { ...question, flags: 1n, ...bitmap, ...argsz } };
}
