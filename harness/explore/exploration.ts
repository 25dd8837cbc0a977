/** Exploring a cell: random sequences until the time is up, and what comes of the first that diverge. */
import { join } from "node:path";
import type { Target } from "../check/assignment.ts";
import { causeOf, type Explain } from "../check/attempt.ts";
import type { CellPlan } from "../check/cell_plan.ts";
import type { Execution } from "../check/execution.ts";
import { targetOf } from "../check/preparation.ts";
import { CannotTestError } from "../errors.ts";
import { GuestLost } from "../guest/guest_lost.ts";
import { answerText } from "../model/answer.ts";
import type { DeviationName } from "../model/semantics.ts";
import type { Event } from "../report/events.ts";
import { parseScenarios } from "../scenario/scenario.ts";
import { type Divergence, divergenceOf } from "./divergence.ts";
import { generate } from "./generate.ts";
import { type Playable, playableOf } from "./playable.ts";
import { Player } from "./player.ts";
import { remarksOf, scenarioText } from "./scenario_file.ts";
import type { Sequence } from "./sequence.ts";
import { shrink } from "./shrink.ts";

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

/** Candidates for a shorter sequence: more than any took so far. */
const TRIES_MOST = 2000;

/** A divergence, and how long it took to be found. */
interface Find {
  readonly index: number;
  readonly playable: Playable;
  readonly execution: Execution;
}

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
  #hasStarted = false;

  constructor(plan: CellPlan, options: ExploreOptions, emit: Emit, signal: AbortSignal) {
    this.#plan = plan;
    this.#options = options;
    this.#next = options.first;
    this.#emit = emit;
    this.#signal = signal;
    this.#target = targetOf(plan);
    this.#player = new Player(plan, this.#target, signal, ({ guest, plan: { accelerator }, complaint }) => {
      if (!this.#hasStarted) this.#announce(accelerator);
      emit({
        type: "guest-booted",
        cell: plan.id,
        bootMs: Math.round(guest.bootMs),
        ...(complaint === undefined ? {} : { complaint }),
      });
    });
  }

  async run(): Promise<void> {
    await using player = this.#player;
    try {
      if (await this.#isAsPredicted(player)) await this.#explore(player);
      this.#end();
    } catch (error) {
      if (this.#signal.aborted) return;
      if (!(error instanceof GuestLost || error instanceof CannotTestError)) throw error;
      const verdict = error instanceof GuestLost ? error.loss : "harness-fault";
      const console = error instanceof GuestLost ? error.console : [];
      this.#end({ verdict, text: [error.message, ...console].join("\n") });
    }
  }

  #announce(accelerator: string): void {
    this.#hasStarted = true;
    const { id, kernelSpec, qemuSpec, machine } = this.#plan;
    const cell = { cell: id, kernel: kernelSpec, qemu: qemuSpec, machine: machine.name, accelerator };
    this.#emit({ type: "cell-start", ...cell });
  }

  #end(fault?: Extract<Event, { type: "cell-end" }>["fault"]): void {
    const durationMs = this.#elapsedMs;
    this.#emit({
      type: "explored",
      cell: this.#plan.id,
      seed: this.#options.seed,
      ...this.#played,
      deviations: [...this.#deviations].sort(),
      guests: this.#player.boots,
      durationMs: Math.round(this.#playingMs),
    });
    this.#emit({ type: "cell-end", cell: this.#plan.id, durationMs, ...(fault ? { fault } : {}) });
  }

  get #elapsedMs(): number {
    return Math.round(performance.now() - this.#begin);
  }

  async #isAsPredicted(player: Player): Promise<boolean> {
    const begin = performance.now();
    const { verdict, difference, reason, console = [], actionText = "" } = await player.checkWorld();
    const isFine = verdict === "match" || verdict === "known";
    if (!isFine && !difference) {
      throw new GuestLost(
        verdict === "mismatch" ? "harness-fault" : verdict,
        `world check: ${reason}`,
        console,
      );
    }
    const position = this.#plan.machine.name;
    this.#emit({
      type: "world-checked",
      cell: this.#plan.id,
      verdict: difference ? "mismatch" : "match",
      durationMs: Math.round(performance.now() - begin),
      ...(difference ? { failure: { step: 0, text: actionText, position, ...difference } } : {}),
    });
    return !difference;
  }

  async #explore(player: Player): Promise<void> {
    for (let find = await this.#search(player); find; find = await this.#search(player)) {
      await this.#examine(player, find);
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
      this.#played.sequences++;
      this.#played.steps += playable.sequence.steps.length;
      this.#played.answers += playable.prediction.actions.length;
      if (verdict === "known") {
        this.#played.known++;
        this.#noteDeviations(playable);
      }
      const divergence = divergenceOf(execution);
      if (divergence) this.#played.diverged++;
      if (divergence && !this.#kinds.has(divergence.kind)) find = { index, playable, execution };
      index++;
      return find === undefined;
    });
    this.#next = index;
    this.#playingMs += performance.now() - begin;
    return find;
  }

  /** Which of a sequence's are exercised takes long to find out: those that others have exercised aren't asked for. */
  #noteDeviations({ prediction: { deviations, exercises } }: Playable): void {
    const unseen = [...deviations].filter((name) => !this.#deviations.has(name));
    for (const name of unseen.filter(exercises)) this.#deviations.add(name);
  }

  *#sequences(): Generator<Playable> {
    const { seed, first, runs, timeLimitMs, stepsMost } = this.#options;
    for (let index = this.#next; index < first + runs; index++) {
      if (this.#signal.aborted || this.#elapsedMs > timeLimitMs) return;
      yield generate(seed, index, this.#target, { stepsMost });
    }
  }

  /** Shows it again on a fresh guest, so that no earlier sequence can be blamed, and makes it as small as can be. */
  async #examine(player: Player, find: Find): Promise<void> {
    await player.renew();
    const again = divergenceOf(await player.play(find.playable));
    this.#kinds.add(divergenceOf(find.execution)?.kind ?? "").add(again?.kind ?? "");
    if (!again) return await this.#tell(find, find.playable, find.execution, ["not on a fresh guest"]);
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(this.#options.shrinkLimitMs)]);
    const shorter = upTo(find.playable.sequence, again);
    const { sequence, tries, isSmallest } = await shrink(
      shorter,
      (candidate) => this.#shows(player, candidate, again.kind),
      { triesMost: TRIES_MOST, signal },
    );
    await player.renew();
    const smallest = playableOf(sequence, this.#name(find), this.#target) ?? find.playable;
    const shown = await player.play(smallest);
    const notes = [
      `${tries} shorter or simpler ones were tried${isSmallest ? "" : ", more would have taken too long"}`,
    ];
    if (divergenceOf(shown)?.kind !== again.kind) {
      const words = "shrunk on a guest that others had been played on, it shows nothing on a fresh one";
      return await this.#tell(find, find.playable, again.execution, [words]);
    }
    await this.#tell(find, smallest, shown, notes);
  }

  async #shows(player: Player, candidate: Sequence, kind: string): Promise<boolean> {
    const playable = playableOf(candidate, "candidate", this.#target);
    return playable !== undefined && divergenceOf(await player.play(playable))?.kind === kind;
  }

  #name({ index }: Pick<Find, "index">): string {
    return `seed-${this.#options.seed}-${index}`;
  }

  /** Writes it as a scenario, and tells how to play that again. */
  async #tell(find: Find, playable: Playable, execution: Execution, notes: readonly string[]): Promise<void> {
    const name = this.#name(find);
    const file = join(this.#plan.artifactsDir, `${name}.yaml`);
    const before = find.playable.sequence.steps.length;
    const text = this.#text(name, find, playable, execution, notes);
    await Deno.mkdir(this.#plan.artifactsDir, { recursive: true });
    await Deno.writeTextFile(file, text);
    await Deno.writeTextFile(join(this.#plan.artifactsDir, `${name}.trace`), traceText(playable, execution));
    // As it stands in the file, so that steps are found there.
    const [scenario = playable.scenario] = parseScenarios(text, file, "explore");
    const said = `${before} steps, shrunk to ${scenario.steps.length}; ${notes.join("; ")}`;
    const cause = causeOf(scenario, { execution }, this.#plan.explain);
    const { verdict } = execution;
    this.#emit({
      type: "scenario-end",
      cell: this.#plan.id,
      scenario: `explore/${name}`,
      file,
      line: scenario.position.line,
      verdict,
      deviations: [],
      steps: scenario.steps.length,
      durationMs: this.#elapsedMs,
      ...cause,
      reason: [said, ...(cause.reason === undefined ? [] : [cause.reason])].join("\n"),
      again: this.#plan.replay(file),
    });
  }

  #text(
    name: string,
    { index, playable: { sequence: { steps } } }: Find,
    { sequence, prediction }: Playable,
    execution: Execution,
    notes: readonly string[],
  ): string {
    const { seed } = this.#options;
    const { kernelSpec: kernel, qemuSpec: qemu, machine: { name: machine }, id, ignoresDeviations, explain } =
      this.#plan;
    return scenarioText({
      name,
      ...(execution.rule === undefined ? {} : { rule: execution.rule }),
      sequence,
      found: {
        kernel,
        qemu,
        machine,
        seed,
        sequence: index,
        ...(ignoresDeviations ? { "no-deviations": true } : {}),
      },
      about: [
        `Found by explore on ${id}: sequence ${index} of seed ${seed}, of ${steps.length} steps; ${
          notes.join("; ")
        }.`,
        ...aboutExecution(execution, explain),
        "Beside each step is what was predicted, and by which rule.",
      ],
      remarks: remarksOf(sequence.steps.length, prediction.actions),
    });
  }
}

/** Nothing after the step that diverged matters. */
function upTo({ setting, steps }: Sequence, { execution: { stepIndex } }: Divergence): Sequence {
  return { setting, steps: stepIndex === undefined ? steps : steps.slice(0, stepIndex + 1) };
}

function aboutExecution(
  { verdict, stepIndex, actionText, difference, rule, reason, console = [] }: Execution,
  explain: Explain = (rule) => rule,
): string[] {
  const where = stepIndex === undefined ? "" : ` at step ${stepIndex + 1}`;
  return [
    `${verdict}${where}${actionText === undefined ? "" : `: ${actionText}`}`,
    ...(difference ? [`predicted ${difference.predicted}`] : []),
    ...(rule === undefined ? [] : [`because   ${explain(rule)}`]),
    ...(difference ? [`observed  ${difference.observed}`] : []),
    ...(reason === undefined ? [] : [reason]),
    ...console.slice(0, CONSOLE_LINES_MOST),
  ].flatMap((text) => text.split("\n"));
}

const CONSOLE_LINES_MOST = 20;

/** Every call, what was predicted of it and what was observed. */
function traceText({ prediction: { actions } }: Playable, { observed = [] }: Execution): string {
  return actions.map(({ action, stepIndex, right, real }, index) => {
    const answer = observed[index];
    const [predicted, seen] = [answerText(real), answer ? answerText(answer) : "?"];
    const known = answerText(right) === predicted ? "" : `   right: ${answerText(right)}`;
    const mark = answer && seen !== predicted ? "!" : " ";
    const step = stepIndex === undefined ? "-" : String(stepIndex + 1);
    return `${mark} ${
      step.padStart(3)
    }  ${action.text}\n         predicted ${predicted}${known}\n         observed  ${seen}\n`;
  }).join("");
}
