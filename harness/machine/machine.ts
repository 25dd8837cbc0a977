/** Machines: what a guest is made of, read from YAML. */
import type * as z from "zod";
import { type Loaded, loadYaml, parseYaml, type Position } from "../config.ts";
import type { ReservedRegion } from "../model/reserved.ts";
import type { FirmwareRegion } from "./acpi/region.ts";
import { layOut } from "./layout.ts";
import { MACHINE_DOCUMENT } from "./machine_document.ts";
import { machineFaults } from "./machine_rules.ts";
import type { Topology } from "./topology.ts";
import { firmwareOf, virtioRegionsOf } from "./written_regions.ts";

/** One document of a machine file. */
export const MACHINE_SCHEMA = MACHINE_DOCUMENT.superRefine((document, { addIssue, issues }) => {
  // What is wrong by itself is told first, and may not even be a number.
  if (issues.length > 0) return;
  for (const { path, message } of machineFaults(document)) {
    addIssue({ code: "custom", path: [...path], message });
  }
});

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
