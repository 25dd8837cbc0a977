/** A machine's firmware: which tables it has of its own, and what the kernel must be told beside. */
import { hex, rangeText } from "../../model/range_list.ts";
import { isFrom } from "../../model/semantics.ts";
import type { KernelVersion } from "../../model/version.ts";
import type { Machine } from "../machine.ts";
import { above } from "../grouping.ts";
import { allAddressesOf, type Bridge, busOf, isBridge, type Place, type Slot } from "../topology.ts";
import { type Target, withRmrrs } from "./dmar.ts";
import { preservingConfiguration } from "./dsdt.ts";
import { withRmrs } from "./iort.ts";
import { withIvmds } from "./ivrs.ts";
import { deviceId } from "./region.ts";

/** A table of QEMU's that the machine has otherwise. */
export interface FirmwareTable {
  readonly signature: "DMAR" | "IVRS" | "IORT" | "DSDT";
  /**
   * QEMU's table with what the machine's firmware says besides.
   * @throws TableError for what is no such table
   */
  override(table: Uint8Array): Uint8Array<ArrayBuffer>;
}

/** The tables that tell of the machine's reserved regions; none when there are none. */
export function firmwareTables({ iommu, firmware, slots, bridges }: Machine): FirmwareTable[] {
  if (firmware.length === 0) return [];
  if (iommu.kind === "amd") return [{ signature: "IVRS", override: (table) => withIvmds(table, firmware) }];
  const targets = [...slots, ...bridges].flatMap(targetsOf);
  if (iommu.kind === "intel") {
    return [{ signature: "DMAR", override: (table) => withRmrrs(table, firmware, targets) }];
  }
  const ids = targets.map(({ id }) => id);
  return [
    { signature: "IORT", override: (table) => withRmrs(table, firmware, ids) },
    { signature: "DSDT", override: preservingConfiguration },
  ];
}

function targetsOf(place: Slot | Bridge): Target[] {
  const way = wayTo(above(place));
  const top = way[0] ?? place;
  return allAddressesOf(place).map((address, index) => ({
    id: deviceId(address),
    // What stands for a further root bus is no bridge to it.
    isBridge: isBridge(place) && place.kind !== "pxb-pcie",
    rootBus: busOf(top.bridge),
    path: [...way, { slot: place.slot, function: place.function + index }],
  }));
}

/** Bridges from the root bus down to this one. */
const wayTo = (bridge: Bridge | undefined): Place[] => bridge ? [...wayTo(above(bridge)), bridge] : [];

/** Why this kernel doesn't see what the machine's firmware reserves; undefined when it does. [spec §9.6] */
export const unseenBy = ({ iommu, firmware }: Machine, kernel: KernelVersion): string | undefined =>
  iommu.kind === "smmuv3" && firmware.length > 0 && !isFrom(kernel, "6.0")
    ? "kernels before 6.0 don't look for reserved memory ranges in an IORT table"
    : undefined;

/**
 * Kernel parameters that make memory of the regions which is nobody's, as firmware's own list of memory would.
 * Without them kernels complain of an RMRR in words of a broken BIOS, and taint themselves. On arm64 nobody asks.
 * [kernel: Documentation/admin-guide/kernel-parameters.txt, memmap; arch_rmrr_sanity_check]
 */
export const firmwareParameters = ({ arch, firmware }: Machine): string[] =>
  arch === "arm64" ? [] : [...new Map(firmware.map((region) => [rangeText(region), region])).values()]
    .map(({ start, last }) => `memmap=${hex(last - start + 1n)}$${hex(start)}`);
