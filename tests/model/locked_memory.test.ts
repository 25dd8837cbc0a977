import t from "#tap";
import { groupClose, groupUnsetContainer } from "../../harness/model/lifecycle.ts";
import { leakedAtClose, lockedPages, pinnedPages } from "../../harness/model/locked_memory.ts";
import { readBack } from "../../harness/model/info.ts";
import { mapDma } from "../../harness/model/map.ts";
import { exec, exit, fork, inProcess, setMemoryLock } from "../../harness/model/process.ts";
import type { MemoryLock } from "../../harness/model/state.ts";
import { KERNELS, Play } from "./play.ts";
import { AMD, group, INTEL, MSI, worldOf } from "./worlds.ts";

const WORLD = worldOf({ a: group(INTEL, [MSI]), b: group(INTEL, [MSI]), amd: group(AMD, [MSI]) });
const PAGE = 0x1000n;
const TOP = 0xfffffffffffff000n;

const started = (kernel: string, memoryLock?: MemoryLock): Play => {
  const play = Play.real(kernel, WORLD);
  play.start(3n, "a", "b");
  if (memoryLock) play.run(setMemoryLock, memoryLock);
  return play;
};
const limited = (pages: bigint, bytesMore = 0n): MemoryLock => ({
  limitBytes: pages * PAGE + bytesMore,
  isCapable: false,
});

t.test("the limit may be reached, not passed [§8, §12.2 rlimit edge]", async (t) => {
  for (const kernel of KERNELS) {
    const play = started(kernel, limited(8n));
    t.equal(play.map(0n, 8n * PAGE), "ok", kernel);
    const before = play.type1.mappings;
    t.equal(play.map(0x10000n), "ENOMEM", kernel);
    t.equal(play.type1.mappings, before, "nothing is mapped");
    t.equal(lockedPages(play.state), 8n);
    play.unmap(0n, 8n * PAGE);
    t.equal(lockedPages(play.state), 0n);
    t.equal(play.map(0x10000n), "ok", "what was unmapped may be locked again");
  }
});

t.test("half a page of a limit is none [§8]", async (t) => {
  const play = started("6.12.117", limited(1n, PAGE - 1n));
  t.equal(play.map(0n, 2n * PAGE), "ENOMEM");
  t.equal(play.map(0n), "ok");
});

t.test("CAP_IPC_LOCK lifts the limit of what is mapped with it [§8]", async (t) => {
  const play = started("6.12.117", { limitBytes: 0n, isCapable: true });
  t.equal(play.map(0n, 8n * PAGE), "ok");
  play.run(setMemoryLock, limited(9n));
  t.equal(play.map(0x10000n, 2n * PAGE), "ENOMEM", "what is locked already counts");
  t.equal(play.map(0x10000n), "ok");
});

t.test("list, overlap and budget are looked at before the limit [§4.1 rows 8–13]", async (t) => {
  const play = Play.real("6.12.117", WORLD);
  play.state = { ...play.state, dmaEntryLimit: 1 };
  play.start(3n, "a");
  play.map(0n);
  play.run(setMemoryLock, limited(0n));
  t.equal(play.map(0n), "EEXIST");
  t.equal(play.map(PAGE), "ENOSPC");
  const roomy = started("6.12.117", limited(0n));
  t.equal(roomy.map(1n << 39n), "EINVAL");
});

t.test("the last group takes all charges with it, and no other [§8]", async (t) => {
  const play = started("6.12.117");
  play.map(0n, 3n * PAGE);
  play.run(groupUnsetContainer, "b");
  t.equal(lockedPages(play.state), 3n);
  play.run(groupClose, "a");
  t.equal(lockedPages(play.state), 0n);
  t.equal(pinnedPages(play.state), 0n);
});

t.test("each address space is charged for what it mapped [§8]", async (t) => {
  const play = started("6.12.117");
  play.map(0n, 2n * PAGE);
  play.run(fork, "p");
  const inChild = (iova: bigint, size: bigint) =>
    play.run(inProcess, "p", (state) => mapDma(state, "c", { iova, size, flags: 3 }));
  t.equal(inChild(0x10000n, 4n * PAGE), "ok");
  const vmlck = () => play.run(readBack).match(/\S*vmlck=\S+/g);
  t.same(vmlck(), ["vmlck=0x2", "p.vmlck=0x4"]);
  play.run(exec, "p");
  t.same(vmlck(), ["vmlck=0x2", "p.vmlck=0x0"], "a new program has locked nothing");
  t.equal(pinnedPages(play.state), 6n);
  play.run(exit, "p");
  t.same(vmlck(), ["vmlck=0x2"]);
  play.unmap(0x10000n, 4n * PAGE);
  t.equal(pinnedPages(play.state), 2n, "what it mapped is unmapped by another");
});

t.test("a child's limit is its own, and counts its own pages [§8]", async (t) => {
  const play = started("6.12.117", limited(4n));
  play.map(0n, 4n * PAGE);
  play.run(fork, "p");
  const inChild = (iova: bigint, size: bigint) =>
    play.run(inProcess, "p", (state) => mapDma(state, "c", { iova, size, flags: 3 }));
  t.equal(inChild(0x10000n, 5n * PAGE), "ENOMEM", "inherited");
  t.equal(inChild(0x10000n, 4n * PAGE), "ok", "its parent's pages don't count");
  t.equal(play.run(inProcess, "p", (state) => setMemoryLock(state, limited(5n))), "ok");
  t.equal(inChild(0x20000n, PAGE), "ok");
  t.equal(play.map(0x30000n), "ENOMEM", "the parent's limit is as it was");
});

t.test("what nobody can unmap stays locked [§12 R1a]", async (t) => {
  for (const [index, kernel] of KERNELS.entries()) {
    const leaks = [true, true, true, false][index];
    const play = Play.real(kernel, WORLD);
    play.start(3n, "amd");
    play.map(TOP);
    play.map(0n);
    t.equal(leakedAtClose(play.state), leaks ? 1n : 0n, kernel);
    t.equal(lockedPages(play.state), 2n);
    play.run(groupClose, "amd");
    t.equal(lockedPages(play.state), leaks ? 1n : 0n, kernel);
    t.equal(pinnedPages(play.state), leaks ? 1n : 0n, kernel);
  }
});
