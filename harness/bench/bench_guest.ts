/** A live guest with a group in a container, and the two models that know it. */
import type { Target } from "../check/assignment.ts";
import type { CellPlan } from "../check/cell_plan.ts";
import { Comparison } from "../check/comparison.ts";
import { targetOf } from "../check/preparation.ts";
import { conditionOf } from "../check/execution.ts";
import { type PredictedAction, TwoModels } from "../check/two_models.ts";
import { type GroupNumbers, namesOf, takeDevices } from "../check/world_check.ts";
import { UsageError } from "../errors.ts";
import type { Guest } from "../guest/guest.ts";
import type { RangeList } from "../model/range_list.ts";
import type { Group, World } from "../model/world.ts";
import { type Action, commandOf } from "../scenario/action.ts";
import { openAction, setIommuAction, TYPE1_V2 } from "../scenario/steps/container.ts";
import { groupOpenAction, setContainerAction } from "../scenario/steps/group.ts";
import { allowUnsafeInterruptsAction } from "../scenario/steps/parameter.ts";
import { requireMatch } from "./mismatch.ts";

export const CONTAINER = "c0";
const GROUP = "A";

/** What attaches the group. */
const preparation = ({ iommu }: Group): Action[] => [
  allowUnsafeInterruptsAction(!iommu.isolatesInterrupts),
  openAction(CONTAINER),
  groupOpenAction(GROUP),
  setContainerAction(GROUP, CONTAINER),
  setIommuAction(CONTAINER, TYPE1_V2),
];

export class BenchGuest {
  readonly #guest: Guest;
  readonly #target: Target;
  readonly #world: World;
  readonly #numbers: GroupNumbers;
  #models: TwoModels;
  #baselinePages = 0n;

  private constructor(guest: Guest, target: Target, group: Group, numbers: GroupNumbers) {
    this.#guest = guest;
    this.#target = target;
    this.#world = new Map([[GROUP, group]]);
    this.#numbers = numbers;
    this.#models = this.#newModels();
  }

  /** Takes over a booted guest. */
  static async of(guest: Guest, plan: CellPlan): Promise<BenchGuest> {
    const target = targetOf(plan);
    const group = target.groups.find(({ requiresDirect }) => !requiresDirect);
    if (!group) {
      throw new UsageError(`firmware keeps every device of ${plan.machine.name}; name another machine`);
    }
    return new BenchGuest(guest, target, group, await takeDevices(guest, [group]));
  }

  /**
   * Forgets all that was, in the guest and in the models, and attaches the group anew.
   * @throws MismatchError
   */
  async restart(): Promise<void> {
    this.#baselinePages = conditionOf(await this.#guest.ask("reset")).lockedPages;
    this.#models = this.#newModels();
    const prepared = this.predict([...this.#world.values()].flatMap(preparation));
    requireMatch(new Comparison(this.#baselinePages), prepared, await this.send(prepared));
  }

  #newModels(): TwoModels {
    const { version, memoryBytes } = this.#target;
    return new TwoModels(version, this.#world, memoryBytes);
  }

  /** Locked memory of the probe before anything was mapped. */
  get baselinePages(): bigint {
    return this.#baselinePages;
  }

  /** Where mappings can be. */
  get list(): RangeList {
    return this.#models.real.containers.get(CONTAINER)?.type1?.list ?? [];
  }

  /** What both models say of the actions, read-backs included. */
  predict(actions: readonly Action[]): readonly PredictedAction[] {
    for (const action of actions) this.#models.perform(action);
    return this.#models.takeActions();
  }

  /** Has the guest do what was predicted. */
  async send(predicted: readonly PredictedAction[]): Promise<readonly string[]> {
    const names = namesOf(this.#numbers, this.#world);
    return await this.#guest.request(predicted.map(({ action }) => commandOf(action, names)));
  }

  /** Sends one request that changes nothing. */
  ask(request: string): Promise<string> {
    return this.#guest.ask(request);
  }
}
