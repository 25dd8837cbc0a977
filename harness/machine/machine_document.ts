/** How a machine file is written. */
import * as z from "zod";
import { DEVICE_KINDS } from "../model/world.ts";
import type { Entry } from "./layout.ts";
import { BRIDGE_KINDS } from "./topology.ts";

/** Widths that QEMU can give an IOMMU, and how to write one. [QEMU: aw-bits; spec §10] */
const ADDRESS_BITS = {
  intel: { fits: (bits: bigint) => bits === 39n || bits === 48n, mend: "write 39 or 48" },
  amd: { fits: () => false, mend: "leave it out; an AMD IOMMU has a width of its own" },
  virtio: { fits: (bits: bigint) => bits >= 32n && bits <= 64n, mend: "write 32 to 64" },
  smmuv3: { fits: () => false, mend: "leave it out; an SMMU's width is the processor's" },
};

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

/** One document of a machine file, each part of it by itself: see machine_rules.ts for what doesn't go together. */
export const MACHINE_DOCUMENT = z.strictObject({
  machine: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, "write a name such as intel-iommu"),
  arch: z.enum(["amd64", "arm64"]).default("amd64"),
  "memory-mib": z.bigint().min(128n, "a guest needs 128 MiB").max(65536n).default(256n).transform(Number),
  iommu: IOMMU,
  devices: z.array(ENTRY).min(1, "write at least one device"),
});

export type MachineDocument = z.infer<typeof MACHINE_DOCUMENT>;
