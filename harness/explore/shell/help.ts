/** What `help` prints. */
import { STEP_KINDS } from "../../scenario/kinds.ts";

/** Names in lines of at most this many letters. */
const LINE_LETTERS = 96;

function inLines(names: readonly string[]): string[] {
  const lines: string[] = [];
  for (const name of names) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + name.length > LINE_LETTERS) lines.push(`  ${name}`);
    else lines[lines.length - 1] = `${last} ${name}`;
  }
  return lines;
}

export const HELP: readonly string[] = [
  "A step, as scenarios write it or in words:",
  "  attach: A                                attach A",
  "  map: { iova: 0x1000, size: 4KiB }        map iova=0x1000 size=4KiB access=r     map 0x1000 4KiB r",
  '  inject: { group: B, reserved: ["0x0..0xfff reserved"] }                  inject B 0x0..0xfff reserved',
  "  { map: { iova: 0x1000, size: 4KiB }, in: p1 }                            in p1 map 0x1000 4KiB",
  "Addresses are sums such as top-4KiB+1; `groups` lists their names. There are the steps",
  ...inLines(Object.keys(STEP_KINDS)),
  "The kernel's answer stands beside the model's: ≠ marks what nobody expects, ~ what such kernels are known for.",
  "Words of the shell, with a dot before them or without:",
  "  why            the rule behind each answer of the last step",
  "  state          lists, mappings and open groups as the model has them",
  "  groups         the groups of this machine",
  "  log            what the kernel has logged since",
  "  save FILE      the session as a scenario that `deno task replay` plays",
  "  undo           all but the last step, once more from the beginning",
  "  restart        from the beginning",
  "  exit, Ctrl-D   the end",
];
