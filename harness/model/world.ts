/** The facts the model starts from: what the machine offers before anyone opens a container. */
import type { Errno } from "./answer.ts";
import type { Range } from "./range_list.ts";
import type { ReservedRegion } from "./reserved.ts";

/** One IOMMU, as far as type1 can tell IOMMUs apart. */
export interface Iommu {
  /** Groups of IOMMUs with different names never share a domain. [spec §2.7] */
  readonly name: string;
  /** The addresses a domain of it can translate. [spec §10] */
  readonly aperture: Range;
  /** Bitmap of page sizes as GET_INFO reports it for one domain. [spec §6.2] */
  readonly pageSizes: bigint;
  /** Whether a device's interrupts are remapped, so that it can't forge another's. [spec §2.6] */
  readonly isolatesInterrupts: boolean;
  /** Whether a domain of it enforces cache coherency (VFIO_DMA_CC_IOMMU). [spec §1.2] */
  readonly enforcesCoherency: boolean;
  /** The driver itself keeps a device that requires a direct region to its default domain. [spec §9.2] */
  readonly locksDirectDevices: boolean;
  /** Addresses at which its driver fails to map anything, with ERANGE. [spec §2.1 row 19, §4.2] */
  readonly refuses?: Range;
  /** Whether devices may read what is mapped for writing only: its tables can't say otherwise. [spec §20] */
  readonly readsWriteOnly: boolean;
  /** The kernel comes to an end with the report of an access that was refused. [spec §19] */
  readonly survivesFaults: boolean;
  /** An access that begins with the last byte of a page may be led to where the next page is. [spec §19] */
  readonly confusesLastBytes: boolean;
  /** How the driver refuses a domain for nested translation, or what the domain that it grants translates. [spec §1.5] */
  readonly nesting: Errno | Range;
}

/** Drivers that use a device themselves, and so own the DMA of its group. */
export const OWNERS = ["uio_pci_generic", "virtio-pci"] as const;

/**
 * What has a device: a driver that belongs to VFIO, one that does nothing, one that uses it itself, or none; or the
 * device isn't there.
 */
export type Driver = "vfio-pci" | "pci-stub" | typeof OWNERS[number] | "none" | "absent";

/** Whether a group that has such a driver on one of its devices isn't viable. [spec §1.3] */
export const isOwner = (driver: Driver): boolean => OWNERS.some((owner) => owner === driver);

/** What a device is, by QEMU's name: each can be had by vfio-pci, and is good for something else. */
export const DEVICE_KINDS = [
  "edu",
  "pci-testdev",
  "lsi53c895a",
  "nvme",
  "qemu-xhci",
  "bochs-display",
  "virtio-rng-pci",
] as const;
export type DeviceKind = typeof DEVICE_KINDS[number];

/** One IOMMU group. */
export interface Group {
  /** What its devices are; the kind of the first one first. */
  readonly kinds: readonly DeviceKind[];
  readonly iommu: Iommu;
  /** The regions of all its devices, merged. [spec §9.1] */
  readonly reserved: readonly ReservedRegion[];
  /** When the kernel found its devices, one had a direct region that isn't relaxable. [spec §9.7] */
  readonly requiresDirect: boolean;
  /** PCI addresses, in order. */
  readonly devices: readonly string[];
  /** The driver of each device. */
  readonly drivers: readonly Driver[];
  /** Its devices make their requests in one name, that of the bridge that all are behind. [spec §9.8] */
  readonly hasOneName: boolean;
}

/** Whether nobody else, such as a kernel driver on a sibling, owns the group's DMA. [spec §1.3] */
export const isViable = ({ drivers }: Group): boolean => !drivers.some(isOwner);

/** Whether VFIO has no device of it: then users have no group either. [spec §1.7] */
export const isGone = ({ drivers }: Group): boolean => !drivers.includes("vfio-pci");

/** The groups by the names that scenarios give them. */
export type World = ReadonlyMap<string, Group>;
