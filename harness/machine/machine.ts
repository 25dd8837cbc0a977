/** Machines: what a guest is made of, read from YAML. */
import * as z from "zod";
import { type Loaded, loadYaml, parseYaml, type Position } from "../config.ts";
import { DEVICE_KINDS, type DeviceKind } from "../model/world.ts";
import { deviceId, type FirmwareRegion } from "./acpi/region.ts";
import { readRegions } from "./acpi/rules.ts";

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

const SLOT = z.strictObject({
  slot: z.bigint().min(2n, "slots below 2 belong to the board").max(29n, "slots above 29 belong to the board")
    .transform(Number),
  name: z.string().regex(/^[a-z][a-z0-9-]*$/, "write a name such as unity").optional()
    .describe("By which scenarios ask for its group; left out, its group is for everyone"),
  device: z.enum(DEVICE_KINDS).default("edu"),
  functions: z.bigint().min(1n).max(8n).default(1n).transform(Number)
    .describe("Several functions of one slot share a group"),
  reserved: FIRMWARE_REGIONS
    .describe("What firmware reserves for it: 0x40000000..0x4000ffff unity (or exclusion; on intel, rmrr)"),
});

/** One document of a machine file. */
export const MACHINE_SCHEMA = z.strictObject({
  machine: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, "write a name such as intel-iommu"),
  arch: z.enum(["amd64"]).default("amd64"),
  "memory-mib": z.bigint().min(128n, "a guest needs 128 MiB").max(65536n).default(256n).transform(Number),
  iommu: IOMMU,
  devices: z.array(SLOT).min(1, "write at least one device"),
}).superRefine((document, { addIssue, issues }) => {
  // What is wrong by itself is told first, and may not even be a number.
  if (issues.length > 0) return;
  const { iommu, devices } = document;
  const slots = new Set(iommu.kind === "amd" ? [SOUTHBRIDGE_SLOT] : []);
  const names = new Set<string>();
  for (const [index, { slot, name }] of devices.entries()) {
    const fault = (key: string, message: string) =>
      addIssue({ code: "custom", path: ["devices", index, key], message });
    if (slots.has(slot)) fault("slot", `slot ${slot} is taken already; write another`);
    if (name !== undefined && names.has(name)) {
      fault("name", `another device is called ${name}; write another`);
    }
    slots.add(slot);
    if (name !== undefined) names.add(name);
  }
  for (const { path, message } of firmwareOf(document).faults) {
    addIssue({ code: "custom", path: [...path], message });
  }
});

/** What a document says of firmware's regions. */
function firmwareOf(
  document: { iommu: z.infer<typeof IOMMU>; devices: z.infer<typeof SLOT>[]; "memory-mib": number },
) {
  const { iommu: { kind, "address-bits": bits, reserved }, devices, "memory-mib": memoryMib } = document;
  const owners = devices.map((slot) => addressesOf(slot).map(deviceId));
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

export interface Slot {
  /** PCI device number on the root bus. */
  readonly slot: number;
  /** By which scenarios ask for its group. */
  readonly name: string | undefined;
  readonly device: DeviceKind;
  readonly functions: number;
}

export interface Machine {
  readonly name: string;
  readonly arch: "amd64";
  readonly memoryMib: number;
  readonly iommu: {
    readonly kind: "intel" | "amd" | "virtio";
    readonly addressBits: number | undefined;
    readonly interruptRemapping: boolean;
  };
  readonly slots: readonly Slot[];
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
    slots: value.devices.map(({ slot, name, device, functions }) => ({ slot, name, device, functions })),
    firmware: firmwareOf(value).regions,
    position: at(["machine"]),
  };
}

/** PCI addresses of a slot's functions: `0000:00:05.0`. */
export const addressesOf = ({ slot, functions }: Pick<Slot, "slot" | "functions">): string[] =>
  Array.from(
    { length: functions },
    (_, index) => `0000:00:${slot.toString(16).padStart(2, "0")}.${index}`,
  );
