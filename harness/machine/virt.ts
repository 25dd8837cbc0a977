/** The arm64 board "virt": its interrupt controller, its IOMMU. */
import type { KernelVersion } from "../model/version.ts";
import type { Machine } from "./machine.ts";
import { joined } from "./option.ts";
import type { Place } from "./topology.ts";
import { virtioIommuDevice } from "./virtio_regions.ts";

/** What a board delivers message-signalled interrupts with. */
export type InterruptController = "its" | "v2m" | "none";

/**
 * An ITS tells devices apart, a GICv2m doesn't. The board gives a virtio-iommu the region of its interrupt
 * controller; where regions are chosen, it must have none. [QEMU: hw/arm/virt.c]
 */
export const interruptController = ({ iommu }: Pick<Machine, "iommu">): InterruptController =>
  iommu.reserved.length > 0 ? "none" : iommu.interruptRemapping ? "its" : "v2m";

/** Whether every root bus has an SMMU of its own: with a single root bus the board has one. [QEMU: hw/arm/smmuv3.c] */
export const hasSeveralSmmus = ({ iommu, bridges }: Pick<Machine, "iommu" | "bridges">): boolean =>
  iommu.kind === "smmuv3" && bridges.some(({ kind }) => kind === "pxb-pcie");

/**
 * Whether the kernel must learn from tables what a device tree can't say: which of several SMMUs is whose, and what
 * firmware reserves. Only UEFI passes them on. [QEMU: docs/system/arm/virt.rst]
 */
export const needsTables = (machine: Pick<Machine, "iommu" | "bridges" | "firmware">): boolean =>
  hasSeveralSmmus(machine) || (machine.iommu.kind === "smmuv3" && machine.firmware.length > 0);

/** The SMMU of a root bus, as a device: it walks both stages, as the board's own does since 9.1. */
export const smmuOf = (bus: string): string =>
  joined("arm-smmuv3", { "primary-bus": bus, id: `smmu-${bus}`, stage: "nested" });

/** Number of the root bus that a place belongs to. */
export const rootBusOf = ({ bridge }: Place): number =>
  bridge === undefined ? 0 : bridge.kind === "pxb-pcie" ? bridge.bus : rootBusOf(bridge);

/** Board, memory and IOMMU, as arguments for qemu-system-aarch64. */
export function virtArgs(machine: Machine, qemu: KernelVersion): string[] {
  const { iommu, memoryMib } = machine;
  const controller = interruptController(machine);
  const board = joined("virt", {
    "gic-version": controller === "v2m" ? 2 : 3,
    its: controller === "none" ? "off" : undefined,
    iommu: iommu.kind === "smmuv3" && !hasSeveralSmmus(machine) ? "smmuv3" : undefined,
  });
  return [
    ...["-machine", board],
    ...["-m", `${memoryMib}M`],
    ...(iommu.kind === "virtio" ? ["-device", virtioIommuDevice(iommu, qemu)] : []),
    ...(hasSeveralSmmus(machine) ? ["-device", smmuOf("pcie.0")] : []),
  ];
}
