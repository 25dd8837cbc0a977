/** A machine in QEMU's words: board, memory, IOMMU and devices; what every guest has besides is not here. */
import type { Machine } from "./machine.ts";

/** Options as `name=value` pairs joined the way QEMU wants them; nothing here comes from free text. */
const joined = (driver: string, options: Record<string, string | number | undefined>): string =>
  [
    driver,
    ...Object.entries(options).flatMap(([key, value]) => value === undefined ? [] : [`${key}=${value}`]),
  ].join(",");

const onOff = (on: boolean): string => (on ? "on" : "off");

/**
 * Arguments for qemu-system-x86_64.
 *
 * The board lacks what costs boot time and is never used: SATA, SMBus, the VMware port. KVM wants the split
 * interrupt controller for interrupt remapping; TCG takes it as well. [QEMU: docs of q35, intel-iommu]
 */
export function machineArgs({ iommu, slots, memoryMib }: Machine): string[] {
  const board = joined("q35", {
    sata: "off",
    smbus: "off",
    vmport: "off",
    "kernel-irqchip": iommu.kind === "virtio" ? undefined : "split",
  });
  return [
    ...["-machine", board],
    ...["-m", `${memoryMib}M`],
    ...["-device", iommuDevice(iommu)],
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

function iommuDevice({ kind, addressBits, interruptRemapping }: Machine["iommu"]): string {
  switch (kind) {
    case "intel":
      return joined("intel-iommu", { intremap: onOff(interruptRemapping), "aw-bits": addressBits });
    case "amd":
      return joined("amd-iommu", { intremap: onOff(interruptRemapping) });
    case "virtio":
      return joined("virtio-iommu-pci", { addr: 1, "aw-bits": addressBits });
  }
}
