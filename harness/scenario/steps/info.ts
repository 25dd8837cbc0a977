/** VFIO_IOMMU_GET_INFO, and the read-back that follows every change. */
import * as z from "zod";
import { getInfo, readBack } from "../../model/info.ts";
import type { Action } from "../action.ts";
import { ARGSZ, CONTAINER, DEFAULT_CONTAINER } from "../schemas.ts";
import { defineStep } from "../step.ts";

export const infoAction = (container: string, argsz?: number): Action => {
  const option = argsz === undefined ? "" : ` argsz=${argsz}`;
  return {
    text: `info ${container}${option}`,
    apply: (state) => getInfo(state, container, argsz),
    command: () => `info ${container}${option}`,
    changes: "nothing",
  };
};

/** Locked memory and, per container, page sizes, budget and IOVA list. */
export const readBackAction: Action = {
  text: "state",
  apply: readBack,
  command: () => "state",
  changes: "nothing",
};

const INFO = z.strictObject({ container: CONTAINER.default(DEFAULT_CONTAINER), argsz: ARGSZ.optional() });

export const infoStep = defineStep(
  z.union([z.null(), CONTAINER, INFO]).transform((written) =>
    typeof written === "string" ? { container: written } : written ?? { container: DEFAULT_CONTAINER }
  ),
  function* ({ container, argsz }: z.infer<typeof INFO>) {
    yield infoAction(container, argsz);
  },
);
