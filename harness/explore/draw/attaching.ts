/** Groups, containers and devices: opened, put together, taken apart and closed, in any order. */
import type { WrittenStep } from "../sequence.ts";
import {
  heldContainers,
  heldGroups,
  inContainer,
  isNonsense,
  nothingToDraw,
  pickContainer,
  pickOpenGroup,
  type Situation,
} from "./situation.ts";

/** Mostly a container that is there already, so that groups meet. */
function containerFor(situation: Situation): string {
  const { random, traits, state } = situation;
  const held = heldContainers(situation).map(([key]) => key);
  if (held.length > 0 && random.chance(75)) return random.oneOf(held);
  const possible = traits.containers.filter((key) => held.includes(key) || !state.containers.has(key));
  return possible.length > 0 ? random.oneOf(possible) : nothingToDraw();
}

/** Mostly a group that is in no container. */
function groupToAttach(situation: Situation): string {
  const { random, traits, state } = situation;
  if (isNonsense(situation)) return random.oneOf(traits.groups);
  const alone = traits.groups.filter((name) => state.groups.get(name)?.container === undefined);
  if (alone.length === 0) nothingToDraw();
  return random.oneOf(alone);
}

export function drawAttach(situation: Situation): WrittenStep {
  const group = groupToAttach(situation);
  const container = inContainer(containerFor(situation));
  return { attach: container.container === undefined ? group : { group, ...container } };
}

/** Mostly a group that is in a container, and may leave it. */
function attachedGroup(situation: Situation): string {
  if (isNonsense(situation)) return pickOpenGroup(situation);
  const attached = heldGroups(situation).filter(([, { container, devices }]) =>
    container !== undefined && devices.size === 0
  );
  if (attached.length === 0) nothingToDraw();
  return situation.random.oneOf(attached)[0];
}

export const drawDetach = (situation: Situation): WrittenStep => ({ detach: attachedGroup(situation) });

export const drawUnsetContainer = (situation: Situation): WrittenStep => ({
  "unset-container": attachedGroup(situation),
});

export function drawOpen({ random, traits, state }: Situation): WrittenStep {
  const closed = traits.containers.filter((key) => !state.containers.has(key));
  if (closed.length === 0) nothingToDraw();
  return { open: random.oneOf(closed) };
}

export const drawClose = (situation: Situation): WrittenStep => ({ close: pickContainer(situation) });

export function drawGroupOpen(situation: Situation): WrittenStep {
  const { random, traits, state } = situation;
  const closed = traits.groups.filter((name) => !state.groups.has(name));
  const candidates = isNonsense(situation) ? traits.groups : closed;
  if (candidates.length === 0) nothingToDraw();
  return { "group-open": random.oneOf(candidates) };
}

export const drawGroupClose = (situation: Situation): WrittenStep => ({
  "group-close": pickOpenGroup(situation),
});

export function drawSetContainer(situation: Situation): WrittenStep {
  const { random } = situation;
  const groups = heldGroups(situation);
  const alone = groups.filter(([, { container }]) => container === undefined);
  const candidates = isNonsense(situation) ? groups : alone;
  const containers = heldContainers(situation);
  if (candidates.length === 0 || containers.length === 0) nothingToDraw();
  return {
    "set-container": { group: random.oneOf(candidates)[0], ...inContainer(random.oneOf(containers)[0]) },
  };
}

/** 1 and 3 are what programs choose. [spec §1.5] */
const IOMMU_TYPES = [0n, 2n, 4n, 5n, 6n, 7n, 8n, 9n, 10n, 11n, 99n, 1n << 32n, (1n << 32n) + 3n];

export function drawSetIommu(situation: Situation): WrittenStep {
  const { random } = situation;
  const containers = heldContainers(situation);
  const waiting = containers.filter(([, { groups, type1 }]) => groups.length > 0 && !type1);
  const candidates = isNonsense(situation) ? containers : waiting;
  if (candidates.length === 0) nothingToDraw();
  const type = isNonsense(situation)
    ? random.oneOf(IOMMU_TYPES)
    : random.weighted<bigint>([[5, 3n], [4, 1n], [1, 6n]]);
  return { "set-iommu": { ...inContainer(random.oneOf(candidates)[0]), type } };
}

export function drawDeviceOpen(situation: Situation): WrittenStep {
  const { random } = situation;
  const groups = heldGroups(situation);
  const ready = groups.filter(([, { container, devices }]) => container !== undefined && devices.size === 0);
  const candidates = isNonsense(situation) ? groups : ready;
  if (candidates.length === 0) nothingToDraw();
  return { "device-open": random.oneOf(candidates)[0] };
}

export function drawDeviceClose({ random, state, process }: Situation): WrittenStep {
  const opened = [...state.groups].filter(([, { devices }]) =>
    [...devices.values()].some((holders) => holders.includes(process))
  );
  if (opened.length === 0) nothingToDraw();
  return { "device-close": random.oneOf(opened)[0] };
}

/** Of a hundred containers whose first group has joined so many wait for another one, and of some a group leaves. */
const WAITING_PERCENT = 45;
const LEAVING_PERCENT = 15;

/** What comes next on the way to a container with an IOMMU, call by call. */
export function drawByHand(situation: Situation): WrittenStep {
  const { random } = situation;
  const containers = heldContainers(situation);
  const alone = heldGroups(situation).filter(([, { container }]) => container === undefined);
  if (containers.length === 0) return drawOpen(situation);
  const isWaiting = containers.some(([, { groups }]) => groups.length > 0);
  if (isWaiting && random.chance(LEAVING_PERCENT)) return drawUnsetContainer(situation);
  if (isWaiting && !random.chance(WAITING_PERCENT)) return drawSetIommu(situation);
  return alone.length > 0 ? drawSetContainer(situation) : drawGroupOpen(situation);
}
