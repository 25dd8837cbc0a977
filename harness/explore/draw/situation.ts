/** What a step is drawn from: chance, where the model stands, and what this sequence is like. */
import { type Container, MAIN_PROCESS, type OpenGroup, type State, type Type1 } from "../../model/state.ts";
import type { MemoryKind } from "../../model/pinning.ts";
import { DEFAULT_CONTAINER } from "../../scenario/schemas.ts";
import type { WrittenStep } from "../sequence.ts";
import type { Random } from "./random.ts";

/** What stays the same for all steps of a sequence. */
export interface Traits {
  /** The groups' names. */
  readonly groups: readonly string[];
  readonly containers: readonly string[];
  readonly processes: readonly string[];
  /** So many of a hundred calls are meant to be wrong. */
  readonly nonsensePercent: number;
  /** Of a mapping's memory. */
  readonly memoryKinds: readonly MemoryKind[];
  /** More than this a container is seldom given: every group that comes or goes has all of them looked at. */
  readonly mappingsMost: number;
  /** Addresses around which things happen, so that they meet. */
  readonly meetingAddresses: readonly bigint[];
  /** Where devices are to be able to reach: below 2^32. */
  readonly isInReach: boolean;
  /** Containers get their IOMMUs call by call, and of any type. */
  readonly beginsByHand: boolean;
  /** Before anything else. */
  readonly firstSteps: readonly WrittenStep[];
  /** Guests have the modules of guests/, and regions may be collected in any order. */
  readonly mayInject: boolean;
  /** Pages may stay locked for good, on kernels that lose some. */
  readonly mayLeak: boolean;
}

export interface Situation {
  readonly random: Random;
  readonly traits: Traits;
  readonly state: State;
  /** Who does the next step. */
  readonly process: string;
  /** How much more memory the guest should have to find for this sequence. */
  readonly bytesLeft: bigint;
}

/** Draws a step. Where there is nothing to do it with, another is to be drawn. */
export type StepDraw = (situation: Situation) => WrittenStep;

/** There is nothing to do a step with. */
export class NothingToDraw extends Error {
  override readonly name = "NothingToDraw";
}

/** Made once: it is thrown for every few steps, and nobody wants to know from where, which is what takes time. */
const NOTHING = new NothingToDraw("there is nothing to do this with");

/** @throws NothingToDraw */
export function nothingToDraw(): never {
  throw NOTHING;
}

/** A wrong thing is to be done. */
export const isNonsense = ({ random, traits }: Situation): boolean => random.chance(traits.nonsensePercent);

export const heldContainers = ({ state, process }: Situation): (readonly [string, Container])[] =>
  [...state.containers].filter(([, { holders }]) => holders.includes(process));

export const heldGroups = ({ state, process }: Situation): (readonly [string, OpenGroup])[] =>
  [...state.groups].filter(([, { holders }]) => holders.includes(process));

/** A container that the process holds: mostly one with an IOMMU. */
export function pickContainer(situation: Situation): string {
  const { random } = situation;
  const held = heldContainers(situation);
  if (held.length === 0) nothingToDraw();
  const ready = held.filter(([, { type1 }]) => type1);
  return random.oneOf(ready.length > 0 && !random.chance(5) ? ready : held)[0];
}

/** A container with its IOMMU. */
export function pickBackend(situation: Situation): readonly [string, Type1] {
  const ready = heldContainers(situation).flatMap(([key, { type1 }]) => type1 ? [[key, type1] as const] : []);
  if (ready.length === 0) nothingToDraw();
  return situation.random.oneOf(ready);
}

/** A group that the process holds. */
export function pickOpenGroup(situation: Situation): string {
  const held = heldGroups(situation);
  if (held.length === 0) nothingToDraw();
  return situation.random.oneOf(held)[0];
}

/** As scenarios write it: c0 goes without saying. */
export const inContainer = (key: string): { container?: string } =>
  key === DEFAULT_CONTAINER ? {} : { container: key };

/** With who does it, where that isn't the main process. */
export const doneBy = (step: WrittenStep, process: string): WrittenStep =>
  process === MAIN_PROCESS ? step : { ...step, in: process };
