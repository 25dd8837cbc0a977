/** Steps on a container as a whole. */
import * as z from "zod";
import { checkExtension, setIommu } from "../../model/backend.ts";
import { close, open } from "../../model/lifecycle.ts";
import { U64_MAX } from "../../model/range_list.ts";
import type { Action } from "../action.ts";
import { CONTAINER, DEFAULT_CONTAINER } from "../schemas.ts";
import { defineStep } from "../step.ts";

/** VFIO_TYPE1v2_IOMMU, what everybody uses. */
export const TYPE1_V2 = 3n;

export const openAction = (container: string): Action => ({
  text: `open ${container}`,
  apply: (state) => open(state, container),
  command: () => `open ${container}`,
  changes: "nothing",
});

export const setIommuAction = (container: string, type: bigint): Action => ({
  text: `set-iommu ${container} ${type}`,
  apply: (state) => setIommu(state, container, type),
  command: () => `set-iommu ${container} ${type}`,
  changes: "groups",
});

const closeAction = (container: string): Action => ({
  text: `close ${container}`,
  apply: (state) => close(state, container),
  command: () => `close ${container}`,
  changes: "groups",
});

export const checkExtensionAction = (container: string, extension: bigint): Action => ({
  text: `check-extension ${container} ${extension}`,
  apply: (state) => checkExtension(state, container, extension),
  command: () => `check-extension ${container} ${extension}`,
  changes: "nothing",
});

export const openStep = defineStep(CONTAINER, function* (container) {
  yield openAction(container);
});

export const closeStep = defineStep(CONTAINER, function* (container) {
  yield closeAction(container);
});

export const setIommuStep = defineStep(
  z.strictObject({
    container: CONTAINER.default(DEFAULT_CONTAINER),
    type: z.bigint().min(0n).max(U64_MAX).describe("1 type1, 3 type1v2, 6 nesting"),
  }),
  function* ({ container, type }) {
    yield setIommuAction(container, type);
  },
);

export const checkExtensionStep = defineStep(
  z.strictObject({
    container: CONTAINER.default(DEFAULT_CONTAINER),
    extension: z.bigint().min(0n).max(0x7fffffffn),
  }),
  function* ({ container, extension }) {
    yield checkExtensionAction(container, extension);
  },
);
