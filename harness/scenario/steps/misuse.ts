/** Calls that no program should make. */
import * as z from "zod";
import {
  CONTAINER_CALLS,
  type ContainerCall,
  GROUP_CALLS,
  type GroupCall,
  misuseContainer,
  misuseGroup,
  type Poke,
  pokeContainer,
  POKES,
} from "../../model/misuse.ts";
import { hex } from "../../model/range_list.ts";
import type { Action } from "../action.ts";
import { CONTAINER, DEFAULT_CONTAINER, GROUP } from "../schemas.ts";
import { defineStep } from "../step.ts";

/** Numbers of linux/vfio.h; the unknown one is behind the last that VFIO has. [spec §0.2] */
const NUMBERS: Readonly<Record<ContainerCall | GroupCall, number>> = {
  "get-api-version": 0x3b64,
  "get-status": 0x3b67,
  "set-container": 0x3b68,
  "get-device-fd": 0x3b6a,
  "get-info": 0x3b70,
  map: 0x3b71,
  unmap: 0x3b72,
  dirty: 0x3b75,
  unknown: 0x3bff,
};

const ioctlAction = (handle: string, call: ContainerCall | GroupCall, apply: Action["apply"]): Action => ({
  text: `ioctl ${handle} ${call}`,
  apply,
  command: () => `ioctl ${handle} ${hex(NUMBERS[call])}`,
  changes: "groups",
});

const pokeAction = (container: string, poke: Poke): Action => ({
  text: `poke ${container} ${poke}`,
  apply: (state) => pokeContainer(state, container, poke),
  command: () => `poke ${container} ${poke}`,
  changes: "mappings",
});

/** An ioctl of a container with a null pointer. */
export const containerIoctlStep = defineStep(
  z.strictObject({ container: CONTAINER.default(DEFAULT_CONTAINER), call: z.enum(CONTAINER_CALLS) }),
  function* ({ container, call }) {
    yield ioctlAction(container, call, (state) => misuseContainer(state, container, call));
  },
);

/** An ioctl of a group with a null pointer. */
export const groupIoctlStep = defineStep(
  z.strictObject({ group: GROUP, call: z.enum(GROUP_CALLS) }),
  function* ({ group, call }) {
    yield ioctlAction(group, call, (state) => misuseGroup(state, group, call));
  },
);

/** What isn't done with a container. */
export const pokeStep = defineStep(
  z.strictObject({ container: CONTAINER.default(DEFAULT_CONTAINER), with: z.enum(POKES) }),
  function* ({ container, with: poke }) {
    yield pokeAction(container, poke);
  },
);
