/** Machines for examples, with the numbers of the specification. [spec §10] */
import { type Range, U64_MAX } from "../../harness/model/range_list.ts";
import type { ReservedKind, ReservedRegion } from "../../harness/model/reserved.ts";
import type { Group, Iommu, World } from "../../harness/model/world.ts";

export const upTo = (bits: number): Range => ({ start: 0n, last: (1n << BigInt(bits)) - 1n });

export const region = (start: bigint, last: bigint, kind: ReservedKind = "reserved"): ReservedRegion => ({
  start,
  last,
  kind,
});

export const MSI = region(0xfee00000n, 0xfeefffffn, "msi");
export const SW_MSI = region(0x8000000n, 0x80fffffn, "sw-msi");
export const HYPERTRANSPORT = region(0xfd00000000n, 0xffffffffffn);

export const iommu = (name: string, aperture: Range, more: Partial<Iommu> = {}): Iommu => ({
  name,
  aperture,
  pageSizes: 0x40201000n,
  isolatesInterrupts: true,
  enforcesCoherency: false,
  locksDirectDevices: false,
  readsWriteOnly: true,
  survivesFaults: true,
  confusesLastBytes: false,
  nesting: "EINVAL",
  ...more,
});

export const INTEL = iommu("intel", upTo(39), { locksDirectDevices: true });
export const INTEL_48 = iommu("intel-48", upTo(48), { pageSizes: 0x201000n, locksDirectDevices: true });
export const AMD = iommu("amd", { start: 0n, last: U64_MAX }, {
  pageSizes: 0xffffff7ffffff000n,
  enforcesCoherency: true,
  readsWriteOnly: false,
});
/** No interrupt remapping on x86. [spec §2.6] */
export const VIRTIO = iommu("virtio", upTo(39), { isolatesInterrupts: false, readsWriteOnly: false });

export const group = (
  iommu: Iommu,
  reserved: readonly ReservedRegion[],
  more: Partial<Group> = {},
): Group => ({
  iommu,
  reserved,
  requiresDirect: false,
  devices: ["0000:00:03.0"],
  drivers: ["vfio-pci"],
  hasOneName: false,
  kinds: ["edu"],
  ...more,
});

/** What makes a group one that isn't viable: a driver that uses one of its two devices. [spec §1.3] */
export const TAKEN: Partial<Group> = {
  devices: ["0000:00:03.0", "0000:00:03.1"],
  drivers: ["vfio-pci", "uio_pci_generic"],
};

export const worldOf = (groups: Record<string, Group>): World => new Map(Object.entries(groups));
