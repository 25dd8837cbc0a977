/** The reserved regions of a machine file: which are firmware's, and which a virtio-iommu is to report. */
import { deviceId } from "./acpi/region.ts";
import { readRegions } from "./acpi/rules.ts";
import { placed } from "./layout.ts";
import type { MachineDocument } from "./machine_document.ts";
import { allAddressesOf } from "./topology.ts";
import { readVirtioRegions } from "./virtio_regions.ts";

/** Whether it is the IOMMU that tells of the regions written beside it, and not firmware. */
export const takesRegions = ({ arch, iommu: { kind } }: MachineDocument): boolean =>
  arch === "arm64" && kind === "virtio";

/** What a document says of a virtio-iommu's regions. */
export const virtioRegionsOf = (document: MachineDocument) =>
  readVirtioRegions(takesRegions(document) ? document.iommu.reserved : []);

/** What a document says of firmware's regions. */
export function firmwareOf(document: MachineDocument) {
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
