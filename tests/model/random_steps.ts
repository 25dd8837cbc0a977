/** Steps made by chance, as data that a failing test can print. */
import fc from "fast-check";
import { dirtyPages, getDirtyPages } from "../../harness/model/dirty.ts";
import { askToLeave, leave, plug } from "../../harness/model/devices.ts";
import { mapDma, UndeterminedError } from "../../harness/model/map.ts";
import { unmapDma } from "../../harness/model/unmap.ts";
import { getInfo } from "../../harness/model/info.ts";
import { setIommu } from "../../harness/model/backend.ts";
import {
  close,
  deviceClose,
  deviceOpen,
  groupClose,
  groupOpen,
  groupSetContainer,
  groupUnsetContainer,
  HandleError,
  open,
} from "../../harness/model/lifecycle.ts";
import { ok } from "../../harness/model/answer.ts";
import { U64_MAX } from "../../harness/model/range_list.ts";
import type { Outcome, State } from "../../harness/model/state.ts";
import { GROUPS, PAGE_BYTES, PAGES } from "./random_worlds.ts";

export const CONTAINERS = ["c", "d"] as const;

/** Addresses count from the base of the world, so that one step fits every world. */
export type Step =
  | { readonly do: "open" | "close" | "info"; readonly container: string }
  | { readonly do: "set-iommu"; readonly container: string; readonly type: bigint }
  | {
    readonly do:
      | "group-open"
      | "group-close"
      | "unset-container"
      | "device-open"
      | "device-close"
      | "unplug"
      | "plug";
    readonly group: string;
  }
  | { readonly do: "set-container"; readonly group: string; readonly container: string }
  | { readonly do: "map" | "unmap"; readonly container: string } & Request
  | { readonly do: "dirty"; readonly container: string; readonly flags: number }
  | { readonly do: "dirty-get"; readonly container: string; readonly page: number; readonly pages: number }
  | { readonly do: "unmap-to-the-end"; readonly container: string; readonly page: number }
  | { readonly do: "parameters"; readonly allowUnsafeInterrupts: boolean; readonly dmaEntryLimit: number }
  | { readonly do: "fail"; readonly collection: number };

interface Request {
  readonly page: number;
  readonly pages: number;
  readonly flags: number;
  readonly extraBytes: bigint;
  readonly badMemory: boolean;
}

/** @returns undefined when a handle that the step needs isn't open, and where nobody can know the answer */
export function execute(state: State, step: Step, base: bigint): Outcome | undefined {
  try {
    return performOpen(state, step, base);
  } catch (error) {
    if (error instanceof HandleError || error instanceof UndeterminedError) return undefined;
    throw error;
  }
}

function performOpen(state: State, step: Step, base: bigint): Outcome {
  switch (step.do) {
    case "open":
      return open(state, step.container);
    case "close":
      return close(state, step.container);
    case "info":
      return getInfo(state, step.container);
    case "set-iommu":
      return setIommu(state, step.container, step.type);
    case "group-open":
      return groupOpen(state, step.group);
    case "group-close":
      return groupClose(state, step.group);
    case "unset-container":
      return groupUnsetContainer(state, step.group);
    case "set-container":
      return groupSetContainer(state, step.group, step.container);
    case "device-open":
      return deviceOpen(state, `${step.group}.0`, step.group);
    case "device-close":
      return deviceClose(state, `${step.group}.0`);
    case "unplug": {
      const device = { group: step.group, index: 0 };
      return leave(askToLeave(state, device).state, device);
    }
    case "plug":
      return plug(state, { group: step.group, index: 0 });
    case "map":
      return mapDma(state, step.container, requestOf(step, base));
    case "unmap":
      return unmapDma(state, step.container, requestOf({ ...step, badMemory: false }, base));
    case "dirty":
      return dirtyPages(state, step.container, step.flags);
    case "dirty-get": {
      const size = BigInt(step.pages) * PAGE_BYTES;
      return getDirtyPages(state, step.container, { iova: addressOf(base, step.page), size, bitmap: {} });
    }
    case "unmap-to-the-end": {
      const iova = addressOf(base, step.page);
      return unmapDma(state, step.container, { iova, size: U64_MAX - iova + 1n, flags: 0 });
    }
    case "parameters": {
      const { allowUnsafeInterrupts, dmaEntryLimit } = step;
      return { state: { ...state, allowUnsafeInterrupts, dmaEntryLimit }, answer: ok() };
    }
    case "fail":
      return { state: { ...state, failingCollection: step.collection }, answer: ok() };
  }
}

const addressOf = (base: bigint, page: number): bigint =>
  BigInt.asUintN(64, base + BigInt(page) * PAGE_BYTES);

const requestOf = ({ page, pages, flags, extraBytes, badMemory }: Request, base: bigint) => ({
  iova: addressOf(base, page),
  size: BigInt(pages) * PAGE_BYTES + extraBytes,
  flags,
  ...(badMemory ? { vaddr: 0n } : {}),
});

/** Mostly in order, sometimes not: `usual` twelve times as often as each of the others. */
const mostly = <T>(usual: T, ...others: T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 12, arbitrary: fc.constant(usual) }, ...others.map((other) => fc.constant(other)));

const container = mostly("c", "d", "d");
const groupName = fc.constantFrom(...GROUPS);

const requestArb = {
  container,
  page: fc.integer({ min: -1, max: PAGES }),
  pages: fc.oneof({ weight: 5, arbitrary: fc.integer({ min: 1, max: 3 }) }, fc.nat(PAGES)),
  extraBytes: mostly(0n, 0x10n),
};

const parametersArb: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("parameters" as const),
  allowUnsafeInterrupts: fc.boolean(),
  dmaEntryLimit: fc.integer({ min: 1, max: 6 }),
});

/** Steps that any scenario may do. */
export const stepArb: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ do: fc.constant("set-container" as const), group: groupName, container }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("unset-container" as const), group: groupName }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("open", "close", "info"), container }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant("set-iommu" as const), container, type: mostly(3n, 1n, 6n, 9n) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom("group-open", "group-open", "group-close", "device-open", "device-close"),
      group: groupName,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom("unplug", "plug", "plug"), group: groupName }),
  },
  {
    weight: 14,
    arbitrary: fc.record({
      do: fc.constant("map" as const),
      ...requestArb,
      flags: mostly(3, 1, 0, 8, 4),
      badMemory: mostly(false, true),
    }),
  },
  {
    weight: 7,
    arbitrary: fc.record({
      do: fc.constant("unmap" as const),
      ...requestArb,
      flags: mostly(0, 2, 8, 4, 1),
      badMemory: fc.constant(false),
    }),
  },
  { weight: 1, arbitrary: parametersArb },
);

/** An UNMAP of everything from a page on, up to 2^64. */
export const toTheEndArb: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("unmap-to-the-end" as const),
  container,
  page: fc.nat(PAGES - 1),
});

/** Tracking of dirty pages, on from the start more often than off, and questions about the whole space. */
export const dirtyArb: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("dirty" as const), container, flags: mostly(1, 2, 0, 3) }),
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("dirty-get" as const),
      container,
      page: fc.integer({ min: -1, max: PAGES }),
      pages: fc.integer({ min: 0, max: PAGES + 1 }),
    }),
  },
);

/** One of the next collections of a group's regions fails. */
export const failureArb: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("fail" as const),
  collection: fc.nat(3),
});

/** Everything open, and a first group with an IOMMU, so that chance finds something to work with. */
const prelude = (type: bigint): readonly Step[] => [
  ...CONTAINERS.map((container): Step => ({ do: "open", container })),
  ...GROUPS.map((group): Step => ({ do: "group-open", group })),
  { do: "set-container", group: "g0", container: "c" },
  { do: "set-iommu", container: "c", type },
];

export const stepsArb = (...kinds: fc.Arbitrary<Step>[]): fc.Arbitrary<readonly Step[]> => {
  const others = kinds.map((arbitrary) => ({ weight: 1, arbitrary }));
  const anyStep = fc.oneof({ weight: 20, arbitrary: stepArb }, ...others);
  return fc.tuple(parametersArb, fc.constantFrom(3n, 1n), fc.array(anyStep, { maxLength: 40, size: "max" }))
    .map(([parameters, type, steps]) => [parameters, ...prelude(type), ...steps]);
};

/** Closes whatever is open. */
export const EPILOGUE: readonly Step[] = [
  ...GROUPS.flatMap((group): Step[] => [{ do: "device-close", group }, { do: "group-close", group }]),
  ...CONTAINERS.map((container): Step => ({ do: "close", container })),
];
