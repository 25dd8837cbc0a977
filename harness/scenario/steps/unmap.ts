/** VFIO_IOMMU_UNMAP_DMA. */
import * as z from "zod";
import { UNMAP_ALL_FLAG, unmapDma, type UnmapRequest } from "../../model/dma.ts";
import { hex } from "../../model/range_list.ts";
import type { Action } from "../action.ts";
import { evaluate } from "../address.ts";
import { ADDRESS, ARGSZ, CONTAINER, DEFAULT_CONTAINER } from "../schemas.ts";
import { defineStep } from "../step.ts";

/** The flags that this model knows, and those that no kernel does. */
const FLAGS = z.bigint().refine(
  (flags) => flags === 0n || flags === BigInt(UNMAP_ALL_FLAG) || (flags >= 8n && flags <= 0xffffffffn),
  "write 0, 2 (all) or an unknown bit from 8 up",
);

export const unmapAction = (container: string, request: UnmapRequest): Action => {
  const { iova, size, flags, argsz } = request;
  const options = [flags === 0 ? "" : ` flags=${hex(flags)}`, argsz === undefined ? "" : ` argsz=${argsz}`]
    .join("");
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
    flags: FLAGS.default(0n),
    argsz: ARGSZ.optional(),
  }),
  function* ({ container, iova, size, flags, argsz }, { symbols }) {
    yield unmapAction(container, {
      iova: evaluate(iova, symbols),
      size: evaluate(size, symbols),
      flags: Number(flags),
      ...(argsz === undefined ? {} : { argsz }),
    });
  },
);
