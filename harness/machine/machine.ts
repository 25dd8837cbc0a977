/** Machines: what a guest is made of, read from YAML. */
import * as z from "zod";
import { type Loaded, loadYaml, parseYaml, type Position } from "../config.ts";

const IOMMU = z.strictObject({
  kind: z.enum(["intel", "amd", "virtio"]),
  "address-bits": z.bigint().optional().describe("Width of the I/O addresses; left out, what the IOMMU has"),
  "interrupt-remapping": z.boolean().default(true),
}).describe("The virtual IOMMU");

const SLOT = z.strictObject({
  slot: z.bigint().min(2n, "slots below 2 belong to the board").max(29n, "slots above 29 belong to the board")
    .transform(Number),
  device: z.enum(["edu", "pci-testdev"]).default("edu"),
  functions: z.bigint().min(1n).max(8n).default(1n).transform(Number)
    .describe("Several functions of one slot share a group"),
});

/** One document of a machine file. */
export const MACHINE_SCHEMA = z.strictObject({
  machine: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, "write a name such as intel-iommu"),
  arch: z.enum(["amd64"]).default("amd64"),
  "memory-mib": z.bigint().min(128n, "a guest needs 128 MiB").max(65536n).default(256n).transform(Number),
  iommu: IOMMU,
  devices: z.array(SLOT).min(1, "write at least one device"),
});

export interface Slot {
  /** PCI device number on the root bus. */
  readonly slot: number;
  readonly device: string;
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
    slots: value.devices,
    position: at(["machine"]),
  };
}

/** PCI addresses of a slot's functions: `0000:00:05.0`. */
export const addressesOf = ({ slot, functions }: Slot): string[] =>
  Array.from(
    { length: functions },
    (_, index) => `0000:00:${slot.toString(16).padStart(2, "0")}.${index}`,
  );
