import t from "#tap";
import { complete, type Names } from "../../../harness/explore/shell/completion.ts";
import { STEP_KINDS } from "../../../harness/scenario/kinds.ts";

const NAMES: Names = {
  groups: ["A", "B"],
  containers: ["c0"],
  processes: ["p1"],
  symbols: ["top", "msi", "msilast"],
  commands: ["help", "why"],
};

const COMPLETED: readonly [line: string, candidates: string[]][] = [
  ["ma", ["map "]],
  ["wh", ["why "]],
  [".w", [".why "]],
  ["in ", ["p1 "]],
  ["in p1 un", ["unmap ", "unset-container ", "unplug "]],
  ["attach ", ["A", "B", "group=", "container="]],
  ["attach: ", ["A", "B", "{ "]],
  ["attach: { g", ["group: "]],
  ["attach: { group: ", ["A", "B"]],
  ["map ac", ["access="]],
  ["map access=", ["r", "w", "rw", "-"]],
  ["map memory=tr", ["transparent"]],
  ["map iova=ms", ["msi", "msilast"]],
  ["map iova=0x1000 io", []],
  ["map: { iova: 0x1000, si", ["size: "]],
  ["map: { iova: t", ["top"]],
  ["in p1 map 0 1 a", ["access=", "argsz="]],
  ["dirty st", ["start", "stop"]],
  ["memlock capability=", ["true", "false"]],
  ["driver A device=1 is=v", ["vfio-pci", "virtio-pci"]],
  ["detach ", ["A", "B"]],
  ["nonsense ", []],
  ["help ", []],
];

t.test("a line goes on with what can follow", async (t) => {
  for (const [line, candidates] of COMPLETED) {
    const [found, word] = complete(line, NAMES);
    t.same(found, candidates, line);
    t.ok(line.endsWith(word), line);
  }
});

t.test("an empty line goes on with every step and every command", async (t) => {
  const [found] = complete("", NAMES);
  for (const name of [...Object.keys(STEP_KINDS), ...NAMES.commands, "in"]) {
    t.ok(found.includes(`${name} `), name);
  }
});

t.test("every step can be completed, whatever its schema", async (t) => {
  for (const step of Object.keys(STEP_KINDS)) t.doesNotThrow(() => complete(`${step} `, NAMES), step);
});
