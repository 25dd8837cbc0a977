/** What doesn't go together in a machine file: board, IOMMU, devices and regions. */
import type { DeviceKind } from "../model/world.ts";
import { SOUTHBRIDGE_SLOT } from "./board.ts";
import type { Fault } from "./fault.ts";
import { faultsOf } from "./layout_rules.ts";
import type { MachineDocument } from "./machine_document.ts";
import { firmwareOf, takesRegions, virtioRegionsOf } from "./written_regions.ts";

/** The IOMMUs that a board of each architecture can have. */
const IOMMU_KINDS = { amd64: ["intel", "amd", "virtio"], arm64: ["smmuv3", "virtio"] } as const;

/** Devices without message-signalled interrupts, which a board that can't deliver them takes. */
const WITHOUT_MSI: readonly DeviceKind[] = ["pci-testdev", "lsi53c895a"];

/** What is wrong with a document whose parts are right by themselves; nothing when there can be such a machine. */
export function machineFaults(document: MachineDocument): Fault[] {
  const { iommu, devices } = document;
  const layout = faultsOf(devices, iommu.kind === "amd" ? [SOUTHBRIDGE_SLOT] : []);
  return [
    ...layout.map(({ path, message }) => ({ path: ["devices", ...path], message })),
    ...bridgeFaults(document),
    ...boardFaults(document),
    ...interruptFaults(document),
    // Before that nobody knows what is where.
    ...(layout.length > 0 ? [] : regionFaults(document)),
  ];
}

function bridgeFaults({ iommu: { kind }, devices }: MachineDocument): Fault[] {
  const bridges = devices.flatMap(({ bridge }) => bridge ?? []);
  if (bridges.length === 0) return [];
  if (kind === "virtio") {
    return [{ path: ["devices"], message: "bridges need an IOMMU of intel, amd or smmuv3" }];
  }
  if (kind !== "smmuv3" || bridges.includes("pxb-pcie")) return [];
  const message = "behind an SMMU bridges are numbered where there is a second one; write a pxb-pcie as well";
  return [{ path: ["devices"], message }];
}

function boardFaults({ arch, iommu: { kind } }: MachineDocument): Fault[] {
  const kinds: readonly string[] = IOMMU_KINDS[arch];
  if (kinds.includes(kind)) return [];
  return [{ path: ["iommu", "kind"], message: `no ${arch} board has one; write ${kinds.join(" or ")}` }];
}

function interruptFaults(document: MachineDocument): Fault[] {
  const { iommu, devices } = document;
  if (!takesRegions(document) || iommu.reserved.length === 0) return [];
  return devices.flatMap(({ device = "edu" }, index) => {
    if (WITHOUT_MSI.includes(device)) return [];
    const what = `${device} needs interrupts that a board with chosen regions lacks`;
    return [{ path: ["devices", index, "device"], message: `${what}; write ${WITHOUT_MSI.join(" or ")}` }];
  });
}

const regionFaults = (document: MachineDocument): Fault[] => [
  ...firmwareOf(document).faults,
  ...virtioRegionsOf(document).faults
    .map(({ index, message }) => ({ path: ["iommu", "reserved", index], message })),
];
