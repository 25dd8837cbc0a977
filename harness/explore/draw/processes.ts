/** Further processes, and what each may lock. */
import { PAGE_SIZE } from "../../model/constants.ts";
import { lockedPages } from "../../model/locked_memory.ts";
import { entryOf } from "../../model/state.ts";
import type { WrittenStep } from "../sequence.ts";
import { nothingToDraw, type Situation } from "./situation.ts";

export function drawFork({ random, traits, state }: Situation): WrittenStep {
  const missing = traits.processes.filter((name) => !state.processes.has(name));
  if (missing.length === 0) nothingToDraw();
  return { fork: random.oneOf(missing) };
}

function child({ random, traits, state }: Situation): string {
  const children = traits.processes.filter((name) => state.processes.has(name));
  if (children.length === 0) nothingToDraw();
  return random.oneOf(children);
}

export const drawExec = (situation: Situation): WrittenStep => ({ exec: child(situation) });

export const drawExit = (situation: Situation): WrittenStep => ({ exit: child(situation) });

/** A limit about as high as what is locked already, in pages and in odd bytes. */
export function drawMemlock({ random, state, process }: Situation): WrittenStep {
  if (random.chance(40)) return { memlock: { limit: 0n, capability: true } };
  const locked = lockedPages(state, entryOf(state.processes, process).space) * PAGE_SIZE;
  const more = PAGE_SIZE * random.oneOf([-1n, 0n, 1n, 2n, 4n, 16n, 64n]);
  const odd = random.weighted<bigint>([[6, 0n], [1, -1n], [1, 1n]]);
  const limit = locked + more + odd;
  return { memlock: { limit: limit < 0n ? 0n : limit } };
}
