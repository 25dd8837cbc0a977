/** UNMAP: of mappings, of several, of parts, and of nothing at all. */
import { PAGE_SIZE } from "../../model/constants.ts";
import { U64_MAX } from "../../model/range_list.ts";
import type { Mapping, Type1 } from "../../model/state.ts";
import type { WrittenStep } from "../sequence.ts";
import { absurdSize, alignDown, byteAt, pageAt, type Place, someEdge, someSize, wrapped } from "./borders.ts";
import type { Random } from "./random.ts";
import { inContainer, isNonsense, nothingToDraw, pickBackend, type Situation } from "./situation.ts";

/** What an UNMAP is about: a mapping, several, parts, or nothing at all. */
export function placeToUnmap(situation: Situation, type1: Type1): Place {
  const { random } = situation;
  const { mappings } = type1;
  if (mappings.length === 0 || isNonsense(situation)) return anyPlace(situation, type1);
  const index = random.below(mappings.length);
  const first = mappings[index]!;
  return random.weighted<() => Place>([
    [8, () => ({ iova: first.iova, size: first.size })],
    [3, () => upTo(first, mappings[Math.min(mappings.length - 1, index + 1 + random.below(3))]!)],
    [2, () => askew(random, first)],
    [2, () => ({ iova: pageAt(random, someEdge(situation, type1)), size: someSize(random) })],
    [1, () => upTo(mappings[0]!, mappings.at(-1)!)],
    [1, () => wholeRange(random, type1)],
    [1, () => ({ iova: first.iova, size: U64_MAX - first.iova + 1n })],
  ])();
}

function anyPlace(situation: Situation, type1: Type1): Place {
  const { random } = situation;
  const edge = someEdge(situation, type1);
  const iova = random.chance(70) ? pageAt(random, edge) : byteAt(random, edge);
  return { iova, size: random.chance(50) ? absurdSize(random, iova) : someSize(random) };
}

const upTo = (first: Mapping, last: Mapping): Place => ({
  iova: first.iova,
  size: last.iova + last.size - first.iova,
});

/** A mapping and a page more or less, on either side. */
export function askew(random: Random, { iova, size }: Mapping): Place {
  const [before, behind] = random.oneOf([[1n, 0n], [-1n, 0n], [0n, 1n], [0n, -1n], [1n, 1n], [-1n, 1n], [
    1n,
    -1n,
  ]]);
  return { iova: wrapped(iova - before! * PAGE_SIZE), size: wrapped(size + (before! + behind!) * PAGE_SIZE) };
}

function wholeRange(random: Random, { list }: Type1): Place {
  const { start, last } = random.oneOf(list);
  const iova = alignDown(start);
  return { iova, size: wrapped(alignDown(last) + PAGE_SIZE - iova) };
}

export function drawUnmap(situation: Situation): WrittenStep {
  const { random } = situation;
  const [key, type1] = pickBackend(situation);
  if (random.chance(5)) return { unmap: { ...inContainer(key), flags: 2n } };
  const { iova, size } = placeToUnmap(situation, type1);
  if (size > U64_MAX) nothingToDraw();
  const oddity = isNonsense(situation) ? unmapOddity(random) : {};
  return { unmap: { ...inContainer(key), iova, size, ...oddity } };
}

function unmapOddity(random: Random): Readonly<Record<string, unknown>> {
  return random.chance(60)
    ? { flags: random.oneOf([2n, 3n, 4n, 5n, 6n, 8n, 0x80000000n]) }
    : { argsz: random.oneOf([0n, 8n, 23n, 24n, 25n, 48n, 0xffffffffn]) };
}
