import t from "#tap";
import { MAP_VADDR, mapDma } from "../../harness/model/map.ts";
import { UNMAP_VADDR_FLAG, unmapDma } from "../../harness/model/unmap.ts";
import {
  close,
  deviceClose,
  deviceOpen,
  groupClose,
  groupOpen,
  HandleError,
  open,
} from "../../harness/model/lifecycle.ts";
import { lockedPages } from "../../harness/model/locked_memory.ts";
import { exec, exit, fork, inProcess, lockablePages, setMemoryLock } from "../../harness/model/process.ts";
import type { Outcome, State } from "../../harness/model/state.ts";
import { KERNELS, Play } from "./play.ts";
import { group, INTEL, MSI, worldOf } from "./worlds.ts";

const WORLD = worldOf({ a: group(INTEL, [MSI]), b: group(INTEL, [MSI]) });
const PAGE = 0x1000n;
/** The first kernel without the rule that only the mapper may unmap; those before have no VADDR either. */
const MODERN = KERNELS.slice(1);

/** A container with group a, and a child p that holds both. */
function forked(kernel = "6.12.117"): Play {
  const play = Play.real(kernel, WORLD);
  play.start(3n, "a");
  play.run(fork, "p");
  return play;
}

const inChild = (play: Play, step: (state: State) => Outcome): string => play.run(inProcess, "p", step);
const childMaps = (play: Play, iova: bigint, pages: bigint, flags = 3): string =>
  inChild(play, (state) => mapDma(state, "c", { iova, size: pages * PAGE, flags }));
const childUnmaps = (play: Play, iova: bigint, pages: bigint, flags = 0): string =>
  inChild(play, (state) => unmapDma(state, "c", { iova, size: pages * PAGE, flags }));

/** Pages charged to the main process and to the child. */
const charges = (play: Play): [bigint, bigint] => [
  lockedPages(play.state),
  lockedPages(play.state, play.state.processes.get("p")?.space),
];

t.test("either process unmaps, the charge goes back to the mapper [§8]", async (t) => {
  for (const kernel of MODERN) {
    const play = forked(kernel);
    play.map(0n, 2n * PAGE);
    t.equal(childMaps(play, 0x10000n, 4n), "ok", kernel);
    t.same(charges(play), [2n, 4n]);
    t.equal(childMaps(play, 0n, 1n), "EEXIST");
    t.equal(childUnmaps(play, 0n, 2n), "ok size=0x2000");
    t.same(charges(play), [0n, 4n]);
    t.equal(play.unmap(0x10000n, 4n * PAGE), "ok size=0x4000");
    t.same(charges(play), [0n, 0n]);
  }
});

t.test("5.10 ends an UNMAP without a word at what another process mapped [§5.2, §8]", async (t) => {
  const play = Play.right("5.10.262", WORLD);
  play.start(3n, "a");
  play.run(fork, "p");
  play.map(0n);
  childMaps(play, 0x1000n, 1n);
  play.map(0x2000n);
  t.equal(play.unmap(0x1000n), "ok size=0x0");
  t.equal(childUnmaps(play, 0x1000n, 2n), "ok size=0x1000", "its own, not the next");
  childMaps(play, 0x1000n, 1n);
  t.equal(play.unmap(0n, 3n * PAGE), "ok size=0x1000", "up to the other's");
  t.same(charges(play), [1n, 1n]);
});

t.test("a mapping outlives its mapper [§8]", async (t) => {
  for (const kernel of MODERN) {
    const play = forked(kernel);
    childMaps(play, 0n, 4n);
    t.equal(play.run(exit, "p"), "ok");
    t.equal(play.map(0n), "EEXIST", kernel);
    t.equal(lockedPages(play.state), 0n, "the charge was the child's");
    t.equal(play.unmap(0n, 4n * PAGE), "ok size=0x4000");
    t.equal(lockedPages(play.state), 0n);
  }
});

t.test("after exec the charge is the old program's: nothing to pay back [§8, §12 R5]", async (t) => {
  for (const kernel of MODERN) {
    const play = forked(kernel);
    childMaps(play, 0n, 4n);
    play.run(exec, "p");
    t.same(charges(play), [0n, 0n], kernel);
    t.equal(childUnmaps(play, 0n, 4n), "ok size=0x4000");
    t.same(charges(play), [0n, 0n]);
    childMaps(play, 0n, 2n);
    t.same(charges(play), [0n, 2n]);
  }
});

t.test("who gives a mapping its vaddr pays for it [§4.4, §8, §12 R7]", async (t) => {
  for (const kernel of MODERN) {
    const play = forked(kernel);
    play.map(0n, 4n * PAGE);
    t.equal(play.unmap(0n, 4n * PAGE, UNMAP_VADDR_FLAG), "ok size=0x4000");
    t.same(charges(play), [4n, 0n], `${kernel}: taking it away moves nothing`);
    inChild(play, (state) => setMemoryLock(state, { limitBytes: 3n * PAGE, isCapable: false }));
    t.equal(childMaps(play, 0n, 4n, MAP_VADDR), "ENOMEM");
    t.same(charges(play), [4n, 0n]);
    inChild(play, (state) => setMemoryLock(state, { limitBytes: 4n * PAGE, isCapable: false }));
    t.equal(childMaps(play, 0n, 4n, MAP_VADDR), "ok");
    t.same(charges(play), [0n, 4n]);
  }
});

t.test("who pays already is asked for nothing [§4.4]", async (t) => {
  const play = forked();
  play.map(0n, 4n * PAGE);
  play.unmap(0n, 4n * PAGE, UNMAP_VADDR_FLAG);
  play.run(setMemoryLock, { limitBytes: 0n, isCapable: false });
  t.equal(play.run(mapDma, "c", { iova: 0n, size: 4n * PAGE, flags: MAP_VADDR }), "ok");
  t.same(charges(play), [4n, 0n]);
});

t.test("a new vaddr after exec moves the charge to the new program [§4.4, §12 R7]", async (t) => {
  const play = forked();
  childMaps(play, 0n, 4n);
  play.run(exec, "p");
  childUnmaps(play, 0n, 4n, UNMAP_VADDR_FLAG);
  t.equal(childMaps(play, 0n, 4n, MAP_VADDR), "ok");
  t.same(charges(play), [0n, 4n]);
});

t.test("a child holds what its parent held when it began [§1.6]", async (t) => {
  const play = Play.real("6.12.117", WORLD);
  play.start(3n, "a");
  play.run(deviceOpen, "a.0", "a");
  play.map(0n);
  play.run(fork, "p");
  play.run(open, "later");
  t.throws(
    () => inChild(play, (state) => close(state, "later")),
    new HandleError("container later is not open"),
  );
  for (const [step, key] of [[deviceClose, "a.0"], [groupClose, "a"], [close, "c"]] as const) {
    t.equal(play.run(step, key), "ok");
    t.throws(() => play.run(step, key), HandleError, "once is enough");
  }
  t.equal(play.run(groupOpen, "a"), "EBUSY", "the child has it open");
  t.equal(childMaps(play, PAGE, 1n), "ok", "and the container");
  t.equal(play.run(exit, "p"), "ok");
  t.equal(lockedPages(play.state), 0n);
  t.same([...play.state.containers.keys()], ["later"]);
  t.equal(play.run(groupOpen, "a"), "ok");
});

t.test("a new program keeps the descriptors, and has root's capabilities [§1.6, §8]", async (t) => {
  const play = forked();
  inChild(play, (state) => setMemoryLock(state, { limitBytes: PAGE, isCapable: false }));
  t.equal(childMaps(play, 0n, 2n), "ENOMEM");
  play.run(exec, "p");
  t.equal(childMaps(play, 0n, 2n), "ok");
  t.equal(inChild(play, (state) => groupClose(state, "a")), "ok");
});

t.test("how much may still be locked [§8]", async (t) => {
  const play = forked();
  t.equal(lockablePages(play.state), undefined, "nothing limits root");
  play.run(setMemoryLock, { limitBytes: 5n * PAGE - 1n, isCapable: false });
  t.equal(lockablePages(play.state), 4n);
  play.map(0n, 3n * PAGE);
  t.equal(lockablePages(play.state), 1n);
  play.run(setMemoryLock, { limitBytes: PAGE, isCapable: false });
  t.equal(lockablePages(play.state), 0n, "lowered below what is locked");
});

t.test("a step in a child leaves the main process to go on", async (t) => {
  const play = forked();
  childMaps(play, 0n, 1n);
  t.equal(play.state.process, "main");
  childMaps(play, 0n, 1n);
  t.equal(play.state.process, "main", "after a refusal as well");
});

t.test("processes that a scenario confuses", async (t) => {
  const play = forked();
  const misuses: [string, () => string][] = [
    ["process p exists already", () => play.run(fork, "p")],
    ["process main exists already", () => play.run(fork, "main")],
    ["there is no process q; fork it first", () => play.run(exec, "q")],
    ["there is no process q; fork it first", () => play.run(exit, "q")],
    ["there is no process main; fork it first", () => play.run(exit, "main")],
    ["there is no process q; fork it first", () => play.run(inProcess, "q", (state) => open(state, "d"))],
    ["p can't: only the main process has children", () => inChild(play, (state) => fork(state, "q"))],
    ["p can't: only the main process has children", () => inChild(play, (state) => exec(state, "p"))],
    ["p can't: only the main process has children", () => inChild(play, (state) => exit(state, "p"))],
  ];
  for (const [message, misuse] of misuses) t.throws(misuse, new HandleError(message));
});
