/** A session: steps played one by one on a live guest and on the models, and what came of each. */
import type { Target } from "../../check/assignment.ts";
import { cleaning, type Condition, type Request, requireInjected } from "../../check/execution.ts";
import { mark } from "../../check/mark.ts";
import { ModelPlay } from "../../check/model_play.ts";
import { BadRequestError } from "../../check/observation.ts";
import type { PredictedAction } from "../../check/two_models.ts";
import { UsageError } from "../../errors.ts";
import { GuestLost } from "../../guest/guest_lost.ts";
import { ProtocolError } from "../../guest/probe_channel.ts";
import type { Answer } from "../../model/answer.ts";
import { FatalFault } from "../../model/dma.ts";
import { HandleError } from "../../model/lifecycle.ts";
import { leakedAtClose } from "../../model/locked_memory.ts";
import type { DeviationName } from "../../model/semantics.ts";
import type { State } from "../../model/state.ts";
import { stepFrom } from "../../scenario/scenario.ts";
import type { Step } from "../../scenario/step.ts";
import { readBackAction } from "../../scenario/steps/info.ts";
import { INJECTION_FAULTS } from "../../scenario/steps/injection.ts";
import { PLACEMENT_FAULTS } from "../../scenario/steps/placement.ts";
import type { WrittenStep } from "../sequence.ts";
import { type Compared, Comparison, type Standing } from "../../check/comparison.ts";
import { GuestLog } from "./guest_log.ts";
import { explaining } from "./known_faults.ts";
import type { Opening } from "./opening.ts";

/** Where a session is played. */
export interface SessionGuest {
  /** What the guest is like when nothing of a session is in it. */
  readonly condition: Condition;
  /** @throws GuestLost, ProtocolError */
  send(requests: readonly Request[]): Promise<string[]>;
  /** Lines of the kernel's log since it was last read. */
  kernelLog(): Promise<string[]>;
  /**
   * Takes away whatever was played.
   * @param cleaning the requests that do it
   * @returns what the guest is like then; undefined where it is lost, or doesn't do as it is told
   */
  clean(cleaning: readonly string[]): Promise<Condition | undefined>;
  /**
   * Puts another guest in its place.
   * @throws GuestLost, CannotTestError
   */
  boot(): Promise<void>;
}

/** An answer beside what the models say; undefined where the kernel gave none. */
export type Answered = Compared | PredictedAction & { readonly kernel?: undefined };

/** What went wrong beyond an answer. */
export interface Trouble {
  readonly kind: "mismatch" | "crash" | "hang" | "harness-fault";
  readonly message: string;
  /** What the kernel said. */
  readonly console: readonly string[];
}

/** What came of a step. */
export interface StepReport {
  /** Counts from 1; 0 is what prepares the guest. */
  readonly number: number;
  readonly text: string;
  readonly answers: readonly Answered[];
  /** The known faults of the kernel that explain what is `known`, and the step that showed each first. */
  readonly deviations: readonly { readonly name: DeviationName; readonly firstAt: number }[];
  /** What the author of the step says otherwise than the model. */
  readonly contradiction?: string;
  readonly trouble?: Trouble;
  /** The step at which kernel and models had parted before this one. */
  readonly partedAt?: number;
}

/** Whether the kernel did what nobody expects. */
export const isDifferent = ({ answers, trouble }: Pick<StepReport, "answers" | "trouble">): boolean =>
  answers.some((answer) => answer.kernel && answer.standing === "different") ||
  (trouble !== undefined && trouble.kind !== "harness-fault");

/** What a session leaves behind. */
export interface Departure {
  /** Whether the guest is as it was before. */
  readonly isClean: boolean;
  /** What stays that shouldn't, though it may be known to. */
  readonly leftOver?: { readonly standing: Standing; readonly text: string };
}

/** Nobody but the harness maps without changing anything: to see whether a mapping is there. */
export const isProof = ({ action }: Answered): boolean =>
  action.changes === "nothing" && action.text.startsWith("map ");

/** What a step itself did, and no read-back after it. */
export const isOwn = (answer: Answered): boolean => answer.action !== readBackAction && !isProof(answer);

const isKnown = (answer: Answered): boolean => answer.kernel !== undefined && answer.standing === "known";

interface PlayedStep {
  readonly written: WrittenStep;
  readonly report: StepReport;
}

/** There is nothing to play on, until the session is begun anew. */
export class NoGuestError extends UsageError {
  override readonly name: string = "NoGuestError";
}

export class Session {
  readonly opening: Opening;
  readonly #target: Target;
  readonly #guest: SessionGuest;
  #play: ModelPlay;
  #comparison: Comparison;
  #actions: PredictedAction[] = [];
  /** As many as actions, up to one that isn't answered. */
  #observed: Answer[] = [];
  #played: PlayedStep[] = [];
  /** Those and, while it is played, one more. */
  #steps: Step[] = [];
  #partedAt: number | undefined;
  #isLost = false;
  readonly #log: GuestLog;

  private constructor(opening: Opening, target: Target, guest: SessionGuest) {
    this.opening = opening;
    this.#target = target;
    this.#guest = guest;
    this.#play = this.#newPlay();
    this.#comparison = new Comparison(guest.condition.lockedPages);
    this.#log = new GuestLog(() => guest.kernelLog());
  }

  /**
   * Prepares a guest that nothing has been played on; no step is played yet.
   * @returns with what came of it, which is worth showing only where something differs
   */
  static async begin(
    opening: Opening,
    target: Target,
    guest: SessionGuest,
  ): Promise<{ session: Session; report: StepReport }> {
    const session = new Session(opening, target, guest);
    return { session, report: await session.#prepare() };
  }

  /** The steps so far. */
  get steps(): readonly WrittenStep[] {
    return this.#played.map(({ written }) => written);
  }

  get reports(): readonly StepReport[] {
    return this.#played.map(({ report }) => report);
  }

  /** Where the kernel is, by what is known of its version. */
  get state(): State {
    return this.#play.state;
  }

  /** Where it would be if it did what is right. */
  get rightState(): State {
    return this.#play.rightState;
  }

  /** Whether there is no guest until the session is started again. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /**
   * Plays a step on the models, and if they can play it, on the guest.
   * @throws UsageError, in one line, for a step that can't be: then nothing has changed
   */
  async play(written: WrittenStep): Promise<StepReport> {
    if (this.#isLost) throw new NoGuestError("the guest is gone; `restart` boots another");
    const step = readStep(written);
    const contradiction = this.#foresee(step);
    const number = this.#steps.push(step);
    const actions = this.#play.takeActions();
    const text = typeof written.in === "string" ? `in ${written.in}: ${step.text}` : step.text;
    const marking = { own: `mark ${mark(this.opening.scenario, number - 1)}${text}` };
    const report = {
      ...await this.#perform(number, text, actions, [marking]),
      ...(contradiction === undefined ? {} : { contradiction }),
    };
    this.#played.push({ written, report });
    return report;
  }

  /** Closes everything, and looks what is left. Whatever is played next has to begin anew. */
  async leave(): Promise<Departure> {
    const cleaning = this.#cleaning();
    this.#isLost = true;
    const left = cleaning && await this.#guest.clean(cleaning);
    if (!left) return { isClean: false };
    const { lockedPages, taint } = this.#guest.condition;
    const pages = left.lockedPages - lockedPages;
    if (pages === 0n) return { isClean: left.taint === taint };
    const leaked = leakedAtClose(this.state);
    const text = `${pages} ${pages === 1n ? "page stays" : "pages stay"} locked when everything is closed`;
    return { isClean: false, leftOver: { standing: pages === leaked ? "known" : "different", text } };
  }

  /**
   * Begins anew, in the same guest if that has shown to be clean, and plays these steps.
   * @returns what came of the preparation and of each step
   * @throws GuestLost, CannotTestError where no other guest can be had; the steps are kept
   */
  async playAgain({ isClean }: Departure, steps: readonly WrittenStep[]): Promise<StepReport[]> {
    if (!isClean) await this.#guest.boot();
    this.#isLost = false;
    this.#partedAt = undefined;
    this.#actions = [];
    this.#observed = [];
    this.#steps = [];
    this.#log.begin();
    this.#played = [];
    this.#play = this.#newPlay();
    this.#comparison = new Comparison(this.#guest.condition.lockedPages);
    const reports = [await this.#prepare()];
    for (const step of steps) {
      if (this.#isLost) break;
      reports.push(await this.play(step));
    }
    return reports;
  }

  /** What the kernel logged since this was last asked. */
  async takeLog(): Promise<{ log: string[]; trouble?: Trouble }> {
    const trouble = this.#isLost ? undefined : await this.#complaint();
    return { log: this.#log.take(), ...(trouble ? { trouble } : {}) };
  }

  #newPlay(): ModelPlay {
    return new ModelPlay(this.opening.scenario, this.opening.assignment, this.#target);
  }

  async #prepare(): Promise<StepReport> {
    return await this.#perform(0, "preparation", this.#play.takeActions(), [{
      own: `say ${this.opening.scenario.id}`,
    }]);
  }

  /** Plays a step on the models alone; they keep nothing of one that can't be played. */
  #foresee(step: Step): string | undefined {
    try {
      return this.#play.step(step);
    } catch (error) {
      if (!(error instanceof HandleError || error instanceof RangeError || error instanceof FatalFault)) {
        throw error;
      }
      throw new UsageError(`${step.text}: ${error.message}`, { cause: error });
    }
  }

  /** Has the guest do what the models have done. */
  async #perform(
    number: number,
    text: string,
    actions: readonly PredictedAction[],
    before: readonly Request[],
  ): Promise<StepReport> {
    const first = this.#actions.length;
    this.#actions.push(...actions);
    const doing = actions.map((action, index) => ({ action: action.action, actionIndex: first + index }));
    const requests = [...before, ...doing, ...this.#proofs()];
    const { replies, trouble: lost } = await this.#send(requests);
    const { answers, trouble: bad } = this.#compare(actions, replies.slice(before.length));
    const trouble = lost ?? bad ?? this.#faultOf(requests, replies) ?? await this.#complaint();
    const partedAt = this.#partedAt;
    const known = answers.flatMap((answer, index) => isKnown(answer) ? [first + index] : []);
    const report = {
      number,
      text,
      answers,
      deviations: explaining(this.#actions, known, this.opening.assignment.world, this.#target)
        .map((name) => ({ name, firstAt: this.#firstAt(name) ?? number })),
      ...(trouble ? { trouble } : {}),
      ...(partedAt === undefined ? {} : { partedAt }),
    };
    if (this.#comparison.hasParted) this.#partedAt ??= number;
    return report;
  }

  #firstAt(name: DeviationName): number | undefined {
    return this.reports.find(({ deviations }) => deviations.some((other) => other.name === name))?.number;
  }

  /** Whether the modules of guests/ did as they were told. */
  #proofs(): Request[] {
    const proofs = [
      ...(this.#hasModules ? INJECTION_FAULTS : []),
      ...(this.opening.assignment.pretended.size > 0 ? PLACEMENT_FAULTS : []),
    ];
    return proofs.map((own) => ({ own }));
  }

  async #send(requests: readonly Request[]): Promise<{ replies: readonly string[]; trouble?: Trouble }> {
    try {
      return { replies: await this.#guest.send(requests) };
    } catch (error) {
      if (error instanceof GuestLost) return { replies: error.replies, trouble: this.#lose(error) };
      if (!(error instanceof BadRequestError || error instanceof ProtocolError)) throw error;
      return { replies: [], trouble: faultOf(error) };
    }
  }

  /** Up to the first reply that is no answer. */
  #compare(
    actions: readonly PredictedAction[],
    replies: readonly string[],
  ): { answers: Answered[]; trouble?: Trouble } {
    const answers: Answered[] = [...actions];
    for (const [index, action] of actions.entries()) {
      const reply = replies[index];
      if (reply === undefined) break;
      try {
        const compared = this.#comparison.compare(action, reply);
        answers[index] = compared;
        this.#observed.push(compared.kernel);
      } catch (error) {
        if (!(error instanceof BadRequestError || error instanceof ProtocolError)) throw error;
        return { answers, trouble: faultOf(error) };
      }
    }
    return { answers };
  }

  #faultOf(requests: readonly Request[], replies: readonly string[]): Trouble | undefined {
    try {
      requireInjected(requests, replies);
      return undefined;
    } catch (error) {
      if (!(error instanceof BadRequestError)) throw error;
      return faultOf(error);
    }
  }

  /** What the kernel's log tells after a step. */
  async #complaint(): Promise<Trouble | undefined> {
    if (this.#isLost) return undefined;
    try {
      const complaint = await this.#log.complaint();
      const isAnswered = this.#observed.length === this.#actions.length;
      if (complaint || !isAnswered) return complaint;
      return this.#log.stray(this.opening.scenario.id, this.#steps, this.#actions, this.#observed);
    } catch (error) {
      if (!(error instanceof GuestLost)) throw error;
      return this.#lose(error);
    }
  }

  #lose({ loss, message, console }: GuestLost): Trouble {
    this.#isLost = true;
    return { kind: loss, message, console };
  }

  get #hasModules(): boolean {
    return this.#target.lackOfModules === undefined;
  }

  /** What a reset doesn't give back are devices, and what is left of a guest that went its own way. */
  #cleaning(): string[] | undefined {
    const { world, leaving } = this.state;
    const areDevicesThere = [...world.values()].every(({ drivers }) =>
      drivers.every((driver) => driver === "vfio-pci")
    );
    if (this.#isLost || this.#partedAt !== undefined || !areDevicesThere || leaving.length > 0) {
      return undefined;
    }
    return cleaning({ actions: this.#actions, hasModules: this.#hasModules });
  }
}

const faultOf = ({ message }: Error): Trouble => ({ kind: "harness-fault", message, console: [] });

/** @throws UsageError that names no file: there is none */
function readStep(written: WrittenStep): Step {
  try {
    return stepFrom(written, "the session");
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(error.message.replace(/^the session:\d+:\d+: (steps\.0\.)?/, ""), { cause: error });
  }
}
