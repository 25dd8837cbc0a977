/** VFIO_IOMMU_MAP_DMA. */
import * as z from "zod";
import { MAP_READ, MAP_WRITE, mapDma, type MapRequest } from "../../model/dma.ts";
import { hex } from "../../model/range_list.ts";
import type { Action } from "../action.ts";
import { evaluate } from "../address.ts";
import { ADDRESS, ARGSZ, CONTAINER, DEFAULT_CONTAINER } from "../schemas.ts";
import { defineStep } from "../step.ts";

const ACCESS: Readonly<Record<string, number>> = {
  "-": 0,
  r: MAP_READ,
  w: MAP_WRITE,
  rw: MAP_READ | MAP_WRITE,
};

/** `rw`, or the number where the flags are no mere access rights. */
const flagsText = (flags: number): string =>
  Object.entries(ACCESS).find(([, value]) => value === flags)?.[0] ?? hex(flags);

export const mapAction = (container: string, request: MapRequest): Action => {
  const { iova, size, flags, vaddr, argsz } = request;
  const options = [
    vaddr === undefined ? "" : ` vaddr=${hex(vaddr)}`,
    argsz === undefined ? "" : ` argsz=${argsz}`,
  ].join("");
  return {
    text: `map ${container} ${hex(iova)} size ${hex(size)} ${flagsText(flags)}${options}`,
    apply: (state) => mapDma(state, container, request),
    command: () => `map ${container} ${hex(iova)} ${hex(size)} ${flagsText(flags)}${options}`,
    changes: "mappings",
  };
};

export const mapStep = defineStep(
  z.strictObject({
    container: CONTAINER.default(DEFAULT_CONTAINER),
    iova: ADDRESS,
    size: ADDRESS,
    access: z.enum(["r", "w", "rw", "-"]).default("rw"),
    flags: z.bigint().min(0n).max(0xffffffffn).optional()
      .describe("All flag bits as a number, instead of access"),
    vaddr: ADDRESS.optional().describe("Where the memory is said to be; left out, there is real memory"),
    argsz: ARGSZ.optional(),
  }),
  function* ({ container, iova, size, access, flags, vaddr, argsz }, { symbols }) {
    yield mapAction(container, {
      iova: evaluate(iova, symbols),
      size: evaluate(size, symbols),
      flags: flags === undefined ? ACCESS[access] ?? 0 : Number(flags),
      ...(vaddr === undefined ? {} : { vaddr: evaluate(vaddr, symbols) }),
      ...(argsz === undefined ? {} : { argsz }),
    });
  },
);
