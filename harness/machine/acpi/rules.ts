/** What regions a machine's firmware can reserve: what fits its tables, its memory, its IOMMU and its command line. */
import { contains, hex, overlaps, type Range, rangeText } from "../../model/range_list.ts";
import type { Fault } from "../fault.ts";
import { type FirmwareKind, type FirmwareRegion, isFor, parseFirmwareRegion } from "./region.ts";

/** A machine as far as firmware's regions depend on it. */
export interface Surroundings {
  readonly kind: string;
  /** Width of the I/O addresses, where the machine chooses one. */
  readonly addressBits: number | undefined;
  readonly memoryMib: number;
  /** Ids of all devices. */
  readonly devices: readonly number[];
}

/** Where a region is written: beside a device, whose functions have these ids, or beside the IOMMU. */
export interface Written {
  readonly text: string;
  readonly path: readonly (string | number)[];
  readonly owner: readonly number[] | undefined;
}

/** What the IOMMU's table knows. */
const KINDS: Readonly<Record<string, readonly FirmwareKind[]>> = {
  intel: ["rmrr"],
  amd: ["unity", "exclusion"],
  smmuv3: ["rmr", "rmr-relaxable"],
};

/** On x86 each takes some 20 of the 2048 characters of a kernel's command line, see firmware.ts. [kernel: COMMAND_LINE_SIZE] */
const MAX_REGIONS = 32;

/** What kernels take without a complaint. [kernel: iort_get_rmrs] */
const granuleKib = (kind: string): bigint => (kind === "smmuv3" ? 64n : 4n);
const upTo = (bits: number): bigint => (1n << BigInt(bits)) - 1n;

/**
 * How far a region may reach. AMD's addresses end where QEMU's four levels do, an SMMU maps to no more than 44 bits;
 * VT-d's, where the machine doesn't say, end with the narrowest that a QEMU has. [spec §10; QEMU: SMMU_IDR5_OAS]
 */
const lastAddress = ({ kind, addressBits }: Surroundings): bigint =>
  upTo(kind === "amd" ? 48 : kind === "smmuv3" ? 44 : addressBits ?? 39);

/**
 * No kernel uses the first 64 KiB: BIOSes do as they like there, UEFI has its code there.
 * [kernel: trim_bios_range, reserve_real_mode; QEMU: hw/arm/virt.c]
 */
const BIOS: Range = { start: 0n, last: 0xffffn };

/** From the configuration space of PCI Express to the end of 4 GiB. [QEMU: MCH_HOST_BRIDGE_PCIEXBAR_DEFAULT] */
const Q35_DEVICES: Range = { start: 0xb000_0000n, last: 0xffff_ffffn };

/** Below the memory, and from 256 GiB on. [QEMU: base_memmap and extended_memmap of hw/arm/virt.c] */
const VIRT_DEVICES: readonly Range[] = [
  { start: 0x1_0000n, last: 0x3fff_ffffn },
  { start: 0x40_0000_0000n, last: 0xff_ffff_ffffn },
];

const devicesOf = ({ kind }: Surroundings): readonly Range[] =>
  kind === "smmuv3" ? VIRT_DEVICES : [Q35_DEVICES];

/** Memory between the devices of a virt board; below and above those of a q35. [QEMU: pc_q35_init] */
function memoryOf({ kind, memoryMib }: Surroundings): Range[] {
  const bytes = BigInt(memoryMib) << 20n;
  if (kind === "smmuv3") return [{ start: 0x4000_0000n, last: 0x4000_0000n + bytes - 1n }];
  const below = bytes < Q35_DEVICES.start ? bytes : 0x8000_0000n;
  const above = bytes - below;
  const all = [{ start: 0n, last: below - 1n }];
  return above === 0n ? all : [...all, { start: 1n << 32n, last: (1n << 32n) + above - 1n }];
}

/** The regions that are written, and what is wrong with them. */
export function readRegions(
  written: readonly Written[],
  around: Surroundings,
): { regions: FirmwareRegion[]; faults: Fault[] } {
  const regions: FirmwareRegion[] = [];
  const faults: Fault[] = [];
  for (const { text, path, owner } of written) {
    try {
      const region = owned(parseFirmwareRegion(text), owner);
      const message = faultOf(region, around) ?? overlapWith(regions, region, around);
      if (message === undefined) regions.push(region);
      else faults.push({ path, message });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      faults.push({ path, message: error.message });
    }
  }
  const [first] = written.slice(MAX_REGIONS);
  if (first && around.kind !== "smmuv3") {
    faults.push({
      path: first.path,
      message: `more than ${MAX_REGIONS} regions don't fit a kernel's command line; write fewer`,
    });
  }
  return { regions, faults };
}

/** A region beside a device is for all functions of that device. */
function owned(region: FirmwareRegion, owner: readonly number[] | undefined): FirmwareRegion {
  if (owner === undefined) return region;
  if (region.devices) {
    throw new RangeError("leave out for and what follows; it stands beside its device already");
  }
  return { ...region, devices: { first: Math.min(...owner), last: Math.max(...owner) } };
}

/** What is wrong with a region by itself. */
function faultOf(region: FirmwareRegion, around: Surroundings): string | undefined {
  const { start, last, kind, access, devices } = region;
  const kinds = KINDS[around.kind];
  if (!kinds) return `no table tells of regions of ${around.kind}; leave it out`;
  if (!kinds.includes(kind)) {
    return `no table of ${around.kind} tells of ${kind}; write ${kinds.join(" or ")}`;
  }
  if (access !== "rw" && kind !== "unity") return `leave out ${access}; a table can say that of unity only`;
  const granule = granuleKib(around.kind) << 10n;
  if (start % granule !== 0n || (last + 1n) % granule !== 0n) {
    const whole = { start: start - start % granule, last: last - last % granule + granule - 1n };
    return `tables tell of whole pages of ${granuleKib(around.kind)} KiB; write ${rangeText(whole)}`;
  }
  if (devices === undefined && around.kind !== "amd") {
    return `an ${kind} is for devices; write for 00:03.0, or for 00:03.0..00:04.7, behind it`;
  }
  if (devices && devices.last < devices.first) {
    return "the last device is before the first; write first..last";
  }
  if (!around.devices.some((id) => isFor(region, id))) {
    return "the machine has no such device; name one that it has";
  }
  if (last > lastAddress(around)) {
    return `it ends above ${hex(lastAddress(around))}, which the IOMMU can't map; write lower addresses`;
  }
  return placeFault(region, around);
}

function placeFault(region: Range, around: Surroundings): string | undefined {
  const devices = devicesOf(around).find((devices) => overlaps(devices, region));
  if (devices) return `devices have ${rangeText(devices)}; write addresses below or above`;
  const memory = memoryOf(around).find((memory) => overlaps(memory, region));
  if (memory && !contains(BIOS, region)) {
    return `the guest's memory is ${rangeText(memory)}; write addresses above, or below ${
      hex(BIOS.last + 1n)
    }`;
  }
  return undefined;
}

/** Kernels merge what overlaps: whoever writes two regions means something else. */
function overlapWith(
  earlier: readonly FirmwareRegion[],
  region: FirmwareRegion,
  { devices }: Surroundings,
): string | undefined {
  const other = earlier.find((other) =>
    overlaps(other, region) && devices.some((id) => isFor(other, id) && isFor(region, id))
  );
  return other && `it overlaps ${rangeText(other)} of the same device; write one region`;
}
