/** A machine in QEMU's words: board, memory, IOMMU and devices; what every guest has besides is not here. */
import { isFrom } from "../model/semantics.ts";
import type { KernelVersion } from "../model/version.ts";
import type { Machine } from "./machine.ts";

/** Options as `name=value` pairs joined the way QEMU wants them; nothing here comes from free text. */
const joined = (driver: string, options: Record<string, string | number | undefined>): string =>
  [
    driver,
    ...Object.entries(options).flatMap(([key, value]) => value === undefined ? [] : [`${key}=${value}`]),
  ].join(",");

const onOff = (on: boolean): string => (on ? "on" : "off");

/** QEMU's versions compare like the kernel's. */
type Version = KernelVersion;

/**
 * QEMU's IVRS says that the I/O APIC is part of a southbridge at 00:14.0, where QEMU has nothing. Kernels that
 * look there (7.3 does) turn interrupt remapping off unless they find an SMBus controller. A block device
 * without a disk can be given that class.
 * [kernel: check_sb_ioapic; QEMU: AMDVI_IOAPIC_SB_DEVID; seen on guests of 7.3.4]
 */
const SOUTHBRIDGE = [
  ...["-blockdev", "driver=null-co,node-name=nothing,size=512"],
  ...["-device", "virtio-blk-pci,addr=14,class=0x0c05,drive=nothing"],
];

/**
 * Arguments for qemu-system-x86_64.
 *
 * The board lacks what costs boot time and is never used: SATA, SMBus, the VMware port. KVM wants the split
 * interrupt controller for interrupt remapping; TCG takes it as well. [QEMU: docs of q35, intel-iommu]
 */
export function machineArgs({ iommu, slots, memoryMib }: Machine, qemu: Version): string[] {
  const board = joined("q35", {
    sata: "off",
    smbus: "off",
    vmport: "off",
    "kernel-irqchip": iommu.kind === "virtio" ? undefined : "split",
  });
  return [
    ...["-machine", board],
    ...["-m", `${memoryMib}M`],
    ...["-device", iommuDevice(iommu, qemu)],
    ...(iommu.kind === "amd" ? SOUTHBRIDGE : []),
    ...slots.flatMap(({ slot, device, functions }) =>
      Array.from({ length: functions }, (_, index) => [
        "-device",
        joined(device, {
          addr: functions > 1 ? `${slot.toString(16)}.${index}` : slot.toString(16),
          multifunction: functions > 1 && index === 0 ? "on" : undefined,
        }),
      ]).flat()
    ),
  ];
}

/**
 * Why this QEMU can't make the machine; undefined when it can. virtio-iommu has had a width since 9.0, the
 * first-stage widths of VT-d are not offered here at all.
 */
export function unsupported({ iommu }: Machine, qemu: Version): string | undefined {
  const needsWidth = iommu.kind === "virtio" && iommu.addressBits !== undefined;
  return needsWidth && !isFrom(qemu, "9.0") ? "virtio-iommu has no aw-bits before QEMU 9.0" : undefined;
}

function iommuDevice({ kind, addressBits, interruptRemapping }: Machine["iommu"], qemu: Version): string {
  switch (kind) {
    case "intel":
      return joined("intel-iommu", { intremap: onOff(interruptRemapping), "aw-bits": addressBits });
    case "amd":
      return joined("amd-iommu", {
        intremap: onOff(interruptRemapping),
        // Without it QEMU 11 lets the DMA of assigned devices pass untranslated.
        "dma-remap": isFrom(qemu, "11.0") ? "on" : undefined,
      });
    case "virtio":
      return joined("virtio-iommu-pci", { addr: 1, "aw-bits": addressBits });
  }
}
