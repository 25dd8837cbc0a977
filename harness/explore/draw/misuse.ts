/** What no program should do. */
import { NO_CONTAINERS } from "../../model/lifecycle.ts";
import { CONTAINER_CALLS, GROUP_CALLS, POKES } from "../../model/misuse.ts";
import type { WrittenStep } from "../sequence.ts";
import { pageAt, someSize } from "./borders.ts";
import {
  heldContainers,
  inContainer,
  nothingToDraw,
  pickContainer,
  pickOpenGroup,
  type Situation,
} from "./situation.ts";

export const drawContainerIoctl = (situation: Situation): WrittenStep => ({
  "container-ioctl": {
    ...inContainer(pickContainer(situation)),
    call: situation.random.oneOf(CONTAINER_CALLS),
  },
});

export const drawGroupIoctl = (situation: Situation): WrittenStep => ({
  "group-ioctl": { group: pickOpenGroup(situation), call: situation.random.oneOf(GROUP_CALLS) },
});

export const drawPoke = (situation: Situation): WrittenStep => ({
  poke: { ...inContainer(pickContainer(situation)), with: situation.random.oneOf(POKES) },
});

export const drawSetContainerTo = (situation: Situation): WrittenStep => ({
  "set-container-to": { group: pickOpenGroup(situation), what: situation.random.oneOf(NO_CONTAINERS) },
});

/** Words behind a device's name: what vfio-pci knows, what it doesn't, and what isn't behind it at all. [spec §1.6] */
const BEHIND = [" x", " y=1", "0", "x"];

export function drawDeviceOpenMisnamed(situation: Situation): WrittenStep {
  const group = pickOpenGroup(situation);
  const behind = situation.random.chance(60) ? { behind: situation.random.oneOf(BEHIND) } : {};
  return { "device-open-misnamed": { group, ...behind } };
}

/** What needs an IOMMU, asked of a container without one, where there is such a container. */
export function drawTooEarly(situation: Situation): WrittenStep {
  const { random, traits } = situation;
  const bare = heldContainers(situation).filter(([, { type1 }]) => !type1);
  if (bare.length === 0) nothingToDraw();
  const container = inContainer(random.oneOf(bare)[0]);
  const range = { iova: pageAt(random, random.oneOf(traits.meetingAddresses)), size: someSize(random) };
  return random.oneOf<WrittenStep>([
    { map: { ...container, ...range } },
    { unmap: { ...container, ...range } },
    { "dirty-get": { ...container, ...range } },
    { dirty: { ...container, flags: 1n } },
    { info: { ...container } },
  ]);
}
