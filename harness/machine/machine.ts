/** Machines: what a guest is made of, read from YAML. */
import * as z from "zod";
import { type Loaded, loadYaml, parseYaml, type Position } from "../config.ts";
import { DEVICE_KINDS } from "../model/world.ts";
import { deviceId, type FirmwareRegion } from "./acpi/region.ts";
import { readRegions } from "./acpi/rules.ts";
import { addressesOf, BRIDGE_KINDS, type Entry, faultsOf, layOut, type Topology } from "./topology.ts";

/** Widths that QEMU can give an IOMMU, and how to write one. [QEMU: aw-bits; spec §10] */
const ADDRESS_BITS = {
  intel: { fits: (bits: bigint) => bits === 39n || bits === 48n, mend: "write 39 or 48" },
  amd: { fits: () => false, mend: "leave it out; an AMD IOMMU has a width of its own" },
  virtio: { fits: (bits: bigint) => bits >= 32n && bits <= 64n, mend: "write 32 to 64" },
};

/** PCI device number of what the harness adds to an AMD machine, see qemu_args.ts. */
const SOUTHBRIDGE_SLOT = 0x14;

const FIRMWARE_REGIONS = z.array(z.string()).default([]);

const IOMMU = z.strictObject({
  kind: z.enum(["intel", "amd", "virtio"]),
  "address-bits": z.bigint().optional().describe("Width of the I/O addresses; left out, what the IOMMU has"),
  "interrupt-remapping": z.boolean().default(true),
  reserved: FIRMWARE_REGIONS
    .describe(
      "What firmware reserves for all devices, or for some: 0x40000000..0x4000ffff unity for 00:03.0..00:04.7",
    ),
}).superRefine(({ kind, "address-bits": bits }, { addIssue }) => {
  const { fits, mend } = ADDRESS_BITS[kind];
  if (bits !== undefined && !fits(bits)) addIssue({ code: "custom", path: ["address-bits"], message: mend });
}).describe("The virtual IOMMU");

const ENTRY: z.ZodType<Entry> = z.strictObject({
  slot: z.bigint().min(0n).max(31n).transform(Number),
  function: z.bigint().min(0n).max(7n).default(0n).transform(Number)
    .describe("Functions of one slot stand in entries of their own where they differ"),
  name: z.string().regex(/^[a-z][a-z0-9-]*$/, "write a name such as unity").optional()
    .describe("By which scenarios ask for its group; left out, its group is for everyone"),
  device: z.enum(DEVICE_KINDS).optional().describe("Left out, edu"),
  functions: z.bigint().min(1n).max(8n).default(1n).transform(Number)
    .describe("Several functions of one slot share a group"),
  bridge: z.enum(BRIDGE_KINDS).optional().describe("What has a bus of its own, with devices on it"),
  acs: z.boolean().optional().describe("Whether a port isolates; left out, it does"),
  bus: z.bigint().min(0x20n, "write a number from 0x20 on: lower ones are for bridges").max(0xe0n)
    .transform(Number).optional().describe("Number of a further root bus"),
  translated: z.boolean().optional().describe(
    "Whether the IOMMU is in the way of a root bus; left out, it is",
  ),
  devices: z.lazy(() => z.array(ENTRY)).optional().describe("What is behind the bridge"),
  reserved: FIRMWARE_REGIONS
    .describe("What firmware reserves for it: 0x40000000..0x4000ffff unity (or exclusion; on intel, rmrr)"),
}).describe("A device, or a bridge and what is behind it");

/** One document of a machine file. */
export const MACHINE_SCHEMA = z.strictObject({
  machine: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, "write a name such as intel-iommu"),
  arch: z.enum(["amd64"]).default("amd64"),
  "memory-mib": z.bigint().min(128n, "a guest needs 128 MiB").max(65536n).default(256n).transform(Number),
  iommu: IOMMU,
  devices: z.array(ENTRY).min(1, "write at least one device"),
}).superRefine((document, { addIssue, issues }) => {
  // What is wrong by itself is told first, and may not even be a number.
  if (issues.length > 0) return;
  const { iommu, devices } = document;
  const layout = faultsOf(devices, iommu.kind === "amd" ? [SOUTHBRIDGE_SLOT] : []);
  for (const { path, message } of layout) {
    addIssue({ code: "custom", path: ["devices", ...path], message });
  }
  if (iommu.kind === "virtio" && devices.some(({ bridge }) => bridge !== undefined)) {
    addIssue({ code: "custom", path: ["devices"], message: "bridges need an IOMMU of intel or amd" });
  }
  for (const { path, message } of firmwareOf(document).faults) {
    addIssue({ code: "custom", path: [...path], message });
  }
});

/** What a document says of firmware's regions. */
function firmwareOf(
  document: { iommu: z.infer<typeof IOMMU>; devices: readonly Entry[]; "memory-mib": number },
) {
  const { iommu: { kind, "address-bits": bits, reserved }, devices, "memory-mib": memoryMib } = document;
  const owners = devices.map((entry) => addressesOf({ ...entry, bridge: undefined }).map(deviceId));
  return readRegions(
    [
      ...devices.flatMap(({ reserved }, slot) =>
        reserved.map((text, index) => ({
          text,
          path: ["devices", slot, "reserved", index],
          owner: owners[slot],
        }))
      ),
      ...reserved.map((text, index) => ({ text, path: ["iommu", "reserved", index], owner: undefined })),
    ],
    { kind, addressBits: bits === undefined ? undefined : Number(bits), memoryMib, devices: owners.flat() },
  );
}

export interface Machine extends Topology {
  readonly name: string;
  readonly arch: "amd64";
  readonly memoryMib: number;
  readonly iommu: {
    readonly kind: "intel" | "amd" | "virtio";
    readonly addressBits: number | undefined;
    readonly interruptRemapping: boolean;
  };
  /** What firmware's tables reserve for devices, beside what hardware reserves itself. */
  readonly firmware: readonly FirmwareRegion[];
  readonly position: Position;
}

/**
 * Reads the machines of a file.
 * @throws ConfigError that points at the first fault
 */
export async function loadMachines(file: string, shownAs: string): Promise<Machine[]> {
  return (await loadYaml(file, shownAs, MACHINE_SCHEMA)).map(toMachine);
}

/** The same for a text already at hand. */
export const parseMachines = (text: string, shownAs: string): Machine[] =>
  parseYaml(text, shownAs, MACHINE_SCHEMA).map(toMachine);

function toMachine({ value, at }: Loaded<z.infer<typeof MACHINE_SCHEMA>>): Machine {
  const bits = value.iommu["address-bits"];
  return {
    name: value.machine,
    arch: value.arch,
    memoryMib: value["memory-mib"],
    iommu: {
      kind: value.iommu.kind,
      addressBits: bits === undefined ? undefined : Number(bits),
      interruptRemapping: value.iommu["interrupt-remapping"],
    },
    ...layOut(value.devices),
    firmware: firmwareOf(value).regions,
    position: at(["machine"]),
  };
}
