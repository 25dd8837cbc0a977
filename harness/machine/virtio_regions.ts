/** Reserved regions that a virtio-iommu is told to report: how they are written, passed on and understood. */
import { hex, type Range, U64_MAX, without } from "../model/range_list.ts";
import type { ReservedKind, ReservedRegion } from "../model/reserved.ts";
import { isFrom } from "../model/semantics.ts";
import type { KernelVersion } from "../model/version.ts";
import type { Machine } from "./machine.ts";
import { joined } from "./option.ts";
import { writtenRange } from "./written_range.ts";

/** In the order of the device's own numbers. [virtio specification, struct virtio_iommu_probe_resv_mem] */
const KINDS = ["reserved", "msi"] as const satisfies readonly ReservedKind[];

/**
 * What a device says of an endpoint has room for so many; with one more the kernel gets no answer, and the endpoint
 * no group. [QEMU: VIOMMU_PROBE_SIZE; spec §19]
 */
const MOST_REGIONS = 21;

/** Where a driver places its own interrupt window when the device names none. [kernel: MSI_IOVA_BASE, MSI_IOVA_LENGTH] */
const SOFTWARE_MSI: ReservedRegion = { start: 0x8000000n, last: 0x80fffffn, kind: "sw-msi" };

const REGION = /^\s*(0x[0-9a-fA-F_]+)\.\.(0x[0-9a-fA-F_]+)\s+([a-z-]+)\s*$/;

/** What is wrong with one of the regions, by its index. */
interface Fault {
  readonly index: number;
  readonly message: string;
}

/** The regions that are written for a virtio-iommu, and what is wrong with them. */
export function readVirtioRegions(
  texts: readonly string[],
): { regions: readonly ReservedRegion[]; faults: readonly Fault[] } {
  const regions: ReservedRegion[] = [];
  const faults: Fault[] = [];
  for (const [index, text] of texts.entries()) {
    try {
      regions.push(parseRegion(text));
      if (index === MOST_REGIONS) {
        faults.push({
          index,
          message: `a virtio-iommu reports at most ${MOST_REGIONS} regions; write fewer`,
        });
      }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      faults.push({ index, message: error.message });
    }
  }
  return { regions, faults };
}

/** @throws RangeError that says what is wrong and how to write it */
function parseRegion(text: string): ReservedRegion {
  const [, startText, lastText, kindText] = REGION.exec(text) ?? [];
  if (startText === undefined || lastText === undefined) {
    throw new RangeError(`${text}: write START..LAST KIND, such as 0x10000000..0x1fffffff reserved`);
  }
  const kind = KINDS.find((kind) => kind === kindText);
  if (kind === undefined) {
    throw new RangeError(`a virtio-iommu has no kind ${kindText}; write reserved or msi`);
  }
  const { start, last } = writtenRange(startText, lastText);
  if (last > U64_MAX) throw new RangeError("an address has 64 bits; write lower ones");
  if (last - start === U64_MAX) {
    throw new RangeError(
      "kernels refuse a region of all addresses, and the device gets no group; leave some out",
    );
  }
  return { start, last, kind };
}

/**
 * The device on QEMU's command line. Lists are written as JSON since 9.0, before with a length and an index.
 * [QEMU: "Rework array properties based on list visitor"]
 */
export function virtioIommuDevice({ addressBits, reserved }: Machine["iommu"], qemu: KernelVersion): string {
  const options = { addr: 1, "aw-bits": addressBits };
  const texts = reserved.map(({ start, last, kind }) =>
    `${hex(start)}:${hex(last)}:${KINDS.findIndex((known) => known === kind)}`
  );
  if (texts.length === 0) return joined("virtio-iommu-pci", options);
  if (isFrom(qemu, "9.0")) {
    return JSON.stringify({ driver: "virtio-iommu-pci", ...options, addr: "1", "reserved-regions": texts });
  }
  const list = Object.fromEntries(texts.map((text, index) => [`reserved-regions[${index}]`, text]));
  return joined("virtio-iommu-pci", { ...options, "len-reserved-regions": texts.length, ...list });
}

/**
 * What the device reports of the regions that it was given: since 9.0 each takes its place from those before it.
 * [QEMU: resv_region_list_insert]
 */
export const reportedRegions = (given: readonly ReservedRegion[], qemu: KernelVersion): ReservedRegion[] =>
  isFrom(qemu, "9.0")
    ? given.reduce<ReservedRegion[]>(
      (earlier, region) => [...earlier.flatMap((other) => beside(other, region)), region],
      [],
    )
    : [...given];

/** What is left of a region beside a range. */
const beside = (region: ReservedRegion, range: Range): ReservedRegion[] =>
  without([region], range).map((left) => ({ ...left, kind: region.kind }));

/** The driver adds a window for interrupts where the device has none. [kernel: viommu_get_resv_regions] */
export const withMsiWindow = (reported: readonly ReservedRegion[]): ReservedRegion[] =>
  reported.some(({ kind }) => kind === "msi") ? [...reported] : [...reported, SOFTWARE_MSI];
