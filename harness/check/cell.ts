/** A cell: one kernel, one QEMU, one machine; one guest that serves many scenarios. */
import { join } from "node:path";
import { Guest, GuestLost } from "../guest/guest.ts";
import type { GuestLimits } from "../guest/guest.ts";
import type { QemuPlan } from "../guest/qemu_process.ts";
import type { Machine } from "../machine/machine.ts";
import { predictedGroups } from "../machine/predicted.ts";
import { type KernelVersion, parseVersion } from "../model/version.ts";
import type { Event, Failure } from "../report/events.ts";
import type { Scenario } from "../scenario/scenario.ts";
import { positionText } from "../config.ts";
import { CannotTestError } from "../errors.ts";
import { castScenario, type Stage, whyNot } from "./cast.ts";
import { parseReply } from "./observation.ts";
import { type Condition, conditionOf, perform, type Performance } from "./performance.ts";
import { type Rehearsal, rehearse } from "./rehearsal.ts";
import { checkWorld, type GroupNumbers, namesOf, takeDevices } from "./world_check.ts";

/** Everything that a cell needs, ready to go. */
export interface CellPlan {
  readonly id: string;
  readonly kernelSpec: string;
  readonly qemuSpec: string;
  readonly qemuVersion: KernelVersion;
  readonly machine: Machine;
  readonly scenarios: readonly Scenario[];
  /** Why this cell can't be, where it can't. */
  readonly skip?: string;
  readonly artifactsDir: string;
  readonly limits: GuestLimits;
  /** What QEMU is to be started with, into a folder for its logs. */
  guestPlan(artifactsDir: string): Promise<QemuPlan>;
  /** The one command that runs a scenario of this cell again. */
  again(scenario: string): string;
}

type Emit = (event: Event) => void;

/** A guest that has shown what it is. */
interface Stand {
  readonly guest: Guest;
  readonly stage: Stage;
  readonly numbers: GroupNumbers;
  condition: Condition;
}

/**
 * Runs a cell from the first boot to the last scenario, and tells of everything in events.
 * @param signal aborted, no further scenario begins
 */
export async function runCell(plan: CellPlan, emit: Emit, signal: AbortSignal): Promise<void> {
  if (plan.skip !== undefined) return emit({ type: "cell-skip", cell: plan.id, reason: plan.skip });
  await new CellRun(plan, emit, signal).run();
}

class CellRun {
  readonly #plan: CellPlan;
  readonly #emit: Emit;
  readonly #signal: AbortSignal;
  readonly #begin = performance.now();
  #boots = 0;

  constructor(plan: CellPlan, emit: Emit, signal: AbortSignal) {
    this.#plan = plan;
    this.#emit = emit;
    this.#signal = signal;
  }

  async run(): Promise<void> {
    // What leaves the guest unfit for others comes last, so that it costs no further boot.
    const waiting = [...this.#plan.scenarios].sort((a, b) => Number(a.leaks) - Number(b.leaks));
    try {
      while (waiting.length > 0 && !this.#signal.aborted) await this.#useOneGuest(waiting);
      this.#end();
    } catch (error) {
      if (!(error instanceof GuestLost || error instanceof CannotTestError)) throw error;
      const verdict = error instanceof GuestLost ? error.loss : "harness-fault";
      const console = error instanceof GuestLost ? error.console : [];
      this.#end({ verdict, text: [error.message, ...console].join("\n"), again: this.#plan.again("") });
    }
  }

  #end(fault?: Extract<Event, { type: "cell-end" }>["fault"]): void {
    this.#emit({
      type: "cell-end",
      cell: this.#plan.id,
      durationMs: this.#elapsedMs(),
      ...(fault ? { fault } : {}),
    });
  }

  #elapsedMs(since = this.#begin): number {
    return Math.round(performance.now() - since);
  }

  /** Boots a guest and takes scenarios off the list as long as it is fit for more. */
  async #useOneGuest(waiting: Scenario[]): Promise<void> {
    const artifactsDir = join(this.#plan.artifactsDir, `guest-${++this.#boots}`);
    await Deno.mkdir(artifactsDir, { recursive: true });
    const guestPlan = await this.#plan.guestPlan(artifactsDir);
    if (this.#boots === 1) this.#announce(guestPlan);
    await using guest = await Guest.boot(guestPlan, this.#plan.limits);
    this.#emit({ type: "guest-booted", cell: this.#plan.id, bootMs: Math.round(guest.bootMs) });
    const stand = await this.#takeStand(guest);
    const isFit = this.#boots > 1 || await this.#checkWorld(stand);
    if (!isFit) return void waiting.splice(0);
    for (let scenario = waiting[0]; scenario && !this.#signal.aborted; scenario = waiting[0]) {
      waiting.shift();
      if (!await this.#play(stand, scenario)) return;
    }
  }

  #announce({ accelerator }: QemuPlan): void {
    const { id, kernelSpec, qemuSpec, machine } = this.#plan;
    this.#emit({
      type: "cell-start",
      cell: id,
      kernel: kernelSpec,
      qemu: qemuSpec,
      machine: machine.name,
      accelerator,
    });
  }

  async #takeStand(guest: Guest): Promise<Stand> {
    const { machine } = this.#plan;
    const failed = guest.greeting.modulesFailed;
    if (failed.length > 0) throw new CannotTestError(`the guest could not load ${failed.join(", ")}`);
    const version = versionOf(guest);
    const groups = predictedGroups(machine, { kernel: version, qemu: this.#plan.qemuVersion });
    const numbers = await takeDevices(guest, groups);
    const condition = conditionOf(parseReply(await guest.ask("reset")));
    return { guest, numbers, condition, stage: { groups, version, iommuKind: machine.iommu.kind } };
  }

  async #checkWorld(stand: Stand): Promise<boolean> {
    const begin = performance.now();
    const played = await checkWorld(stand.guest, stand.stage, stand.numbers, stand.condition);
    const isMatch = played.verdict === "match";
    this.#emit({
      type: "world-checked",
      cell: this.#plan.id,
      verdict: isMatch ? "match" : "mismatch",
      deviations: [],
      durationMs: this.#elapsedMs(begin),
      ...(isMatch ? {} : {
        failure: {
          step: 0,
          text: played.actionText ?? played.reason ?? "",
          position: positionText(this.#plan.machine.position),
          predicted: played.difference?.predicted ?? "a guest that answers",
          observed: played.difference?.observed ?? played.reason ?? "",
          rule: "§9, §10",
        },
      }),
    });
    return isMatch;
  }

  /** Plays a scenario; false when the guest is of no further use. */
  async #play(stand: Stand, scenario: Scenario): Promise<boolean> {
    const begin = performance.now();
    const reason = whyNot(scenario, stand.stage);
    if (reason !== undefined) {
      this.#tell(scenario, begin, { verdict: "skip", reason });
      return true;
    }
    const cast = castScenario(scenario, stand.stage);
    const rehearsal = rehearse(scenario, cast, stand.stage.version);
    const contradiction = rehearsal.contradictions[0];
    if (contradiction) throw contradiction;
    const before = stand.condition;
    const played = await perform(
      stand.guest,
      scenario,
      rehearsal,
      namesOf(stand.numbers, cast.world),
      before,
    );
    this.#tell(scenario, begin, played, rehearsal);
    if (!played.condition) return false;
    stand.condition = played.condition;
    return played.condition.taint === before.taint && played.condition.lockedPages === before.lockedPages;
  }

  #tell(
    scenario: Scenario,
    begin: number,
    played: Performance | { verdict: "skip"; reason: string },
    rehearsal?: Rehearsal,
  ): void {
    const failure = "actionText" in played ? failureOf(scenario, played) : undefined;
    const console = "console" in played ? played.console ?? [] : [];
    const reason = [...(played.reason === undefined ? [] : [played.reason]), ...console].join("\n");
    this.#emit({
      type: "scenario-end",
      cell: this.#plan.id,
      scenario: scenario.id,
      file: scenario.position.file,
      line: scenario.position.line,
      verdict: played.verdict,
      deviations: played.verdict === "known" ? [...rehearsal?.deviations ?? []] : [],
      steps: scenario.steps.length,
      durationMs: this.#elapsedMs(begin),
      ...(reason === "" ? {} : { reason }),
      ...(failure ? { failure } : {}),
      again: this.#plan.again(scenario.id),
    });
  }
}

function failureOf(scenario: Scenario, { stepIndex, actionText, difference, reason }: Performance): Failure {
  const step = stepIndex === undefined ? undefined : scenario.steps[stepIndex];
  return {
    step: stepIndex === undefined ? 0 : stepIndex + 1,
    text: step ? `${step.text} (${actionText})` : actionText ?? "",
    position: positionText(step?.position ?? scenario.position),
    predicted: difference?.predicted ?? "an answer",
    observed: difference?.observed ?? reason ?? "",
    rule: scenario.rule,
  };
}

/** Debian's kernels tell their upstream version only in `uname -v`. [spec §0] */
function versionOf({ greeting: { version, release } }: Guest): KernelVersion {
  const [, debian] = /Debian (\d+\.\d+\.\d+)/.exec(version) ?? [];
  const parsed = parseVersion(debian ?? release);
  if (!parsed) {
    throw new CannotTestError(`the guest's kernel calls itself ${release}, which tells no version`);
  }
  return parsed;
}
