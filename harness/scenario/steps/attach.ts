/** Attach and detach as a user program does them: with all the calls that belong to it. */
import * as z from "zod";
import { CONTAINER, DEFAULT_CONTAINER, GROUP } from "../schemas.ts";
import { type Actions, defineStep, type Scene } from "../step.ts";
import { openAction, setIommuAction, TYPE1_V2 } from "./container.ts";
import { lettingGo } from "./hotplug.ts";
import { groupOpenAction, setContainerAction, unsetContainerAction } from "./group.ts";

const ATTACH = z.strictObject({ group: GROUP, container: CONTAINER.default(DEFAULT_CONTAINER) });

/**
 * Opens container and group where they aren't open, puts the group in, and sets type1v2 where no IOMMU is
 * set. Stops at the first refusal.
 */
function* attach({ group, container }: z.infer<typeof ATTACH>, scene: Scene): Actions {
  if (!scene.state().containers.has(container)) yield openAction(container);
  if (!scene.state().groups.has(group)) {
    const { answer } = yield groupOpenAction(group);
    if (answer.errno) return;
  }
  const { state, answer } = yield setContainerAction(group, container);
  if (answer.errno || state.containers.get(container)?.type1) return;
  yield setIommuAction(container, TYPE1_V2);
}

export const attachStep = defineStep(
  z.union([GROUP.transform((group) => ({ group, container: DEFAULT_CONTAINER })), ATTACH]),
  attach,
);

export const detachStep = defineStep(GROUP, function* (group, scene) {
  yield* lettingGo(unsetContainerAction(group), scene);
});
