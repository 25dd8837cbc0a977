/** `iovacheck scenarios`: what can be played, and the rule that each one guards. */
import process from "node:process";
import type { Command } from "commander";
import { positionText } from "../config.ts";
import { selectScenarios } from "../scenario/suite.ts";
import { table } from "./component_context.ts";
import { loadAllScenarios, loadAllSuites } from "./configs.ts";

export function register(program: Command): void {
  program.command("scenarios")
    .description("list scenarios and the rules that they guard")
    .argument("[selector...]", "suites, folders or scenarios; all when left out")
    .action(async (selectors: string[]) => {
      const all = await loadAllScenarios();
      const chosen = selectors.length > 0 ? selectScenarios(all, await loadAllSuites(), selectors) : all;
      const rows = chosen.map(({ id, rule, position }) => [id, rule, positionText(position)]);
      process.stdout.write(table([["SCENARIO", "RULE", "FILE"], ...rows]));
    });
}
