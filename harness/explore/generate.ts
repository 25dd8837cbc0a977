/** Generation: a sequence that is drawn step by step, each from where the last one led. */
import { assignGroups, type Assignment, type Target, whyNot } from "../check/assignment.ts";
import { plainGroupOf } from "../check/casting.ts";
import { ModelPlay } from "../check/model_play.ts";
import { FatalFault } from "../model/dma.ts";
import { HandleError } from "../model/lifecycle.ts";
import { MAIN_PROCESS } from "../model/state.ts";
import { type Scenario, stepFrom } from "../scenario/scenario.ts";
import type { Step } from "../scenario/step.ts";
import { isAffordable, mapIn } from "./draw/affordable.ts";
import { drawAttach, drawByHand } from "./draw/attaching.ts";
import { drawEdges, drawMeetingAddresses } from "./draw/meeting_addresses.ts";
import { drawProfile, drawWeights, type Profile } from "./draw/profile.ts";
import { Random, type Weighted } from "./draw/random.ts";
import { drawSetting, plainSetting } from "./draw/setting.ts";
import { doneBy, NothingToDraw, type Situation, type StepDraw, type Traits } from "./draw/situation.ts";
import { drawTraits } from "./draw/traits.ts";
import type { Playable } from "./playable.ts";
import { scenarioOf, type Setting, type WrittenStep } from "./sequence.ts";

/**
 * A sequence that the machine can play. The same arguments give the same one, anywhere.
 * @param index tells the sequences of one seed apart
 * @param options.stepsMost the sequence has half as many at least
 */
export function generate(
  seed: number,
  index: number,
  target: Target,
  { stepsMost }: { readonly stepsMost: number },
): Playable {
  const random = new Random(seed, index);
  const name = `sequence-${seed >>> 0}-${index}`;
  const profile = drawProfile(random);
  const { setting, scenario, meetingAddresses } = drawBeginning(random, target, profile, name);
  const assignment = assignGroups(scenario, target);
  const traits = drawTraits(random, target, setting, profile, [
    ...meetingAddresses,
    ...drawEdges(random, assignment.world),
  ]);
  const play = new ModelPlay(scenario, assignment, target);
  const run = new Run(random, assignment, play, traits, drawWeights(random, profile), name);
  run.drawSteps(Math.max(1, (stepsMost >> 1) + random.below((stepsMost >> 1) + 1)));
  const { written, steps } = run;
  const modules = new Set([...scenario.modules, ...steps.flatMap(({ module }) => module ?? [])]);
  return {
    sequence: { setting, steps: written },
    scenario: { ...scenario, steps, modules: [...modules] },
    assignment,
    prediction: { ...play.end(), contradictions: [] },
  };
}

/** Settings that a machine lacks the groups for are drawn anew so many times. */
const SETTINGS_MOST = 8;

/** Any step will do until there are others: a scenario must have one. */
const SOME_STEP: WrittenStep = { open: "c0" };

interface Beginning {
  readonly setting: Setting;
  readonly scenario: Scenario;
  readonly meetingAddresses: readonly bigint[];
}

function drawBeginning(random: Random, target: Target, profile: Profile, name: string): Beginning {
  const meetingAddresses = drawMeetingAddresses(random, plainGroupOf(target.groups), profile.hasEngine);
  for (let tries = 0; tries <= SETTINGS_MOST; tries++) {
    const setting = tries < SETTINGS_MOST
      ? drawSetting(random, target, meetingAddresses, profile)
      : plainSetting(target);
    const scenario = scenarioOf({ setting, steps: [SOME_STEP] }, name);
    if (whyNot(scenario, target) !== undefined) continue;
    return { setting, scenario, meetingAddresses };
  }
  throw new RangeError("the machine has no group to play sequences with");
}

/** How much memory a sequence may have behind its mappings: a guest keeps it until the sequence ends. */
const MEMORY_BYTES = 16n << 20n;

/** So many steps are drawn for one that can be played, before a sequence stays shorter than it might be. */
const DRAWS_PER_STEP = 10;

/** Of a hundred steps without any IOMMU so many see to that. */
const BEGINNING_PERCENT = 70;

/** What only the main process is asked to do. */
const FOR_MAIN = ["engine", "dma", "fork", "exec", "exit", "parameter", "inject", "fail-collection"];

/** Of a hundred steps so many are done by a child, where there is one. */
const BY_CHILD_PERCENT = 40;

/** Why a step isn't played: nothing to do it with, handles out of order, what no model knows, what no guest survives. */
const UNPLAYABLE = [NothingToDraw, HandleError, RangeError, FatalFault];

/** A sequence as it grows. */
class Run {
  readonly written: WrittenStep[] = [];
  readonly steps: Step[] = [];
  readonly #random: Random;
  readonly #assignment: Assignment;
  readonly #play: ModelPlay;
  readonly #traits: Traits;
  readonly #weights: Weighted<Weighted<StepDraw>>;
  readonly #name: string;
  #bytesLeft = MEMORY_BYTES;

  constructor(
    random: Random,
    assignment: Assignment,
    play: ModelPlay,
    traits: Traits,
    weights: Weighted<Weighted<StepDraw>>,
    name: string,
  ) {
    this.#random = random;
    this.#assignment = assignment;
    this.#play = play;
    this.#traits = traits;
    this.#weights = weights;
    this.#name = name;
  }

  drawSteps(count: number): void {
    for (const first of this.#traits.firstSteps) this.#tryStep(() => first);
    for (let draws = 0; this.steps.length < count && draws < count * DRAWS_PER_STEP; draws++) {
      this.#tryStep(this.#draw());
    }
  }

  /** Draws a step and plays it, if it can be played. */
  #tryStep(draw: StepDraw): void {
    try {
      const situation = this.#situation();
      const written = doneBy(draw(situation), situation.process);
      if ("in" in written && FOR_MAIN.some((kind) => kind in written)) return;
      const step = stepFrom(written, this.#name);
      if (!isAffordable(written, situation, () => this.#answerTo(step))) return;
      this.#play.step(step);
      this.#pay(written);
      this.written.push(written);
      this.steps.push(step);
    } catch (error) {
      if (!UNPLAYABLE.some((kind) => error instanceof kind)) throw error;
    }
  }

  #situation(): Situation {
    const random = this.#random;
    const { state } = this.#play;
    const children = this.#traits.processes.filter((name) => state.processes.has(name));
    const byChild = children.length > 0 && random.chance(BY_CHILD_PERCENT);
    return {
      random,
      traits: this.#traits,
      state,
      process: byChild ? random.oneOf(children) : MAIN_PROCESS,
      bytesLeft: this.#bytesLeft,
    };
  }

  #draw(): StepDraw {
    const isReady = [...this.#play.state.containers.values()].some(({ type1 }) => type1);
    if (!isReady && this.#random.chance(BEGINNING_PERCENT)) {
      return this.#traits.beginsByHand ? drawByHand : drawAttach;
    }
    return this.#random.weighted(this.#random.weighted(this.#weights));
  }

  /** What the kernel is going to say first. */
  #answerTo(step: Step): string | null {
    const { state } = this.#play;
    const first = step.unfold({ symbols: this.#assignment.symbols, state: () => state }).next();
    return first.done ? null : first.value.apply(state).answer.errno;
  }

  /** Takes what a MAP has got off what is left. */
  #pay(written: WrittenStep): void {
    const map = mapIn(written);
    const { mappings = [] } = this.#play.state.containers.get(map?.container ?? "c0")?.type1 ?? {};
    if (map && mappings.some(({ iova }) => iova === map.iova)) this.#bytesLeft -= map.size;
  }
}
