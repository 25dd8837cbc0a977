/** Devices that move data. */
import * as z from "zod";
import { ENGINE_BYTES, moveData, startEngine, type Transfer } from "../../model/dma.ts";
import { MAP_READ, MAP_WRITE } from "../../model/map.ts";
import { rangeOf } from "../../model/mappings.ts";
import { hex, type RangeList } from "../../model/range_list.ts";
import type { Action } from "../action.ts";
import { evaluate } from "../address.ts";
import { ADDRESS, CONTAINER, DEFAULT_CONTAINER, GROUP } from "../schemas.ts";
import { type Actions, defineStep, type Scene } from "../step.ts";
import { deviceOpenAction, handleOf } from "./device.ts";
import { mapAction } from "./map.ts";

const startAction = (group: string, container: string, iova: bigint): Action => {
  const request = `engine ${handleOf(group)} ${container} ${hex(iova)}`;
  return {
    text: request,
    apply: (state) => startEngine(state, group, handleOf(group), iova),
    command: () => request,
    changes: "nothing",
  };
};

/** @param accesses what the device accesses for it, working memory included: that can be out of reach, too */
const transferAction = (group: string, transfer: Transfer, accesses: RangeList): Action => {
  const { direction, iova, size } = transfer;
  const request = `dma ${handleOf(group)} ${direction} ${hex(iova)} ${hex(size)}`;
  return {
    text: request,
    apply: (state) => moveData(state, group, handleOf(group), transfer),
    command: () => request,
    changes: "nothing",
    accesses,
  };
};

const ENGINE = z.strictObject({
  group: GROUP,
  at: ADDRESS.describe(`Where ${hex(ENGINE_BYTES)} bytes of working memory are mapped for it`),
  container: CONTAINER.default(DEFAULT_CONTAINER),
});

/** Opens the group's device where it isn't open, maps working memory for it, and lets it access memory. */
function* engine({ group, at, container }: z.infer<typeof ENGINE>, scene: Scene): Actions {
  const iova = evaluate(at, scene.symbols);
  if (!scene.state().groups.get(group)?.devices.has(handleOf(group))) {
    const { answer } = yield deviceOpenAction(group);
    if (answer.errno) return;
  }
  const { answer } = yield mapAction(container, { iova, size: ENGINE_BYTES, flags: MAP_READ | MAP_WRITE });
  if (answer.errno === null) yield startAction(group, container, iova);
}

export const engineStep = defineStep(ENGINE, engine);

/** A transfer by the device of a group: to memory, which is where a write lands, or from it. */
export const dmaStep = defineStep(
  z.strictObject({
    group: GROUP,
    write: ADDRESS.optional().describe("Where the device writes to"),
    read: ADDRESS.optional().describe("Where it reads from"),
    size: ADDRESS,
  }).refine(({ write, read }) => (write === undefined) !== (read === undefined), {
    message: "write where the device writes or where it reads: write: 0x1000, or read: 0x1000",
  }),
  function* ({ group, write, read, size }, { symbols, state }) {
    const transfer: Transfer = {
      direction: write === undefined ? "read" : "write",
      iova: evaluate(write ?? read ?? 0n, symbols),
      size: evaluate(size, symbols),
    };
    const engine = state().engines.get(handleOf(group));
    const working = engine ? [rangeOf({ iova: engine.iova, size: ENGINE_BYTES })] : [];
    yield transferAction(group, transfer, [rangeOf(transfer), ...working]);
  },
);
