import t from "#tap";
import { readStep } from "../../../harness/explore/shell/input.ts";
import { UsageError } from "../../../harness/errors.ts";
import { stepFrom } from "../../../harness/scenario/scenario.ts";

const WRITTEN: readonly [line: string, step: object][] = [
  ["attach: A", { attach: "A" }],
  ["- attach: A", { attach: "A" }],
  ["attach A", { attach: "A" }],
  ["attach A c1", { attach: { group: "A", container: "c1" } }],
  ["  info ", { info: null }],
  ["info c1", { info: "c1" }],
  ["map: { iova: 0x1000, size: 4KiB }", { map: { iova: 0x1000n, size: "4KiB" } }],
  ["map iova=0x1000 size=4KiB access=r", { map: { iova: 0x1000n, size: "4KiB", access: "r" } }],
  ["map 0x1000 4KiB r", { map: { iova: 0x1000n, size: "4KiB", access: "r" } }],
  ["map c1 top-4KiB+1 4096", { map: { container: "c1", iova: "top-4KiB+1", size: 4096n } }],
  ["map 0 4KiB access=-", { map: { iova: 0n, size: "4KiB", access: "-" } }],
  ["map 0 1 expect=EINVAL", { map: { iova: 0n, size: 1n }, expect: "EINVAL" }],
  ["{ map: { iova: 0, size: 1 }, in: p1 }", { map: { iova: 0n, size: 1n }, in: "p1" }],
  ["in p1 map 0 1", { map: { iova: 0n, size: 1n }, in: "p1" }],
  ["in p1: map: { iova: 0, size: 1 }", { map: { iova: 0n, size: 1n }, in: "p1" }],
  ["inject B 0x0..0xfff reserved", { inject: { group: "B", reserved: ["0x0..0xfff reserved"] } }],
  [
    'inject B reserved="0x0..0xfff msi" reserved=0x2000..0x2fff reserved x2 every 0x2000',
    { inject: { group: "B", reserved: ["0x0..0xfff msi", "0x2000..0x2fff reserved x2 every 0x2000"] } },
  ],
  ["unmap 0 4KiB bitmap={bytes: 8}", { unmap: { iova: 0n, size: "4KiB", bitmap: { bytes: 8n } } }],
  ["memlock 64KiB capability=true", { memlock: { limit: "64KiB", capability: true } }],
  ["driver A 1 none", { driver: { group: "A", device: 1n, is: "none" } }],
  ["dirty start", { dirty: "start" }],
  ["dma A write=0x1000 size=16", { dma: { group: "A", write: 0x1000n, size: 16n } }],
  ["engine A 0x10000", { engine: { group: "A", at: 0x10000n } }],
  ["fork p1", { fork: "p1" }],
  ["exit p1", { exit: "p1" }],
  ["fail-collection 1", { "fail-collection": 1n }],
];

t.test("a line is the step that a scenario would have, and scenarios take it", async (t) => {
  for (const [line, step] of WRITTEN) {
    const read = readStep(line);
    t.strictSame(read, step, line);
    t.doesNotThrow(() => stepFrom(read, "test"), line);
  }
});

const WRONG: readonly [line: string, message: string][] = [
  ["mapp 0 1", "no step or command is called mapp; did you mean map?"],
  ["xyzzy", "no step or command is called xyzzy; `help` lists what there is"],
  ["constructor", "no step or command is called constructor; `help` lists what there is"],
  ["attach", "attach needs to be told what; it takes group, container"],
  ["detach", "detach needs to be told what; write a group name of up to 16 letters and digits, such as A"],
  ["attach a", "attach: what is a? it takes group, container"],
  ["fork p1 p2", "fork: what is p1? write a process such as p1"],
  ["poke read read", "poke: what is read? it takes container, with"],
  ["map ioav=1", "map has no ioav; did you mean iova?"],
  ["map iova=1 iova=2", "map: iova is given twice; write it once"],
  ['map "0 1', 'map "0 1: " has no partner; close what it opens'],
  ["map iova={0", "map iova={0: { has no partner"],
  ["map: [1", "map: [1: Flow sequence"],
];

t.test("what is no step is told in one line", async (t) => {
  for (const [line, message] of WRONG) {
    const told = complaintAbout(line);
    t.ok(told.startsWith(message), `${line}: ${told}`);
    t.notMatch(told, /\n/);
  }
});

function complaintAbout(line: string): string {
  try {
    return `no complaint, but ${JSON.stringify(readStep(line))}`;
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
}
