/** Exploring a cell: random sequences until the time is up, and what comes of the first that diverge. */
import type { Target } from "../check/assignment.ts";
import { causeOf, faultOf } from "../check/attempt.ts";
import type { CellPlan } from "../check/cell_plan.ts";
import { targetOf } from "../check/preparation.ts";
import { worldChecked } from "../check/world_check.ts";
import { BrokenInvariant } from "../check/two_models.ts";
import { CannotTestError } from "../errors.ts";
import { GuestLost } from "../guest/guest_lost.ts";
import type { DeviationName } from "../model/semantics.ts";
import type { Event } from "../report/events.ts";
import { divergenceOf } from "./divergence.ts";
import { writeDivergence } from "./divergence_files.ts";
import { Examination, type Find } from "./examination.ts";
import { generate } from "./generate.ts";
import type { Playable } from "./playable.ts";
import { Player } from "./player.ts";

export interface ExploreOptions {
  readonly seed: number;
  /** Number of the first sequence. */
  readonly first: number;
  /** Sequences to play at most. */
  readonly runs: number;
  /** No further sequence begins after that. */
  readonly timeLimitMs: number;
  /** Steps of a sequence at most. */
  readonly stepsMost: number;
  /** A divergence is shrunk no longer than that. */
  readonly shrinkLimitMs: number;
  /** Whether to go on after a divergence; those of the same kind are then told once. */
  readonly keepsGoing: boolean;
}

type Emit = (event: Event) => void;

/** How far it is is told as often as that. */
const PROGRESS_MS = 1000;

/**
 * Explores a cell from the first boot to the last sequence, and tells of everything in events.
 * @param signal aborted, guests end at once and no further sequence begins
 */
export async function exploreCell(
  plan: CellPlan,
  options: ExploreOptions,
  emit: Emit,
  signal: AbortSignal,
): Promise<void> {
  if (plan.skip !== undefined) return emit({ type: "cell-skip", cell: plan.id, reason: plan.skip });
  await new Exploration(plan, options, emit, signal).run();
}

class Exploration {
  readonly #plan: CellPlan;
  readonly #options: ExploreOptions;
  readonly #emit: Emit;
  readonly #signal: AbortSignal;
  readonly #target: Target;
  readonly #player: Player;
  readonly #begin = performance.now();
  readonly #kinds = new Set<string>();
  readonly #deviations = new Set<DeviationName>();
  #next: number;
  #played = { sequences: 0, known: 0, diverged: 0, steps: 0, answers: 0 };
  #playingMs = 0;
  #toldMs = 0;

  constructor(plan: CellPlan, options: ExploreOptions, emit: Emit, signal: AbortSignal) {
    this.#plan = plan;
    this.#options = options;
    this.#next = options.first;
    this.#emit = emit;
    this.#signal = signal;
    this.#target = targetOf(plan);
    this.#player = new Player(plan, this.#target, signal, {
      onFirstStart: ({ accelerator }) => this.#announce(accelerator),
      onBoot: ({ guest, complaint }) =>
        emit({
          type: "guest-booted",
          cell: plan.id,
          bootMs: Math.round(guest.bootMs),
          ...(complaint === undefined ? {} : { complaint }),
        }),
    });
  }

  async run(): Promise<void> {
    await using player = this.#player;
    try {
      if (await this.#isAsPredicted(player)) await this.#explore(player);
      this.#end();
    } catch (error) {
      if (this.#signal.aborted) return this.#tellPlayed();
      if (!(error instanceof GuestLost || error instanceof CannotTestError)) throw error;
      this.#end(faultOf(error));
    }
  }

  #announce(accelerator: string): void {
    const { id, kernelSpec, qemuSpec, machine } = this.#plan;
    const cell = { cell: id, kernel: kernelSpec, qemu: qemuSpec, machine: machine.name, accelerator };
    this.#emit({ type: "cell-start", ...cell });
  }

  #end(fault?: Extract<Event, { type: "cell-end" }>["fault"]): void {
    this.#tellPlayed();
    if (this.#signal.aborted) return;
    const durationMs = this.#elapsedMs;
    this.#emit({ type: "cell-end", cell: this.#plan.id, durationMs, ...(fault ? { fault } : {}) });
  }

  #tellPlayed(): void {
    this.#emit({
      type: "explored",
      cell: this.#plan.id,
      seed: this.#options.seed,
      ...this.#played,
      deviations: [...this.#deviations].sort(),
      guests: this.#player.boots,
      durationMs: Math.round(this.#playingMs),
    });
  }

  get #elapsedMs(): number {
    return Math.round(performance.now() - this.#begin);
  }

  async #isAsPredicted(player: Player): Promise<boolean> {
    const begin = performance.now();
    const told = worldChecked(this.#plan, await player.checkWorld(), Math.round(performance.now() - begin));
    this.#emit(told);
    return told.verdict === "match";
  }

  async #explore(player: Player): Promise<void> {
    for (let find = await this.#search(player); find; find = await this.#search(player)) {
      await this.#tell(player, find);
      if (!this.#options.keepsGoing) return;
    }
  }

  /** Plays on until something new diverges; undefined when time or sequences are used up. */
  async #search(player: Player): Promise<Find | undefined> {
    const begin = performance.now();
    let find: Find | undefined;
    let index = this.#next;
    await player.playAll(this.#sequences(), (playable, execution) => {
      const { verdict } = execution;
      // To be ended in the middle of a sequence is nobody's fault.
      if (this.#signal.aborted && verdict === "harness-fault") return false;
      this.#played.sequences++;
      this.#played.steps += playable.sequence.steps.length;
      this.#played.answers += playable.prediction.actions.length;
      if (verdict === "known") {
        this.#played.known++;
        this.#noteDeviations(playable);
      }
      this.#tellProgress();
      const divergence = divergenceOf(execution);
      if (divergence) this.#played.diverged++;
      if (divergence && !this.#kinds.has(divergence.kind)) {
        find = { index, playable, execution, earlier: this.#played.sequences - 1 };
      }
      index++;
      return find === undefined;
    });
    this.#next = index;
    this.#playingMs += performance.now() - begin;
    return find;
  }

  #tellProgress(): void {
    const now = performance.now();
    if (now - this.#toldMs < PROGRESS_MS) return;
    this.#toldMs = now;
    const { sequences: played, steps } = this.#played;
    this.#emit({ type: "exploring", cell: this.#plan.id, played, steps });
  }

  /** Which of a sequence's are exercised takes long to find out: those that others have exercised aren't asked for. */
  #noteDeviations({ prediction: { deviations, exercises } }: Playable): void {
    const unseen = [...deviations].filter((name) => !this.#deviations.has(name));
    for (const name of unseen.filter(exercises)) this.#deviations.add(name);
  }

  /** @throws BrokenInvariant that says of which sequence, so that it can be made again */
  #generated(index: number): Playable {
    const { seed, stepsMost } = this.#options;
    try {
      return generate(seed, index, this.#target, { stepsMost });
    } catch (error) {
      if (!(error instanceof BrokenInvariant)) throw error;
      throw new BrokenInvariant(`sequence ${index} of seed ${seed}: ${error.message}`, { cause: error });
    }
  }

  *#sequences(): Generator<Playable> {
    const { first, runs, timeLimitMs } = this.#options;
    for (let index = this.#next; index < first + runs; index++) {
      if (this.#signal.aborted || this.#elapsedMs > timeLimitMs) return;
      yield this.#generated(index);
    }
  }

  /** Makes it as small as can be, writes it as a scenario, and tells how to play that again. */
  async #tell(player: Player, find: Find): Promise<void> {
    const { explain, id } = this.#plan;
    const name = `seed-${this.#options.seed}-${find.index}`;
    const examination = new Examination(
      player,
      this.#target,
      find,
      this.#options.shrinkLimitMs,
      this.#signal,
    );
    try {
      await examination.run();
    } finally {
      // Whatever keeps it from being made smaller: it was seen.
      for (const kind of examination.kinds) this.#kinds.add(kind);
      const { execution, playable, notes } = examination;
      const files = await writeDivergence(this.#plan, {
        name,
        seed: this.#options.seed,
        find,
        execution,
        playable,
        notes,
      });
      const cause = causeOf(files.scenario, { execution }, explain);
      const said =
        `${find.playable.sequence.steps.length} steps, shrunk to ${playable.sequence.steps.length}; ${
          notes.join("; ")
        }`;
      this.#emit({
        type: "scenario-end",
        cell: id,
        scenario: `explore/${name}`,
        file: files.scenarioFile,
        line: files.scenario.position.line,
        verdict: execution.verdict,
        deviations: [],
        steps: playable.sequence.steps.length,
        durationMs: this.#elapsedMs,
        ...cause,
        reason: [said, ...(cause.reason === undefined ? [] : [cause.reason])].join("\n"),
        again: this.#plan.replay(files.scenarioFile),
      });
    }
  }
}
