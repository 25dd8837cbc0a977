/** `iovacheck machines`: what a guest can be made of. */
import process from "node:process";
import type { Command } from "commander";
import { positionText } from "../config.ts";
import type { Machine } from "../machine/machine.ts";
import { slotsByGroup } from "../machine/predicted.ts";
import type { Slot } from "../machine/topology.ts";
import { table } from "./component_context.ts";
import { loadAllMachines } from "./configs.ts";

export function register(program: Command): void {
  program.command("machines")
    .description("list the machines that scenarios run on")
    .action(async () => {
      const rows = (await loadAllMachines()).map(row);
      process.stdout.write(table([["MACHINE", "ARCH", "IOMMU", "GROUPS", "FILE"], ...rows]));
    });
}

/** `edu x2`, or with the name by which scenarios ask for it `edu (unity)`. */
const slotText = ({ device, functions, name }: Slot): string =>
  [device, functions > 1 ? ` x${functions}` : "", name === undefined ? "" : ` (${name})`].join("");

function row(machine: Machine): string[] {
  const { kind, addressBits } = machine.iommu;
  const groups = slotsByGroup(machine).map(({ slots }) => slots.map(slotText).join(" + "));
  return [
    machine.name,
    machine.arch,
    addressBits === undefined ? kind : `${kind}, ${addressBits} bits`,
    groups.join(", "),
    positionText(machine.position),
  ];
}
