/** Which rules of the specification have scenarios, and why others have none. */
import { ConfigError, type Position } from "../config.ts";
import type { Reference } from "./rule.ts";
import type { Scenario } from "./scenario.ts";
import type { Specification, SpecifiedRule } from "./specification.ts";
import type { Unreachable } from "./unreachable.ts";

/** What the suite is about: the life of a container, its calls, dirty pages, locked memory, known faults, DMA. */
const CHAPTERS = ["1", "2", "3", "4", "5", "6", "7", "8", "12", "20"];

/** Programs that show the rules of other sections. */
const RECIPES = ["12.2"];

/** A rule, and what there is for it. */
export interface CoveredRule extends SpecifiedRule {
  /** Ids of the scenarios that name it; for a section, also of those that name one of its rows. */
  readonly scenarios: readonly string[];
  /** Why it can't have any. */
  readonly unreachable?: string;
}

/** Whether there is neither a scenario nor a reason. */
export const isUncovered = ({ scenarios, unreachable }: CoveredRule): boolean =>
  scenarios.length === 0 && unreachable === undefined;

/**
 * Every rule of the specification with its scenarios.
 * @throws ConfigError for a reference to what the specification doesn't have, and at a reason for a rule that
 * has a scenario after all
 */
export function coverage(
  specification: Specification,
  scenarios: readonly Scenario[],
  unreachable: readonly Unreachable[],
): CoveredRule[] {
  const named = new Map<string, string[]>();
  for (const { id, references, rulePosition } of scenarios) {
    for (const name of namesOf(specification, references, rulePosition)) {
      named.set(name, [...named.get(name) ?? [], id]);
    }
  }
  const rules = specification.rules(CHAPTERS, RECIPES);
  const reasons = new Map<string, string>();
  for (const { references, reason, position } of unreachable) {
    for (const name of namesOf(specification, references, position)) {
      const [scenario] = named.get(name) ?? [];
      if (scenario !== undefined) {
        throw new ConfigError(position, `${scenario} reaches ${name}; take it off the list`);
      }
      if (!rules.some((rule) => rule.name === name)) {
        throw new ConfigError(position, `${name} is no rule that needs a scenario; take it off the list`);
      }
      reasons.set(name, reason);
    }
  }
  return rules.map((rule) => {
    const own = rules.filter(({ name, section }) => name === rule.name || rule.name === `§${section}`);
    const ids = new Set(own.flatMap(({ name }) => named.get(name) ?? []));
    const reason = reasons.get(rule.name);
    return { ...rule, scenarios: [...ids], ...(reason === undefined ? {} : { unreachable: reason }) };
  });
}

/** @throws ConfigError */
function namesOf(
  specification: Specification,
  references: readonly Reference[],
  position: Position,
): Set<string> {
  try {
    return new Set(references.flatMap((reference) => specification.resolve(reference)));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ConfigError(position, error.message);
  }
}
