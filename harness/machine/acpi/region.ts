/** Regions that firmware reserves for devices, as machine files write them: `0x40000000..0x4000ffff unity`. */
import type { Range } from "../../model/range_list.ts";
import { writtenRange } from "../written_range.ts";

/**
 * What tables call such a region: `rmrr` in VT-d's DMAR, `unity` (mapped one to one) and `exclusion` (not translated
 * at all) in AMD's IVRS, `rmr` (mapped one to one) and `rmr-relaxable` (until a driver has the device) in Arm's IORT.
 */
export const FIRMWARE_KINDS = ["rmrr", "unity", "exclusion", "rmr", "rmr-relaxable"] as const;
export type FirmwareKind = typeof FIRMWARE_KINDS[number];

/** What a device may do in a region. */
export type Access = "r" | "w" | "rw";

/** Devices of the first PCI segment, from one to another: `bus << 8 | slot << 3 | function`. */
export interface DeviceRange {
  readonly first: number;
  readonly last: number;
}

/** A region that firmware reserves. */
export interface FirmwareRegion extends Range {
  readonly kind: FirmwareKind;
  /** Read and write, where nothing is said; only tables of AMD can say otherwise. */
  readonly access: Access;
  /** For whom; for all devices of the machine, where nothing is said. */
  readonly devices: DeviceRange | undefined;
}

const ADDRESS = String.raw`0x[0-9a-f_]+`;
const DEVICE = String.raw`[0-9a-f]{2}:[01][0-9a-f]\.[0-7]`;
const REGION = new RegExp(
  String
    .raw`^\s*(${ADDRESS})\.\.(${ADDRESS})\s+([a-z-]+)(?:\s+(rw|r|w))?(?:\s+for\s+(${DEVICE})(?:\.\.(${DEVICE}))?)?\s*$`,
  "i",
);

const HOW = "write START..LAST KIND, such as 0x40000000..0x4000ffff unity";

/**
 * The region that a text stands for: `START..LAST KIND [ACCESS] [for DEVICE[..DEVICE]]`, both addresses inclusive.
 * @throws RangeError that says what is wrong and how to write it
 */
export function parseFirmwareRegion(text: string): FirmwareRegion {
  const [, startText, lastText, kind, access, first, final = first] = REGION.exec(text) ?? [];
  if (startText === undefined || lastText === undefined || kind === undefined) {
    throw new RangeError(`${text}: ${HOW}`);
  }
  if (!isKind(kind)) {
    throw new RangeError(`no region is called ${kind}; there are ${FIRMWARE_KINDS.join(", ")}`);
  }
  return {
    ...writtenRange(startText, lastText),
    kind,
    access: access === undefined ? "rw" : access.toLowerCase() as Access,
    devices: first === undefined || final === undefined
      ? undefined
      : { first: deviceId(first), last: deviceId(final) },
  };
}

const isKind = (word: string): word is FirmwareKind => FIRMWARE_KINDS.some((kind) => kind === word);

/** The number by which tables and hardware know `0000:00:03.0`, or `00:03.0`. */
export function deviceId(address: string): number {
  const [bus = 0, slot = 0, fn = 0] = address.slice(-7).split(/[:.]/).map((part) => parseInt(part, 16));
  return bus << 8 | slot << 3 | fn;
}

/** Whether the region is for this device. */
export const isFor = ({ devices }: FirmwareRegion, id: number): boolean =>
  devices === undefined || (devices.first <= id && id <= devices.last);
