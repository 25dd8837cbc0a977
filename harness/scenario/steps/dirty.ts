/** VFIO_IOMMU_DIRTY_PAGES. */
import * as z from "zod";
import { DIRTY_START, DIRTY_STOP, dirtyPages, type DirtyRequest, getDirtyPages } from "../../model/dirty.ts";
import { hex } from "../../model/range_list.ts";
import type { Action } from "../action.ts";
import { evaluate } from "../address.ts";
import { ADDRESS, ARGSZ, CONTAINER, DEFAULT_CONTAINER, FLAGS } from "../schemas.ts";
import { defineStep } from "../step.ts";
import { BITMAP_SHAPE, bitmapOf, bitmapText } from "./bitmap.ts";

const WORDS = ["start", "stop"] as const;
const FLAG_OF = { start: DIRTY_START, stop: DIRTY_STOP };

export const dirtyAction = (container: string, flags: number, argsz: number | undefined): Action => {
  const word = WORDS.find((word) => FLAG_OF[word] === flags) ?? hex(flags);
  const request = `dirty ${container} ${word}${argsz === undefined ? "" : ` argsz=${argsz}`}`;
  return {
    text: request,
    apply: (state) => dirtyPages(state, container, flags, argsz),
    command: () => request,
    changes: "mappings",
  };
};

export const dirtyGetAction = (container: string, request: DirtyRequest): Action => {
  const { iova, size, bitmap, argsz } = request;
  const options = `${bitmapText(bitmap)}${argsz === undefined ? "" : ` argsz=${argsz}`}`;
  return {
    text: `dirty-get ${container} ${hex(iova)} size ${hex(size)}${options}`,
    apply: (state) => getDirtyPages(state, container, request),
    command: () => `dirty-get ${container} ${hex(iova)} ${hex(size)}${options}`,
    changes: "mappings",
  };
};

const DIRTY = z.strictObject({
  container: CONTAINER.default(DEFAULT_CONTAINER),
  flags: FLAGS.describe("1 start, 2 stop, 4 get"),
  argsz: ARGSZ.optional(),
});

/** `dirty: start`, `dirty: stop`, or flags. */
export const dirtyStep = defineStep(
  z.union([
    z.enum(WORDS).transform((word) => ({ flags: FLAG_OF[word], container: DEFAULT_CONTAINER })),
    DIRTY,
  ]),
  function* ({ container, flags, argsz }: z.infer<typeof DIRTY>) {
    yield dirtyAction(container, flags, argsz);
  },
);

/** Which pages of a range are dirty. */
export const dirtyGetStep = defineStep(
  z.strictObject({
    container: CONTAINER.default(DEFAULT_CONTAINER),
    iova: ADDRESS,
    size: ADDRESS,
    ...BITMAP_SHAPE,
    argsz: ARGSZ.optional(),
  }),
  function* ({ container, iova, size, argsz, ...bitmap }, { symbols }) {
    yield dirtyGetAction(container, {
      iova: evaluate(iova, symbols),
      size: evaluate(size, symbols),
      bitmap: bitmapOf(bitmap, symbols),
      ...(argsz === undefined ? {} : { argsz }),
    });
  },
);
