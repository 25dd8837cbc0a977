/** `iovacheck scenarios`: what can be played, and the rules that it guards. */
import process from "node:process";
import type { Command } from "commander";
import { positionText } from "../config.ts";
import { coverage, type CoveredRule, isUncovered } from "../scenario/coverage.ts";
import type { Scenario } from "../scenario/scenario.ts";
import { selectScenarios } from "../scenario/suite.ts";
import { table } from "./component_context.ts";
import { loadAllScenarios, loadAllSuites, loadAllUnreachable, loadSpecification } from "./configs.ts";

const EXIT_UNCOVERED = 1;

export function register(program: Command): void {
  program.command("scenarios")
    .description("list scenarios and the rules that they guard")
    .argument("[selector...]", "suites, folders or scenarios; all when left out")
    .option("--rules", "list the rules of the specification instead, with the number of their scenarios")
    .action(async (selectors: string[], options: { rules?: true }) => {
      const all = await loadAllScenarios();
      const chosen = selectors.length > 0 ? selectScenarios(all, await loadAllSuites(), selectors) : all;
      if (options.rules) Deno.exitCode = await listRules(chosen);
      else listScenarios(chosen);
    });
}

function listScenarios(scenarios: readonly Scenario[]): void {
  const rows = scenarios.map(({ id, rule, tags, position }) => [
    id,
    rule,
    tags.join(" "),
    positionText(position),
  ]);
  process.stdout.write(table([["SCENARIO", "RULE", "TAGS", "FILE"], ...rows]));
}

/** @returns the exit code: 0 when every rule has a scenario or a reason to have none */
async function listRules(scenarios: readonly Scenario[]): Promise<number> {
  const rules = coverage(await loadSpecification(), scenarios, await loadAllUnreachable());
  process.stdout.write(table([["RULE", "SCENARIOS", "ABOUT"], ...rules.map(row)], [1]));
  const uncovered = rules.filter(isUncovered);
  const unreachable = rules.filter((rule) => rule.unreachable !== undefined);
  const covered = rules.length - uncovered.length - unreachable.length;
  const counts =
    `${covered} have scenarios, ${unreachable.length} are unreachable, ${uncovered.length} have none`;
  process.stderr.write(`${rules.length} rules: ${counts}\n`);
  return uncovered.length === 0 ? 0 : EXIT_UNCOVERED;
}

const ABOUT_LENGTH_MAX = 80;

function row(rule: CoveredRule): string[] {
  const { name, scenarios, about, unreachable } = rule;
  if (unreachable !== undefined) return [name, "-", `unreachable: ${unreachable}`];
  const shown = about.length <= ABOUT_LENGTH_MAX
    ? about
    : `${about.slice(0, ABOUT_LENGTH_MAX - 1).trimEnd()}…`;
  return [name, isUncovered(rule) ? "none" : String(scenarios.length), shown];
}
