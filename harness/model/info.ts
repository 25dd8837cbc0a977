/** VFIO_IOMMU_GET_INFO and the read-back of everything the model predicts. [spec §6] */
import { ok, refused, type RuleText } from "./answer.ts";
import { PAGE_SIZE } from "./constants.ts";
import { NO_IOMMU, openContainer } from "./lifecycle.ts";
import { lockedPages } from "./locked_memory.ts";
import { hex, rangeListText } from "./range_list.ts";
import { MAIN_PROCESS, type Outcome, type State, type Type1 } from "./state.ts";
import { pageSizesOf } from "./type1.ts";

const MIGRATION = { id: 2, bytes: 32, maxDirtyBitmapBytes: 0x10000000 };
const DMA_AVAIL = { id: 3, bytes: 12 };
const IOVA_RANGE = { id: 1, headBytes: 16, rangeBytes: 16 };
const INFO_MIN_BYTES = 16;
const INFO_CAP_OFFSET_BYTES = 20;
const INFO_BYTES = 24;
/** Page sizes and capabilities are both present. */
const INFO_FLAGS = 3;

/** Where each capability lies, in chain order, and where the last one ends. [spec §6.2] */
function layOutCapabilities(state: State, { list }: Type1): { offsets: [number, number][]; total: number } {
  const alignment = state.semantics.capabilityAlignmentBytes;
  const sizes: [number, number][] = [[MIGRATION.id, MIGRATION.bytes], [DMA_AVAIL.id, DMA_AVAIL.bytes]];
  if (list.length > 0) {
    sizes.push([IOVA_RANGE.id, IOVA_RANGE.headBytes + IOVA_RANGE.rangeBytes * list.length]);
  }
  let total = INFO_BYTES;
  const offsets = sizes.map(([id, bytes]): [number, number] => {
    const offset = total;
    total += Math.ceil(bytes / alignment) * alignment;
    return [id, offset];
  });
  return { offsets, total };
}

const available = ({ mappingLimit, mappings }: Type1): string => String(mappingLimit - mappings.length);

/**
 * GET_INFO into a buffer of `argsz` bytes; left out, into one that is just large enough. The capabilities
 * are all there or not at all. [spec §6.1; kernel: vfio_iommu_type1_get_info]
 */
export function getInfo(state: State, key: string, argsz?: number): Outcome {
  const { type1 } = openContainer(state, key);
  if (!type1) return { state, answer: NO_IOMMU };
  const { offsets, total } = layOutCapabilities(state, type1);
  const given = argsz ?? total;
  if (given < INFO_MIN_BYTES) return { state, answer: refused("EINVAL", "§6.1 row 2") };
  const fits = given >= total;
  const head = {
    argsz: hex(fits ? given : total),
    flags: hex(INFO_FLAGS),
    pgsizes: hex(pageSizesOf(state, type1)),
  };
  const capOffset = given >= INFO_CAP_OFFSET_BYTES ? { "cap-offset": hex(fits ? INFO_BYTES : 0) } : {};
  if (!fits) return { state, answer: ok({ ...head, ...capOffset, caps: "-" }, writtenRule(given)) };
  const capabilities = {
    caps: offsets.map(([id, offset]) => `${id}@${hex(offset)}`).join(","),
    migration: [0, 0, PAGE_SIZE, MIGRATION.maxDirtyBitmapBytes].map(hex).join("/"),
    avail: available(type1),
    ...(type1.list.length > 0 ? { ranges: rangeListText(type1.list) } : {}),
  };
  return { state, answer: ok({ ...head, ...capOffset, ...capabilities }, "§6.2") };
}

/** What decides how much of the header is written. */
function writtenRule(given: number): RuleText {
  if (given < INFO_CAP_OFFSET_BYTES) return "§6.1 row 3";
  return given < INFO_BYTES ? "§6.1 row 4" : "§6.1 row 5";
}

/** What the probe's `state` reads back after each step, in the probe's words. */
export function readBack(state: State): Outcome {
  const values: Record<string, string> = {};
  for (const [name, { space }] of state.processes) {
    values[name === MAIN_PROCESS ? "vmlck" : `${name}.vmlck`] = hex(lockedPages(state, space));
  }
  for (const [key, { holders, type1 }] of state.containers) {
    if (!holders.includes(state.process)) continue;
    if (!type1) {
      values[`${key}.info`] = "EINVAL";
      continue;
    }
    values[`${key}.pgsizes`] = hex(pageSizesOf(state, type1));
    values[`${key}.avail`] = available(type1);
    values[`${key}.ranges`] = rangeListText(type1.list);
  }
  return { state, answer: ok(values) };
}
