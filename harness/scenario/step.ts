import type * as z from "zod";
import type { Position } from "../config.ts";
import type { Outcome, State } from "../model/state.ts";
import type { AnyAction } from "./action.ts";
import type { Symbols } from "./address.ts";
import type { Expectation } from "./expectation.ts";

/** What a step may look at while it unfolds into actions. */
export interface Scene {
  /** Named addresses of the machine. */
  readonly symbols: Symbols;
  /** Where the model stands now. */
  state(): State;
}

/** Yields actions one by one and is told what the model says of each. */
export type Actions = Generator<AnyAction, void, Outcome>;

/** A module of guests/, which guests load if it can be built for their kernel. */
export type GuestModule = "resvinj" | "twodom";

/** One kind of step: how it is written and what it does. */
export interface StepKind {
  readonly schema: z.ZodType;
  /** The module of guests/ that does it, where the kernel alone can't. */
  readonly module: GuestModule | undefined;
  /** Binds checked arguments. */
  bind(args: unknown): (scene: Scene) => Actions;
}

/** A step of a scenario. */
export interface Step {
  /** As the file has it, on one line: `map: {iova: 0x1000, size: 4KiB}`. */
  readonly text: string;
  readonly position: Position;
  /** The author's word on the answer, checked against the model without a guest. */
  readonly expect: Expectation;
  readonly module: GuestModule | undefined;
  unfold(scene: Scene): Actions;
}

/** Defines a kind of step whose arguments have the type that its schema gives. */
export const defineStep = <T>(
  schema: z.ZodType<T>,
  unfold: (args: T, scene: Scene) => Actions,
  module?: GuestModule,
): StepKind => ({ schema, module, bind: (args) => (scene) => unfold(args as T, scene) });
