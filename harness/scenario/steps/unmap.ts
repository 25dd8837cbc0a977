/** VFIO_IOMMU_UNMAP_DMA. */
import * as z from "zod";
import { unmapDma, type UnmapRequest } from "../../model/unmap.ts";
import { hex } from "../../model/range_list.ts";
import type { Action } from "../action.ts";
import { evaluate } from "../address.ts";
import { ADDRESS, ARGSZ, CONTAINER, DEFAULT_CONTAINER, FLAGS } from "../schemas.ts";
import { defineStep } from "../step.ts";
import { BITMAP_SHAPE, bitmapOf, bitmapText } from "./bitmap.ts";

export const unmapAction = (container: string, request: UnmapRequest): Action => {
  const { iova, size, flags, bitmap, argsz } = request;
  const options = [
    flags === 0 ? "" : ` flags=${hex(flags)}`,
    bitmap === undefined ? "" : bitmapText(bitmap),
    argsz === undefined ? "" : ` argsz=${argsz}`,
  ].join("");
  return {
    text: `unmap ${container} ${hex(iova)} size ${hex(size)}${options}`,
    apply: (state) => unmapDma(state, container, request),
    command: () => `unmap ${container} ${hex(iova)} ${hex(size)}${options}`,
    changes: "mappings",
  };
};

export const unmapStep = defineStep(
  z.strictObject({
    container: CONTAINER.default(DEFAULT_CONTAINER),
    iova: ADDRESS.default(0n),
    size: ADDRESS.default(0n),
    flags: FLAGS.default(0).describe("1 with dirty bitmap, 2 all, 4 vaddr"),
    bitmap: z.strictObject(BITMAP_SHAPE).optional(),
    argsz: ARGSZ.optional(),
  }),
  function* ({ container, iova, size, flags, bitmap, argsz }, { symbols }) {
    yield unmapAction(container, {
      iova: evaluate(iova, symbols),
      size: evaluate(size, symbols),
      flags,
      ...(bitmap === undefined ? {} : { bitmap: bitmapOf(bitmap, symbols) }),
      ...(argsz === undefined ? {} : { argsz }),
    });
  },
);
