/** Machines: what a guest is made of, read from YAML. */
import * as z from "zod";
import { type Loaded, loadYaml, parseYaml, type Position } from "../config.ts";
import type { ReservedRegion } from "../model/reserved.ts";
import { DEVICE_KINDS, type DeviceKind } from "../model/world.ts";
import { deviceId, type FirmwareRegion } from "./acpi/region.ts";
import { readRegions } from "./acpi/rules.ts";
import { type Entry, layOut, placed } from "./layout.ts";
import { faultsOf } from "./layout_rules.ts";
import { allAddressesOf, BRIDGE_KINDS, type Topology } from "./topology.ts";
import { readVirtioRegions } from "./virtio_regions.ts";

/** Widths that QEMU can give an IOMMU, and how to write one. [QEMU: aw-bits; spec §10] */
const ADDRESS_BITS = {
  intel: { fits: (bits: bigint) => bits === 39n || bits === 48n, mend: "write 39 or 48" },
  amd: { fits: () => false, mend: "leave it out; an AMD IOMMU has a width of its own" },
  virtio: { fits: (bits: bigint) => bits >= 32n && bits <= 64n, mend: "write 32 to 64" },
  smmuv3: { fits: () => false, mend: "leave it out; an SMMU's width is the processor's" },
};

/** The IOMMUs that a board of each architecture can have. */
const IOMMU_KINDS = { amd64: ["intel", "amd", "virtio"], arm64: ["smmuv3", "virtio"] } as const;

/** Devices without message-signalled interrupts, which a board that can't deliver them takes. */
const WITHOUT_MSI: readonly DeviceKind[] = ["pci-testdev", "lsi53c895a"];

/** PCI device number of what the harness adds to an AMD machine, see qemu_args.ts. */
const SOUTHBRIDGE_SLOT = 0x14;

const FIRMWARE_REGIONS = z.array(z.string()).default([]);

const IOMMU = z.strictObject({
  kind: z.enum(["intel", "amd", "virtio", "smmuv3"]),
  "address-bits": z.bigint().optional().describe("Width of the I/O addresses; left out, what the IOMMU has"),
  "interrupt-remapping": z.boolean().default(true)
    .describe("Whether the interrupts of devices are told apart; on arm64 by an ITS instead of a GICv2m"),
  reserved: FIRMWARE_REGIONS
    .describe(
      "What firmware reserves for all devices, or for some: 0x40000000..0x4000ffff unity for 00:03.0..00:04.7; " +
        "what a virtio-iommu on arm64 reports instead of the board's own region: 0x10000000..0x1fffffff reserved",
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
    .describe(
      "What firmware reserves for it: 0x40000000..0x4000ffff unity (or exclusion; on intel, rmrr, of a bridge for all behind it; on smmuv3, rmr or rmr-relaxable)",
    ),
}).describe("A device, or a bridge and what is behind it");

/** One document of a machine file. */
export const MACHINE_SCHEMA = z.strictObject({
  machine: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, "write a name such as intel-iommu"),
  arch: z.enum(["amd64", "arm64"]).default("amd64"),
  "memory-mib": z.bigint().min(128n, "a guest needs 128 MiB").max(65536n).default(256n).transform(Number),
  iommu: IOMMU,
  devices: z.array(ENTRY).min(1, "write at least one device"),
}).superRefine((document, { addIssue, issues }) => {
  // What is wrong by itself is told first, and may not even be a number.
  if (issues.length > 0) return;
  const { arch, iommu, devices } = document;
  const fault = (path: (string | number)[], message: string) => addIssue({ code: "custom", path, message });
  const layout = faultsOf(devices, iommu.kind === "amd" ? [SOUTHBRIDGE_SLOT] : []);
  for (const { path, message } of layout) fault(["devices", ...path], message);
  const bridges = devices.flatMap(({ bridge }) => bridge ?? []);
  if (iommu.kind === "virtio" && bridges.length > 0) {
    fault(["devices"], "bridges need an IOMMU of intel, amd or smmuv3");
  }
  if (iommu.kind === "smmuv3" && bridges.length > 0 && !bridges.includes("pxb-pcie")) {
    fault(
      ["devices"],
      "behind an SMMU bridges are numbered where there is a second one; write a pxb-pcie as well",
    );
  }
  const kinds: readonly string[] = IOMMU_KINDS[arch];
  if (!kinds.includes(iommu.kind)) {
    fault(["iommu", "kind"], `no ${arch} board has one; write ${kinds.join(" or ")}`);
  }
  if (takesRegions(document) && iommu.reserved.length > 0) {
    for (const [index, { device }] of devices.entries()) {
      if (device !== undefined && WITHOUT_MSI.includes(device)) continue;
      const others = WITHOUT_MSI.join(" or ");
      const what = `${device ?? "edu"} needs interrupts that a board with chosen regions lacks`;
      fault(["devices", index, "device"], `${what}; write ${others}`);
    }
  }
  // Before that nobody knows what is where.
  if (layout.length > 0) return;
  for (const { path, message } of firmwareOf(document).faults) {
    fault([...path], message);
  }
  for (const { index, message } of virtioRegionsOf(document).faults) {
    fault(["iommu", "reserved", index], message);
  }
});

/** A document as far as its reserved regions go. */
interface RegionsDocument {
  arch: Machine["arch"];
  iommu: z.infer<typeof IOMMU>;
  devices: readonly Entry[];
  "memory-mib": number;
}

/** Whether it is the IOMMU that tells of the regions written beside it, and not firmware. */
const takesRegions = ({ arch, iommu: { kind } }: Pick<RegionsDocument, "arch" | "iommu">): boolean =>
  arch === "arm64" && kind === "virtio";

const virtioRegionsOf = (document: RegionsDocument) =>
  readVirtioRegions(takesRegions(document) ? document.iommu.reserved : []);

/** What a document says of firmware's regions. */
function firmwareOf(document: RegionsDocument) {
  const { iommu: { kind, "address-bits": bits }, devices, "memory-mib": memoryMib } = document;
  const reserved = takesRegions(document) ? [] : document.iommu.reserved;
  const places = placed(devices).map(({ entry, path, place }) => ({
    ...entry,
    path,
    ids: allAddressesOf(place).map(deviceId),
  }));
  return readRegions(
    [
      ...places.flatMap(({ reserved, path, ids }) =>
        reserved.map((text, index) => ({
          text,
          path: ["devices", ...path, "reserved", index],
          owner: ids,
        }))
      ),
      ...reserved.map((text, index) => ({ text, path: ["iommu", "reserved", index], owner: undefined })),
    ],
    {
      kind,
      addressBits: bits === undefined ? undefined : Number(bits),
      memoryMib,
      devices: places.flatMap(({ ids }) => ids),
    },
  );
}

export interface Machine extends Topology {
  readonly name: string;
  readonly arch: "amd64" | "arm64";
  readonly memoryMib: number;
  readonly iommu: {
    readonly kind: "intel" | "amd" | "virtio" | "smmuv3";
    readonly addressBits: number | undefined;
    readonly interruptRemapping: boolean;
    /** What a virtio-iommu is told to report; empty where the board decides. */
    readonly reserved: readonly ReservedRegion[];
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
      reserved: virtioRegionsOf(value).regions,
    },
    ...layOut(value.devices),
    firmware: firmwareOf(value).regions,
    position: at(["machine"]),
  };
}
