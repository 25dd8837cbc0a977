/** A guest that goes on living while one module after the other takes the place of its vfio_iommu_type1. */
import { join } from "node:path";
import type { CellPlan } from "../../harness/check/cell_plan.ts";
import { prepare, type Prepared, targetOf } from "../../harness/check/preparation.ts";
import { type Condition, conditionOf, execute, type Execution } from "../../harness/check/execution.ts";
import { type GroupNumbers, namesOf, takeDevices, worldScenario } from "../../harness/check/world_check.ts";
import { complains, excerpt } from "../../harness/guest/console.ts";
import { Guest } from "../../harness/guest/guest.ts";
import { GuestLost } from "../../harness/guest/guest_lost.ts";
import { archive } from "../../harness/guest/initramfs.ts";
import type { Scenario } from "../../harness/scenario/scenario.ts";

/** A scenario that was played, and how it went. */
export interface Played {
  readonly scenario: string;
  readonly execution: Execution;
}

/** Verdicts that find a fault. */
export const findsFault = ({ execution: { verdict } }: Played): boolean =>
  verdict !== "match" && verdict !== "known";

const MODULE = "vfio_iommu_type1";
const pathOf = (module: string): string => `mutants/${module}.ko`;

/** A booted guest. */
interface Live {
  readonly guest: Guest;
  readonly numbers: GroupNumbers;
  /** When it had just booted. */
  readonly pristine: Condition;
  condition: Condition;
}

/**
 * Plays scenarios with modules of one's choosing. One guest serves as long as it is fit; one that was lost, that
 * complained or that a module has spoiled is replaced.
 */
export class LiveGuest implements AsyncDisposable {
  /** How many guests it took so far. */
  boots = 0;
  readonly #plan: CellPlan;
  readonly #modules: ReadonlyMap<string, string>;
  readonly #target;
  readonly #world: Scenario;
  readonly #prepared = new Map<Scenario, Prepared>();
  #live: Live | undefined;

  /** @param modules files by name; `unchanged` must be among them */
  constructor(plan: CellPlan, modules: ReadonlyMap<string, string>) {
    this.#plan = plan;
    this.#modules = modules;
    this.#target = targetOf(plan);
    this.#world = worldScenario(this.#target.groups);
  }

  /** The scenarios that make sense on this machine. */
  applicable(scenarios: readonly Scenario[]): Scenario[] {
    return scenarios.filter((scenario) => !("whyNot" in this.#prepare(scenario)));
  }

  /**
   * Plays scenarios with a module. After each that finds a fault the module is loaded anew, so that none fails
   * for what another has left behind; at the end the unchanged module must find the world as it was.
   * @param enough how many that find a fault are enough
   */
  async play(module: string, scenarios: readonly Scenario[], enough = Infinity): Promise<Played[]> {
    const played: Played[] = [];
    let isLoaded = false;
    for (const scenario of scenarios) {
      if (played.filter(findsFault).length >= enough) break;
      if (!isLoaded) await this.#load(module);
      const one = { scenario: scenario.id, execution: await this.#execute(scenario) };
      played.push(one);
      isLoaded = this.#live !== undefined && !findsFault(one);
    }
    if (this.#live) await this.#requireUnspoilt();
    return played;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const live = this.#live;
    this.#live = undefined;
    await live?.guest[Symbol.asyncDispose]();
  }

  /** Predictions take longer than the guest does, and are the same for every module. */
  #prepare(scenario: Scenario): Prepared {
    const prepared = this.#prepared.get(scenario) ?? prepare(scenario, this.#target);
    this.#prepared.set(scenario, prepared);
    return prepared;
  }

  async #execute(scenario: Scenario): Promise<Execution> {
    const prepared = this.#prepare(scenario);
    if ("whyNot" in prepared) throw new Error(`${scenario.id} ${prepared.whyNot} on ${this.#plan.id}`);
    const live = await this.#booted();
    const { assignment, prediction } = prepared;
    const names = namesOf(live.numbers, assignment.world);
    const execution = await execute(live.guest, scenario, prediction, names, live.condition);
    const { verdict, condition } = execution;
    // Memory that stays charged counts against the limit of all that is played later.
    if (condition && verdict !== "crash" && condition.lockedPages === live.pristine.lockedPages) {
      live.condition = condition;
    } else {
      await this[Symbol.asyncDispose]();
    }
    return execution;
  }

  /** Puts a module in the place of the one that is there; in a fresh guest when that one won't go. */
  async #load(module: string): Promise<void> {
    let live = await this.#booted();
    if (!await unload(live.guest)) {
      await this[Symbol.asyncDispose]();
      live = await this.#booted();
      if (!await unload(live.guest)) {
        throw new Error(`${this.#plan.id}: a fresh guest can't unload ${MODULE}`);
      }
    }
    const reply = await live.guest.ask(`load /${pathOf(module)}`);
    const log = await live.guest.kernelLog();
    if (reply !== "ok" || complains(log)) {
      throw new Error([`${module}: ${reply}`, ...excerpt(log)].join("\n"));
    }
    live.condition = conditionOf(await live.guest.ask("reset"));
  }

  /** A guest that a module has spoiled is of no use to the next one. */
  async #requireUnspoilt(): Promise<void> {
    await this.#load("unchanged");
    const { verdict } = await this.#execute(this.#world);
    if (verdict !== "match") await this[Symbol.asyncDispose]();
  }

  async #booted(): Promise<Live> {
    return this.#live ??= await this.#boot();
  }

  async #boot(): Promise<Live> {
    const folder = join(this.#plan.artifactsDir, `guest-${++this.boots}`);
    await Deno.mkdir(folder, { recursive: true });
    const plan = await this.#plan.guestPlan(folder);
    const files = await Promise.all(
      Array.from(
        this.#modules,
        async ([name, file]) => ({ path: pathOf(name), data: await Deno.readFile(file) }),
      ),
    );
    await Deno.writeFile(plan.initramfs, archive(files), { append: true });
    const guest = await Guest.boot(plan, this.#plan.limits);
    const numbers = await takeDevices(guest, this.#target.groups);
    const condition = conditionOf(await guest.ask("reset"));
    await guest.kernelLog();
    return { guest, numbers, pristine: condition, condition };
  }
}

/** Whether the module could be removed; one that still counts users, or is lost on the way, couldn't. */
async function unload(guest: Guest): Promise<boolean> {
  try {
    return await guest.ask(`unload ${MODULE}`) === "ok";
  } catch (error) {
    if (error instanceof GuestLost) return false;
    throw error;
  }
}
