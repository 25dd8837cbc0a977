/** Parameters of the module vfio_iommu_type1 that can be written while it runs. */
import * as z from "zod";
import { ok } from "../../model/answer.ts";
import type { Action } from "../action.ts";
import { defineStep } from "../step.ts";

const PARAMETERS = "/sys/module/vfio_iommu_type1/parameters";

/** Whether groups without isolated interrupts may attach. [spec §2.6] */
export const allowUnsafeInterruptsAction = (allow: boolean): Action => ({
  text: `parameter allow_unsafe_interrupts=${allow ? 1 : 0}`,
  apply: (state) => ({ state: { ...state, allowUnsafeInterrupts: allow }, answer: ok() }),
  command: () => `write ${PARAMETERS}/allow_unsafe_interrupts ${allow ? "Y" : "N"}`,
  changes: "nothing",
});

/** How many mappings a container may hold; sampled at SET_IOMMU. [spec §0.3] */
export const dmaEntryLimitAction = (limit: number): Action => ({
  text: `parameter dma_entry_limit=${limit}`,
  apply: (state) => ({ state: { ...state, dmaEntryLimit: limit }, answer: ok() }),
  command: () => `write ${PARAMETERS}/dma_entry_limit ${limit}`,
  changes: "nothing",
});

/** Whether pages are pinned and mapped one at a time, which must not change any answer. [spec §4.2] */
export const disableHugepagesAction = (disable: boolean): Action => ({
  text: `parameter disable_hugepages=${disable ? 1 : 0}`,
  apply: (state) => ({ state, answer: ok() }),
  command: () => `write ${PARAMETERS}/disable_hugepages ${disable ? "Y" : "N"}`,
  changes: "nothing",
});

export const parameterStep = defineStep(
  z.strictObject({
    "allow-unsafe-interrupts": z.boolean().optional(),
    "dma-entry-limit": z.bigint().min(0n).max(0xffffffffn).optional(),
    "disable-hugepages": z.boolean().optional(),
  }).refine(
    (parameters) => Object.keys(parameters).length > 0,
    "write allow-unsafe-interrupts, dma-entry-limit or disable-hugepages",
  ),
  function* (parameters) {
    const allow = parameters["allow-unsafe-interrupts"];
    const limit = parameters["dma-entry-limit"];
    if (allow !== undefined) yield allowUnsafeInterruptsAction(allow);
    const disable = parameters["disable-hugepages"];
    if (disable !== undefined) yield disableHugepagesAction(disable);
    if (limit !== undefined) yield dmaEntryLimitAction(Number(limit));
  },
);
