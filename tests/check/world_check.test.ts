import t from "#tap";
import type { Target } from "../../harness/check/assignment.ts";
import { checkWorld, worldScenario } from "../../harness/check/world_check.ts";
import { replyText, StandIn } from "./stand_in.ts";
import { prepared, targetOf } from "./target.ts";

const UNTAINTED = { lockedPages: 0n, taint: 0n };

/** The same machine with its second group behind an IOMMU of its own. */
function withFarGroup(target: Target): Target {
  const groups = target.groups.map((group, index) =>
    index === 1 ? { ...group, iommu: { ...group.iommu, name: "second" } } : group
  );
  return { ...target, groups };
}

async function check(target: Target, wrongAt?: number) {
  const { prediction } = prepared(worldScenario(targetOf().groups), targetOf());
  const replies = prediction.actions.map(({ right }, index) =>
    index === wrongAt ? "err EXDEV" : replyText(right)
  );
  const memberships = target.groups.map(({ devices }) => devices);
  const numbers = new Map(memberships.flatMap((devices, index) => devices.map((device) => [device, index])));
  const guest = Object.assign(new StandIn({ replies }), {
    ask: async () => `ok ${memberships.map((devices, index) => `${index}=${devices.join(",")}`).join(" ")}`,
  });
  return await checkWorld(guest, target, memberships, numbers, UNTAINTED);
}

t.test("groups are checked wherever they are, even where no scenario gets at them", async (t) => {
  for (const target of [targetOf(), withFarGroup(targetOf())]) {
    t.match(await check(target), { verdict: "match" });
  }
  const { prediction } = prepared(worldScenario(targetOf().groups), targetOf());
  const last = prediction.actions.length - 1;
  t.match(await check(withFarGroup(targetOf()), last), { verdict: "mismatch" });
});
