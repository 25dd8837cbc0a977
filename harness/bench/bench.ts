/** What the harness is measured by: how soon a guest is there, how fast it answers, how fast answers are compared. */
import { join } from "node:path";
import type { CellPlan } from "../check/cell_plan.ts";
import { Guest } from "../guest/guest.ts";
import { BenchGuest, CONTAINER } from "./bench_guest.ts";
import { type Exploring, explorings } from "./exploring.ts";
import { randomSteps } from "./random_steps.ts";
import { measureThroughput, type Throughput } from "./throughput.ts";

export interface BenchOptions {
  /** How often each thing is measured, from 1. */
  readonly repeat: number;
  /** Of the first repetition; the next has the next. */
  readonly seed: number;
  /** MAPs and UNMAPs per repetition. */
  readonly steps: number;
  /** Round trips per repetition. */
  readonly roundTrips: number;
  /** Random sequences per repetition. */
  readonly sequences: number;
  /** Aborted, the guest ends at once. */
  readonly signal: AbortSignal;
}

/** One entry per repetition. */
export interface BenchResult {
  readonly accelerator: string;
  /** From QEMU's start to the probe's greeting. */
  readonly bootMs: readonly number[];
  /** From one request to its reply, with nothing else under way. */
  readonly roundTripMs: readonly number[];
  readonly throughput: readonly Throughput[];
  readonly exploring: readonly Exploring[];
}

/** So many mappings live at a time at most. */
const MAPPINGS_MOST = 500;

/** Of a sequence, as `explore` has them unless told otherwise. */
const SEQUENCE_STEPS_MOST = 100;

/** A request that costs the kernel next to nothing. */
const PING = `check-extension ${CONTAINER} 1`;

/**
 * Boots one guest after the other, measures calls on the last of them, and explores on a further one.
 * @throws CannotTestError, GuestLost, MismatchError
 */
export async function bench(plan: CellPlan, options: BenchOptions): Promise<BenchResult> {
  const measured = await benchCalls(plan, options);
  const sequences = { ...options, stepsMost: SEQUENCE_STEPS_MOST };
  const place = { ...plan, artifactsDir: join(plan.artifactsDir, "exploring") };
  return { ...measured, exploring: await explorings(place, sequences, options.signal) };
}

async function benchCalls(plan: CellPlan, options: BenchOptions): Promise<Omit<BenchResult, "exploring">> {
  const bootMs: number[] = [];
  for (let number = 1;; number++) {
    const guestPlan = await plan.guestPlan(join(plan.artifactsDir, `guest-${number}`));
    await using guest = await Guest.boot(guestPlan, plan.limits, options.signal);
    bootMs.push(guest.bootMs);
    if (number < options.repeat) continue;
    const { accelerator } = guestPlan;
    return { accelerator, bootMs, ...await measure(await BenchGuest.of(guest, plan), options) };
  }
}

async function measure(guest: BenchGuest, { repeat, seed, steps, roundTrips }: BenchOptions) {
  const roundTripMs: number[] = [];
  const throughput: Throughput[] = [];
  for (let round = 0; round < repeat; round++) {
    await guest.restart();
    roundTripMs.push(await measureRoundTrip(guest, roundTrips));
    const source = randomSteps(seed + round, CONTAINER, guest.list, MAPPINGS_MOST);
    throughput.push(await measureThroughput(guest, source.take(steps).toArray()));
  }
  return { roundTripMs, throughput };
}

/** The mean over so many. */
async function measureRoundTrip(guest: BenchGuest, count: number): Promise<number> {
  const begin = performance.now();
  for (let trip = 0; trip < count; trip++) await guest.ask(PING);
  return (performance.now() - begin) / count;
}
