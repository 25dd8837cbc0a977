/** What a session begins with: the groups it can name, and steps that are played first. */
import { assignGroups, type Assignment, type Target, whyNot } from "../../check/assignment.ts";
import { type Cast, castScenario, plainGroupOf } from "../../check/casting.ts";
import { UsageError } from "../../errors.ts";
import type { MachineGroup } from "../../machine/predicted.ts";
import { type Scenario, scenarioFrom } from "../../scenario/scenario.ts";
import { RULE, type WrittenGroup, type WrittenStep } from "../sequence.ts";

/** A document of a scenario file, as it is written. */
export type WrittenScenario = Readonly<Record<string, unknown>>;

export interface Opening {
  /** All but the steps, by the keys of scenario files. */
  readonly head: WrittenScenario;
  readonly steps: readonly WrittenStep[];
  /** Groups and IOMMUs that the machine has beside those of the scenario. */
  readonly added: ReadonlySet<string>;
  /** The head with a step that does nothing. */
  readonly scenario: Scenario;
  readonly assignment: Assignment;
}

const BARE: WrittenScenario = { scenario: "session", rule: RULE, groups: {} };
const NOTHING = { info: null };

/**
 * Lets a session begin like a scenario, or with nothing but the machine. Each group of the machine that the scenario
 * doesn't have gets a name, so that it can be used.
 *
 * @throws UsageError where the machine can't play the scenario, ConfigError where it is written wrongly
 */
export function openingOf(given: WrittenScenario = BARE, target: Target): Opening {
  const { steps = [], found: _, ...head } = given;
  const cast = given === BARE ? { groups: new Map(), genuine: new Map() } : castOf(head, target);
  const { groups, iommus, wholeCast } = withRest(head, cast, target.groups);
  const whole = { ...head, groups, ...(Object.keys(iommus).length > 0 ? { iommus } : {}) };
  const scenario = scenarioFrom({ ...whole, steps: [NOTHING] }, "the session", "shell");
  const known = new Set([head.groups, head.iommus].flatMap((named) => Object.keys(named ?? {})));
  return {
    head: whole,
    steps: (steps as (string | WrittenStep)[]).map((step) =>
      typeof step === "string" ? { [step]: null } : step
    ),
    added: new Set([...Object.keys(groups), ...Object.keys(iommus)].filter((name) => !known.has(name))),
    scenario,
    assignment: assignGroups(scenario, target, wholeCast),
  };
}

function castOf(head: WrittenScenario, target: Target): Cast {
  const scenario = scenarioFrom({ ...head, steps: [NOTHING] }, "the session", "shell");
  const reason = whyNot(scenario, target);
  if (reason !== undefined) throw new UsageError(`${head.scenario}: ${reason}`);
  const cast = castScenario(scenario, target.groups);
  if (typeof cast === "string") throw new RangeError(cast);
  return cast;
}

/** The scenario's groups, and under names of their own all that the machine has beside them. */
function withRest(head: WrittenScenario, cast: Cast, machineGroups: readonly MachineGroup[]) {
  const groups: Record<string, unknown> = { ...head.groups ?? { A: {} } };
  const iommus: Record<string, unknown> = { ...head.iommus ?? {} };
  const wholeCast = { groups: new Map(cast.groups), genuine: new Map(cast.genuine) };
  const used = new Set(cast.groups.values());
  const own = plainGroupOf(machineGroups).iommu.name;
  for (const group of machineGroups.filter((group) => !used.has(group))) {
    const name = freeName(groups);
    // A name says which group it is, and so which IOMMU it is behind.
    const isElsewhere = group.name === undefined && group.iommu.name !== own;
    const iommu = isElsewhere ? nameOfIommu(group.iommu.name, iommus, wholeCast.genuine) : undefined;
    groups[name] = { ...needsOf(group), ...(iommu === undefined ? {} : { iommu }) };
    wholeCast.groups.set(name, group);
  }
  return { groups, iommus, wholeCast };
}

function needsOf({ name, kinds: [device], devices }: MachineGroup): WrittenGroup & { is?: string } {
  if (name !== undefined) return { is: name };
  return { ...(device === undefined ? {} : { device }), devices: devices.length === 1 ? "one" : "several" };
}

/** What the scenario calls a further IOMMU of the machine, which it may not have known of. */
function nameOfIommu(real: string, iommus: Record<string, unknown>, genuine: Map<string, string>): string {
  const [known] = [...genuine].find(([, other]) => other === real) ?? [];
  if (known !== undefined) return known;
  iommus[real] = {};
  genuine.set(real, real);
  return real;
}

function freeName(groups: Readonly<Record<string, unknown>>): string {
  const letters = Array.from("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
  for (let count = 0;; count++) {
    const name = letters.map((letter) => count === 0 ? letter : `${letter}${count}`)
      .find((name) => !Object.hasOwn(groups, name));
    if (name !== undefined) return name;
  }
}
