/** The suite against the specification: what it says must be shown by a scenario, or can't be. */
import t from "#tap";
import { loadAllScenarios, loadAllUnreachable, loadSpecification } from "../../harness/cli/configs.ts";
import { coverage, isUncovered } from "../../harness/scenario/coverage.ts";

const rules = coverage(await loadSpecification(), await loadAllScenarios(), await loadAllUnreachable());

t.test("the rules that the specification counts are found", async (t) => {
  const rowsOf = (section: string) =>
    rules.filter((rule) => rule.section === section && rule.name !== `§${section}`).length;
  for (const section of ["1.4", "1.5", "2.1", "3.1", "4.1", "5.1", "12"]) t.ok(rowsOf(section) > 3, section);
  t.ok(rules.some(({ name }) => name === "§8") && rules.some(({ name }) => name === "§12 Q1"));
  t.notOk(rules.some(({ section }) => ["0", "9", "10", "14", "12.2"].includes(section)));
});

t.test("every rule has a scenario, or a reason to have none", async (t) => {
  t.same(rules.filter(isUncovered).map(({ name, about }) => `${name}: ${about}`), []);
});
