/** The arm64 board "virt": its interrupt controller, its IOMMU. */
import type { KernelVersion } from "../model/version.ts";
import type { Machine } from "./machine.ts";
import { joined } from "./option.ts";
import { virtioIommuDevice } from "./virtio_regions.ts";

/** What a board delivers message-signalled interrupts with. */
export type InterruptController = "its" | "v2m" | "none";

/**
 * An ITS tells devices apart, a GICv2m doesn't. The board gives a virtio-iommu the region of its interrupt
 * controller; where regions are chosen, it must have none. [QEMU: hw/arm/virt.c]
 */
export const interruptController = ({ iommu }: Pick<Machine, "iommu">): InterruptController =>
  iommu.reserved.length > 0 ? "none" : iommu.interruptRemapping ? "its" : "v2m";

/** Board, memory and IOMMU, as arguments for qemu-system-aarch64. */
export function virtArgs(machine: Machine, qemu: KernelVersion): string[] {
  const { iommu, memoryMib } = machine;
  const controller = interruptController(machine);
  const board = joined("virt", {
    "gic-version": controller === "v2m" ? 2 : 3,
    its: controller === "none" ? "off" : undefined,
    iommu: iommu.kind === "smmuv3" ? "smmuv3" : undefined,
  });
  return [
    ...["-machine", board],
    ...["-m", `${memoryMib}M`],
    ...(iommu.kind === "virtio" ? ["-device", virtioIommuDevice(iommu, qemu)] : []),
  ];
}
