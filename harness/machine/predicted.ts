/** What a kernel is predicted to find on a machine, before anyone looks. */
import { type Range, U64_MAX } from "../model/range_list.ts";
import { mergeRegions, type ReservedRegion } from "../model/reserved.ts";
import { isFrom } from "../model/semantics.ts";
import type { Errno } from "../model/answer.ts";
import type { KernelVersion } from "../model/version.ts";
import type { DeviceKind, Driver, Group, Iommu } from "../model/world.ts";
import { deviceId, isFor } from "./acpi/region.ts";
import { above, groupsOf, isConventional } from "./grouping.ts";
import type { Machine } from "./machine.ts";
import {
  addressesOf,
  addressOf,
  allAddressesOf,
  type Bridge,
  isBridge,
  isPluggable,
  type Place,
  type Slot,
} from "./topology.ts";
import { hasSeveralSmmus, interruptController, rootBusOf } from "./virt.ts";
import { reportedRegions, withMsiWindow } from "./virtio_regions.ts";

/** Where x86 devices write their interrupts. [spec §0.3] */
const MSI: ReservedRegion = { start: 0xfee00000n, last: 0xfeefffffn, kind: "msi" };

/** AMD's HyperTransport window. [spec §9.3] */
const HYPERTRANSPORT: ReservedRegion = { start: 0xfd00000000n, last: 0xffffffffffn, kind: "reserved" };

/** A group of a machine, and what scenarios can ask for it by. */
export interface MachineGroup extends Group {
  readonly name: string | undefined;
  /** All its devices can be unplugged and plugged in again. */
  readonly isPluggable: boolean;
}

/** What runs the machine and what runs on it. */
export interface Platform {
  readonly kernel: KernelVersion;
  readonly qemu: KernelVersion;
}

/** Address width of an IOMMU when QEMU isn't told otherwise. [QEMU: pc_compat_9_1; spec §10] */
function defaultAddressBits({ arch, iommu: { kind } }: Machine, platform: Platform): number {
  const { qemu } = platform;
  switch (kind) {
    case "intel":
      return isFrom(qemu, "9.2") ? 48 : 39;
    case "amd":
      return amdAddressBits(platform);
    case "virtio":
      if (!isFrom(qemu, "9.0")) return 64;
      return arch === "arm64" ? 48 : 39;
    case "smmuv3":
      return 48;
  }
}

const upTo = (bits: number): Range => ({ start: 0n, last: (1n << BigInt(bits)) - 1n });

/** The groups of a machine whose devices vfio-pci may take, in the order of its slots. [spec §9.8, §16] */
export function predictedGroups(machine: Machine, platform: Platform): MachineGroup[] {
  const iommu = predictedIommu(machine, platform);
  const regions = hardwareRegions(machine, platform);
  return slotsByGroup(machine).map(({ members, slots }) => {
    const devices = slots.flatMap(addressesOf).sort();
    const drivers = devices.map((): Driver => "vfio-pci");
    const firmware = members.flatMap((address) => firmwareRegions(machine, address));
    const reserved = mergeRegions([...members.flatMap(() => regions), ...firmware]);
    const requiresDirect = firmware.some(({ kind }) => kind === "direct");
    const name = slots.find(({ name }) => name !== undefined)?.name;
    return {
      name,
      kinds: slots.map(({ device }) => device),
      hasOneName: slots.every((slot) => isConventional(above(slot))),
      isPluggable: slots.every((slot) => isPluggable(slot, machine)),
      iommu: { ...iommu, name: iommuName(machine, slots[0]) },
      devices,
      drivers,
      reserved,
      requiresDirect,
    };
  });
}

/**
 * The PCI addresses that share a group, once vfio-pci has its devices. Before 6.15 an SMMU's driver gives a device a
 * group when a driver wants it, and what makes a further root bus has none. [spec §19; the version is from memory]
 */
export const membershipsOf = (machine: Machine, kernel: KernelVersion): string[][] =>
  machine.iommu.kind === "smmuv3" && !isFrom(kernel, "6.15")
    ? groupsOf({ ...machine, bridges: machine.bridges.filter(({ kind }) => kind !== "pxb-pcie") })
    : groupsOf(machine);

/** The slots that share a group, and all members of it, in the order of the slots. */
export function slotsByGroup(machine: Machine): { members: readonly string[]; slots: readonly Slot[] }[] {
  return groupsOf(machine)
    .map((members) => ({
      members,
      slots: machine.slots.filter((slot) => addressesOf(slot).some((address) => members.includes(address))),
    }))
    .filter(({ slots }) => slots.length > 0);
}

function hardwareRegions(machine: Machine, { qemu }: Platform): ReservedRegion[] {
  const { arch, iommu } = machine;
  if (arch === "amd64") return iommu.kind === "amd" ? [MSI, HYPERTRANSPORT] : [MSI];
  return withMsiWindow(iommu.kind === "smmuv3" ? [] : virtioRegions(machine, qemu));
}

/** The board gives a virtio-iommu the registers that interrupts are written to. [QEMU: virt_machine_device_pre_plug_cb] */
function virtioRegions(machine: Machine, qemu: KernelVersion): ReservedRegion[] {
  switch (interruptController(machine)) {
    case "its":
      return [{ start: 0x8090000n, last: 0x809ffffn, kind: "msi" }];
    case "v2m":
      return [{ start: 0x8020000n, last: 0x8020fffn, kind: "msi" }];
    case "none":
      return reportedRegions(machine.iommu.reserved, qemu);
  }
}

/** USB controllers and displays, whose drivers take them away from firmware. [spec §9.2; kernel: device_rmrr_is_relaxable] */
const RELAXABLE: readonly DeviceKind[] = ["qemu-xhci", "bochs-display"];

/**
 * What firmware's tables reserve for a function. AMD's driver calls every region direct, exclusions too, whatever the
 * access. VT-d's takes a region of a bridge for one of all behind it, and lets devices off that need it for booting
 * only; an SMMU's lets off what the table does. [spec §9.2, §9.3, §9.6]
 */
function firmwareRegions({ firmware, iommu, slots, bridges }: Machine, address: string): ReservedRegion[] {
  const place = [...slots, ...bridges].find((place) => allAddressesOf(place).includes(address));
  const isVtd = iommu.kind === "intel";
  const isLetOff = isVtd && place && !isBridge(place) && RELAXABLE.includes(place.device);
  const ids = [address, ...(isVtd && place ? bridgesAbove(place).map(addressOf) : [])].map(deviceId);
  return firmware.filter((region) => ids.some((id) => isFor(region, id)))
    .map(({ start, last, kind }) => ({
      start,
      last,
      kind: isLetOff || kind === "rmr-relaxable" ? "direct-relaxable" : "direct",
    }));
}

function bridgesAbove(place: Place): Bridge[] {
  const bridge = above(place);
  return bridge ? [bridge, ...bridgesAbove(bridge)] : [];
}

/** A domain belongs to one SMMU; what others have in common is the driver. [spec §2.7] */
const iommuName = (machine: Machine, slot: Slot | undefined): string =>
  slot && hasSeveralSmmus(machine) ? `smmuv3-${rootBusOf(slot).toString(16)}` : machine.iommu.kind;

/** Remapping does it on x86, where no virtio-iommu has it; on arm64 an ITS does. [spec §2.6] */
function isolatesInterrupts(machine: Machine): boolean {
  const { arch, iommu: { kind, interruptRemapping } } = machine;
  if (arch === "arm64") return interruptController(machine) === "its";
  return kind !== "virtio" && interruptRemapping;
}

function predictedIommu(machine: Machine, platform: Platform): Iommu {
  const { kind, addressBits } = machine.iommu;
  const bits = addressBits ?? defaultAddressBits(machine, platform);
  return {
    name: kind,
    aperture: bits === 64 ? { start: 0n, last: U64_MAX } : upTo(bits),
    pageSizes: predictedPageSizes(kind, platform),
    isolatesInterrupts: isolatesInterrupts(machine),
    enforcesCoherency: kind === "amd",
    locksDirectDevices: kind === "intel",
    readsWriteOnly: readsWriteOnly(kind, platform),
    survivesFaults: kind !== "amd" || !isFrom(platform.qemu, "11.0") || isFrom(platform.kernel, "6.6"),
    confusesLastBytes: kind === "virtio",
    nesting: nesting(kind, platform),
  };
}

/**
 * Intel's driver of old knows nesting, and misses hardware that can nest; a driver that doesn't know it leaves the
 * answer to the core. An SMMU's driver nests where it can still choose, and makes it a domain of the second stage
 * where there is one. [spec §1.5; which version between 5.10 and 6.1 made Intel's give it up is not known, that an
 * SMMU's domain can't choose any more since 6.11 is from memory]
 */
function nesting(kind: Machine["iommu"]["kind"], { kernel, qemu }: Platform): Errno | Range {
  if (kind === "smmuv3") return isFrom(kernel, "6.11") ? "EPERM" : upTo(isFrom(qemu, "9.1") ? 44 : 48);
  return kind === "intel" && !isFrom(kernel, "6.1") ? "ENODEV" : "EINVAL";
}

/** How many levels of tables QEMU's AMD IOMMU says that it walks. [spec §19] */
const amdLevels = ({ qemu }: Platform): number => (isFrom(qemu, "10.0") ? 6 : 4);

/** Kernels of old don't ask how many levels the hardware walks. [spec §10, §19: 6.17.13 asks, 6.16.12 doesn't] */
const amdAddressBits = (platform: Platform): number =>
  isFrom(platform.kernel, "6.17") && amdLevels(platform) === 4 ? 48 : 64;

/**
 * Tables as all drivers have them don't offer what the levels can't hold. [spec §6.2, §19: 7.2.12 has them, 6.17.13
 * doesn't; the version between is from memory]
 */
function amdPageSizes(platform: Platform): bigint {
  if (isFrom(platform.kernel, "6.19") && amdLevels(platform) === 4) return 0x00007f7ffffff000n;
  return isFrom(platform.kernel, "6.12") ? 0x000fff7ffffff000n : 0xffffff7ffffff000n;
}

/**
 * Tables without a bit for reading can't forbid it: those of SMMUv3, and VT-d's as its driver once set them, whether
 * or not they were of a kind that has one. [spec §20.1 row 3; 6.16.12 makes the difference, 6.12 doesn't]
 */
const readsWriteOnly = (kind: Machine["iommu"]["kind"], { kernel }: Platform): boolean =>
  kind === "smmuv3" || (kind === "intel" && !isFrom(kernel, "6.16"));

/** [spec §6.2; for 7.3 on QEMU 7.2 seen on a guest; that Intel's became true in 5.15 is from the list archives] */
function predictedPageSizes(kind: Machine["iommu"]["kind"], platform: Platform): bigint {
  switch (kind) {
    case "intel":
      return isFrom(platform.kernel, "5.15") ? 0x40201000n : 0xfffffffffffff000n;
    case "amd":
      return amdPageSizes(platform);
    case "virtio":
      return 0xfffffffffffff000n;
    case "smmuv3":
      return 0x40201000n;
  }
}
