/** A machine in QEMU's words: board, memory, IOMMU and devices; what every guest has besides is not here. */
import { isFrom } from "../model/semantics.ts";
import type { KernelVersion } from "../model/version.ts";
import type { DeviceKind } from "../model/world.ts";
import { SOUTHBRIDGE_SLOT } from "./board.ts";
import type { Machine } from "./machine.ts";
import { joined, onOff } from "./option.ts";
import { type Bridge, busOf, functionsAt, type Place, type Slot, type Topology } from "./topology.ts";
import { hasSeveralSmmus, smmuOf, virtArgs } from "./virt.ts";
import { virtioIommuDevice } from "./virtio_regions.ts";

/** QEMU's versions compare like the kernel's. */
type Version = KernelVersion;

/** What kernels take for an SMBus controller: a block device without a disk can be given that class. */
const SOUTHBRIDGE = [
  ...["-blockdev", "driver=null-co,node-name=nothing,size=512"],
  ...["-device", `virtio-blk-pci,addr=${SOUTHBRIDGE_SLOT.toString(16)},class=0x0c05,drive=nothing`],
];

/** Arguments for the QEMU of the machine's architecture. */
export const machineArgs = (machine: Machine, qemu: Version): string[] => [
  ...(machine.arch === "arm64" ? virtArgs(machine, qemu) : q35Args(machine, qemu)),
  ...[...bridgeDevices(machine), ...slotDevices(machine)].flatMap((device) => ["-device", device]),
];

/**
 * The board lacks what costs boot time and is never used: SATA, SMBus, the VMware port. KVM wants the split
 * interrupt controller for interrupt remapping; TCG takes it as well. [QEMU: docs of q35, intel-iommu]
 */
function q35Args({ iommu, memoryMib }: Machine, qemu: Version): string[] {
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
  ];
}

/** What QEMU calls a device or a bus. */
const idOf = ({ slot, function: number, bridge }: Place): string =>
  `bus${busOf(bridge).toString(16)}-${slot.toString(16)}.${number}`;

/** Where QEMU is to put a function. Further root buses make it ask which one is meant. */
function placed(place: Place, { slots, bridges }: Topology): Record<string, string | undefined> {
  const { slot, function: number, bridge } = place;
  const isMulti = functionsAt(place, { slots, bridges }) > 1;
  const root = bridges.length > 0 ? "pcie.0" : undefined;
  return {
    bus: bridge ? idOf(bridge) : root,
    addr: `${slot.toString(16)}${isMulti ? `.${number}` : ""}`,
    multifunction: isMulti && number === 0 ? "on" : undefined,
  };
}

const slotDevices = (topology: Topology): string[] =>
  topology.slots.flatMap((slot) => functionsOf(slot).map((place) => deviceAt(place, slot.device, topology)));

const deviceAt = (place: Place, device: DeviceKind, topology: Topology): string =>
  joined(device, { id: place.bridge && idOf(place), ...placed(place, topology), ...optionsOf(device) });

/** By default an edu forgets all but 28 bits of an address; an nvme must be told who it is. [QEMU: edu.rst, nvme.rst] */
function optionsOf(device: DeviceKind): Record<string, string> {
  if (device === "edu") return { dma_mask: "0xffffffffffffffff" };
  return device === "nvme" ? { serial: "iovacheck" } : {};
}

/** A device of one function, as it can be plugged in again. */
export const pluggableDevice = (slot: Slot, topology: Topology): { id: string; device: string } => ({
  id: idOf(slot),
  device: deviceAt(slot, slot.device, topology),
});

const functionsOf = ({ functions, ...place }: Slot): Place[] =>
  Array.from({ length: functions }, (_, index) => ({ ...place, function: place.function + index }));

const bridgeDevices = (machine: Machine): string[] =>
  machine.bridges.flatMap((bridge, index) => [
    joined(bridge.kind, {
      id: idOf(bridge),
      ...placed(bridge, machine),
      ...bridgeOptions(bridge, index + 1),
    }),
    ...(hasSeveralSmmus(machine) && bridge.kind === "pxb-pcie" && bridge.isTranslated
      ? [smmuOf(idOf(bridge))]
      : []),
  ]);

/** @param number tells it from others: QEMU wants a chassis of its own for each that has hotplug slots */
function bridgeOptions({ kind, bus, hasAcs, isTranslated }: Bridge, number: number) {
  switch (kind) {
    case "pcie-root-port":
      return { chassis: number, "disable-acs": hasAcs ? undefined : "on" };
    case "xio3130-downstream":
      return { chassis: number };
    case "pci-bridge":
      return { chassis_nr: number };
    case "pxb-pcie":
      return { bus_nr: bus, bypass_iommu: isTranslated ? undefined : "on" };
    case "x3130-upstream":
    case "pcie-pci-bridge":
      return {};
  }
}

/**
 * Why this QEMU can't make the machine; undefined when it can. virtio-iommu has had a width since 9.0, the
 * first-stage widths of VT-d are not offered here at all. Ports without ACS went with the machines of old that
 * had them. [seen with QEMU 11.1.3, not with 10.0.13; which version between is not known] An amd-iommu that no
 * kernel boots with was seen with 10.0.2, with and without interrupt remapping, and not with 10.0.13.
 * SMMUs as devices are in 11.1.3 and not in 10.0.13; 10.2 as the first version is from memory.
 */
export function unsupported(machine: Machine, qemu: Version): string | undefined {
  const { iommu, bridges } = machine;
  if (hasSeveralSmmus(machine) && !isFrom(qemu, "10.2")) {
    return "QEMU has no SMMUv3 for each root bus before 10.2";
  }
  const needsBarePort = bridges.some(({ kind, hasAcs }) => kind === "pcie-root-port" && !hasAcs);
  if (needsBarePort && isFrom(qemu, "11.0")) return "pcie-root-port has no disable-acs from QEMU 11.0 on";
  if (iommu.kind === "amd" && isFrom(qemu, "10.0.2") && !isFrom(qemu, "10.0.3")) {
    return "amd-iommu of QEMU 10.0.2 loses the timer's interrupts, without which no kernel boots";
  }
  const needsWidth = iommu.kind === "virtio" && iommu.addressBits !== undefined;
  return needsWidth && !isFrom(qemu, "9.0") ? "virtio-iommu has no aw-bits before QEMU 9.0" : undefined;
}

function iommuDevice(iommu: Machine["iommu"], qemu: Version): string {
  const { kind, addressBits, interruptRemapping } = iommu;
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
      return virtioIommuDevice(iommu, qemu);
    case "smmuv3":
      throw new RangeError("the q35 board has no SMMU");
  }
}
