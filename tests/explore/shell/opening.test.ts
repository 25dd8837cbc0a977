import t from "#tap";
import type { Target } from "../../../harness/check/assignment.ts";
import { castScenario } from "../../../harness/check/casting.ts";
import { targetOf } from "../../../harness/check/preparation.ts";
import { loadAllMachines } from "../../../harness/cli/configs.ts";
import { sessionDocument } from "../../../harness/explore/shell/document.ts";
import { parseScenarios } from "../../../harness/scenario/scenario.ts";
import { version } from "../../machine/machines.ts";
import { begun, played } from "./begun.ts";

const FOUND = { kernel: "k", qemu: "q", machine: "m" };

const addresses = ({ devices }: { devices: readonly string[] }) => devices.join(" ");

for (const machine of await loadAllMachines()) {
  t.test(`every group of ${machine.name} can be named, and is the same in a file`, async (t) => {
    const target: Target = targetOf({
      machine,
      kernelVersion: version("6.12.117"),
      kernelOptions: new Set(),
      qemuVersion: version("11.1.3"),
    });
    const { session } = await begun({}, undefined, target);
    const { world } = session.opening.assignment;
    t.same([...world.values()].map(addresses), target.groups.map(addresses), "in the machine's order");
    await played(session, [...world.keys()].map((name) => `group-open ${name}`));
    const [scenario] = parseScenarios(
      sessionDocument(session, "saved", FOUND, target),
      "saved.yaml",
      "shell",
    );
    const cast = scenario && castScenario(scenario, target.groups);
    if (!cast || typeof cast === "string") throw new Error(`the machine can't play it: ${cast}`);
    t.same(
      [...world].map(([name, group]) => [name, addresses(group)]),
      [...world.keys()].map((name) => [name, addresses(cast.groups.get(name) ?? { devices: [] })]),
    );
  });
}
