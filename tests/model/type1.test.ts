import t from "#tap";
import { MAP_VADDR, mapDma } from "../../harness/model/map.ts";
import { UNMAP_VADDR_FLAG } from "../../harness/model/unmap.ts";
import { lockedPages } from "../../harness/model/locked_memory.ts";
import { setIommu } from "../../harness/model/backend.ts";
import {
  close,
  groupClose,
  groupOpen,
  groupSetContainer,
  groupUnsetContainer,
  open,
} from "../../harness/model/lifecycle.ts";
import { rangeListText, U64_MAX } from "../../harness/model/range_list.ts";
import { leakedAtClose } from "../../harness/model/locked_memory.ts";
import type { State } from "../../harness/model/state.ts";
import { KERNELS, Play } from "./play.ts";
import {
  AMD,
  group,
  HYPERTRANSPORT,
  INTEL,
  INTEL_48,
  iommu,
  MSI,
  region,
  upTo,
  VIRTIO,
  worldOf,
} from "./worlds.ts";

/** The example of spec §3.3. */
const STICKY = worldOf({
  a: group(INTEL_48, []),
  b: group(INTEL_48, [region(0n, 0xfffffn), region(0x40000000n, 0x400fffffn)]),
  other: group(INTEL, []),
});

const WORLD = worldOf({
  a: group(INTEL, [MSI]),
  b: group(INTEL, [MSI, region(0x40000000n, 0x400fffffn, "direct")]),
  relaxable: group(INTEL, [MSI, region(0x40000000n, 0x400fffffn, "direct-relaxable")]),
  all: group(INTEL, [region(0n, U64_MAX)]),
  wide: group(INTEL_48, [MSI]),
  amd: group(AMD, [MSI, HYPERTRANSPORT]),
  low: group(iommu("low", upTo(31)), []),
  high: group(iommu("high", { start: 1n << 40n, last: U64_MAX }), []),
  virtio: group(VIRTIO, [MSI]),
  top: group(AMD, [region(0xfffffffffffff000n, U64_MAX)]),
});

const LIST_A = "0x0..0xfedfffff,0xfef00000..0x7fffffffff";
const LIST_B = "0x0..0x3fffffff,0x40100000..0xfedfffff,0xfef00000..0x7fffffffff";

/** Lets the given collection of regions from now fail with ENOMEM. */
const failing = (state: State, failingCollection: number): State => ({ ...state, failingCollection });

t.test("a conflict refuses the group and changes nothing; unmapped, it joins [§13 attach-conflict]", async (t) => {
  for (const kernel of KERNELS) {
    const play = Play.real(kernel, WORLD);
    play.start(3n, "a");
    t.equal(play.map(0x40000000n), "ok");
    const before = play.type1;
    t.equal(play.join("b"), "EINVAL", kernel);
    t.equal(play.type1, before);
    t.equal(play.list, LIST_A);
    play.unmap(0x40000000n);
    t.equal(play.run(groupSetContainer, "b", "c"), "ok");
    t.equal(play.list, LIST_B);
    t.equal(play.map(0x40000000n), "EINVAL");
    t.equal(play.run(groupUnsetContainer, "b"), "ok");
    t.equal(play.list, LIST_A, "an interior hole is given back");
    t.equal(play.map(0x40000000n), "ok");
  }
});

t.test("mappings that touch a region's edges don't conflict [§18]", async (t) => {
  const play = Play.real("6.1.192", WORLD);
  play.start(3n, "a");
  t.equal(play.map(0x3ffff000n), "ok");
  t.equal(play.map(0x40100000n), "ok");
  t.equal(play.join("b"), "ok");
});

t.test("a relaxable region neither conflicts nor narrows the list [§2.1, §18]", async (t) => {
  const play = Play.real("6.12.117", WORLD);
  play.start(3n, "a");
  play.map(0x40000000n);
  t.equal(play.join("relaxable"), "ok");
  t.equal(play.list, LIST_A);
  t.equal(play.map(0x40001000n), "ok");
});

t.test("sticky edges: the example of §3.3", async (t) => {
  for (const kernel of KERNELS) {
    const [right, real] = [Play.right(kernel, STICKY), Play.real(kernel, STICKY)];
    for (const play of [right, real]) {
      play.start(3n, "a");
      t.equal(play.list, "0x0..0xffffffffffff");
      play.join("b");
      t.equal(play.list, "0x100000..0x3fffffff,0x40100000..0xffffffffffff");
      play.run(groupUnsetContainer, "b");
    }
    t.equal(real.list, "0x100000..0xffffffffffff", kernel);
    t.equal(right.list, "0x0..0xffffffffffff", kernel);
    real.join("other");
    t.equal(real.list, "0x100000..0x7fffffffff", "a later attach doesn't repair it");
    real.run(groupUnsetContainer, "other");
    t.equal(real.list, "0x0..0xffffffffffff", "the death of any domain does");
  }
});

t.test("sticky edges end with the container [§18]", async (t) => {
  const play = Play.real("7.3.4", STICKY);
  play.start(3n, "a", "b");
  play.run(groupUnsetContainer, "b");
  t.equal(play.list, "0x100000..0xffffffffffff");
  play.run(groupClose, "a");
  play.run(close, "c");
  t.equal(play.start(3n, "a"), "ok");
  t.equal(play.list, "0x0..0xffffffffffff");
});

t.test("the death of a domain gives its share of the aperture back [§3.2]", async (t) => {
  const play = Play.real("6.12.117", WORLD);
  play.start(3n, "wide");
  play.join("a");
  t.equal(play.list, LIST_A);
  t.equal(play.type1.domains.length, 2);
  play.run(groupUnsetContainer, "a");
  t.equal(play.list, "0x0..0xfedfffff,0xfef00000..0xffffffffffff");
});

t.test("an aperture that leaves out a mapping, or the whole list, conflicts [§2.3]", async (t) => {
  const play = Play.real("6.12.117", WORLD);
  play.start(3n, "a");
  t.equal(play.join("high"), "EINVAL", "nothing in common");
  play.map(0x80000000n);
  t.equal(play.join("low"), "EINVAL");
  play.unmap(0x80000000n);
  play.map(0x7ffff000n);
  t.equal(play.run(groupSetContainer, "low", "c"), "ok");
  t.equal(play.list, "0x0..0x7fffffff");
});

t.test("nothing left refuses the group [§2.1 row 13]", async (t) => {
  t.equal(Play.real("6.12.117", WORLD).start(3n, "all"), "EINVAL");
});

t.test("which errno wins [§2.1]", async (t) => {
  const world = worldOf({
    a: group(INTEL, [MSI]),
    unsafe: group(VIRTIO, [MSI]),
    "unsafe-all": group(VIRTIO, [region(0n, U64_MAX)]),
    "unsafe-hit": group(VIRTIO, [region(0n, 0xfffn)]),
    far: group(iommu("far", { start: 1n << 50n, last: 1n << 51n }), []),
  });
  const answers = (name: string, failingCollection: number): string => {
    const play = Play.real("6.12.117", world);
    play.start(3n, "a");
    play.map(0n);
    play.state = failing(play.state, failingCollection);
    return `${play.join(name)} ${play.state.failingCollection}`;
  };
  t.equal(answers("unsafe", 0), "EPERM 0");
  t.equal(answers("unsafe-all", 0), "EINVAL 0", "an empty list beats isolation");
  t.equal(answers("unsafe-hit", 0), "EINVAL 0", "a conflict beats isolation");
  t.equal(answers("unsafe-hit", 1), "ENOMEM 0", "collecting comes before the regions' conflict");
  t.equal(answers("far", 1), "EINVAL 1", "the aperture's conflict comes before collecting");
});

t.test("isolation, unless the parameter allows to go without [§2.6]", async (t) => {
  const play = Play.real("6.12.117", WORLD);
  t.equal(play.start(3n, "virtio"), "EPERM");
  play.state = { ...play.state, allowUnsafeInterrupts: true };
  t.equal(play.run(setIommu, "c", 3n), "ok");
});

t.test("no memory for the regions: an attach fails, a detach keeps the old list [§3.1, §18]", async (t) => {
  const play = Play.real("6.12.117", WORLD);
  play.start(3n, "a");
  const before = play.type1;
  play.state = failing(play.state, 1);
  t.equal(play.join("b"), "ENOMEM");
  t.equal(play.type1, before);
  t.equal(play.run(groupSetContainer, "b", "c"), "ok");
  play.state = failing(play.state, 1);
  t.equal(play.run(groupUnsetContainer, "b"), "ok");
  t.equal(play.list, LIST_B);
});

t.test("a detach collects the regions of every group that stays, until one fails [§3.1]", async (t) => {
  const collected = (failingCollection: number): string => {
    const play = Play.real("6.12.117", WORLD);
    play.start(3n, "wide", "a", "relaxable", "b");
    play.state = failing(play.state, failingCollection);
    play.run(groupUnsetContainer, "b");
    return `${play.state.failingCollection} ${play.list === LIST_A}`;
  };
  t.equal(collected(1), "0 false");
  t.equal(collected(3), "0 false");
  t.equal(collected(4), "1 true", "three groups stay");
});

t.test("the last group takes all mappings with it, and collects nothing [§3.1]", async (t) => {
  const play = Play.real("6.12.117", WORLD);
  play.start(3n, "a");
  play.map(0n, 0x10000n);
  t.equal(lockedPages(play.state), 16n);
  play.state = failing(play.state, 1);
  play.run(groupUnsetContainer, "a");
  t.equal(lockedPages(play.state), 0n);
  t.equal(play.state.failingCollection, 1);
});

t.test("mappings stay while a group does [§3.2]", async (t) => {
  const play = Play.real("6.12.117", WORLD);
  play.start(3n, "a", "wide");
  play.map(0n);
  play.run(groupUnsetContainer, "a");
  t.equal(play.type1.mappings.length, 1);
  t.same(play.type1.domains, [{ iommu: "intel-48", groups: ["wide"] }]);
});

t.test("a region without length makes a seam that no mapping crosses [§2.5, §18]", async (t) => {
  const world = worldOf({ a: group(INTEL, [region(0x10000n, 0xffffn)]), b: group(INTEL, []) });
  const play = Play.real("6.1.192", world);
  play.start(3n, "a");
  t.equal(play.list, "0x0..0xffff,0x10000..0x7fffffffff");
  t.equal(play.map(0xf000n, 0x2000n), "EINVAL");
  const other = Play.real("6.1.192", world);
  other.start(3n, "b");
  other.map(0xf000n, 0x2000n);
  t.equal(other.join("a"), "EINVAL", "nor can the seam come after the mapping");
});

t.test("a region up to 2^64 over a mapping [§12 R1e]", async (t) => {
  const answers = KERNELS.map((kernel) => {
    const play = Play.real(kernel, WORLD);
    play.start(3n, "amd");
    play.map(0xfffffffffffff000n);
    return play.join("top");
  });
  t.same(answers, ["ok", "ok", "ok", "EINVAL"]);
  const right = Play.right("6.12.117", WORLD);
  right.start(3n, "amd");
  right.map(0xfffffffffffff000n);
  t.equal(right.join("top"), "EINVAL");
});

t.test("the doomed tail of an aperture up to 2^64 [§2.3]", async (t) => {
  const answers = KERNELS.map((kernel) => {
    const play = Play.real(kernel, WORLD);
    play.start(3n, "amd");
    play.map(1n << 50n);
    return play.join("wide");
  });
  t.same(answers, ["ok", "ok", "ok", "EINVAL"]);
});

t.test("pages of a mapping up to 2^64 stay locked [§12 R1a]", async (t) => {
  for (const [index, kernel] of KERNELS.entries()) {
    const play = Play.real(kernel, WORLD);
    play.start(3n, "amd");
    play.map(0x1000n, 0x2000n);
    play.map(0xfffffffffffff000n);
    const leaked = index < 3 ? 1n : 0n;
    t.equal(leakedAtClose(play.state), leaked, kernel);
    play.run(groupClose, "amd");
    play.run(close, "c");
    t.equal(lockedPages(play.state), leaked, kernel);
  }
});

const BROKEN = { ...AMD, name: "broken", refuses: region(0x40000000n, 0x40000fffn) };
const REFUSING = worldOf({
  a: group(INTEL, []),
  broken: group(BROKEN, []),
  too: group(BROKEN, []),
  unsafe: group({ ...BROKEN, isolatesInterrupts: false }, []),
});

t.test("a domain that can't take the mappings keeps its group out [§2.1 row 19]", async (t) => {
  for (const kernel of KERNELS) {
    const play = Play.real(kernel, REFUSING);
    play.start(3n, "a");
    play.map(0x3ffff000n, 0x2000n);
    const { list } = play;
    t.equal(play.join("broken"), "ERANGE", kernel);
    t.equal(play.list, list, "and leaves the list alone");
    t.equal(play.run(groupSetContainer, "broken", "c"), "ERANGE", "as often as it is tried");
    play.unmap(0x3ffff000n, 0x2000n);
    play.map(0x3ffff000n);
    play.map(0x40001000n);
    t.equal(play.run(groupSetContainer, "broken", "c"), "ok", "next to the refused page it can");
    t.equal(play.map(0x40000000n), "ERANGE");
    t.equal(play.join("too"), "ok", "nothing is replayed into a domain that is there");
    play.run(groupUnsetContainer, "broken");
    t.equal(play.map(0x40000000n), "ERANGE", "as long as one group keeps it");
    play.run(groupUnsetContainer, "too");
    t.equal(play.map(0x40000000n), "ok");
    t.equal(play.join("unsafe"), "EPERM", "interrupts come before the replay");
  }
});

t.test("what a domain refuses costs nothing [§4.2]", async (t) => {
  const play = Play.right("6.12.117", REFUSING);
  play.start(3n, "a", "broken");
  const before = play.state;
  t.equal(play.map(0x3fff0000n, 0x20000n), "ERANGE");
  t.same(play.state, before);
  const bad = { iova: 0x40000000n, size: 0x1000n, flags: 3, backing: { kind: "none" as const } };
  t.throws(
    () => play.run(mapDma, "c", bad),
    { name: "UndeterminedError" },
    "unless its memory is bad as well",
  );
});

t.test("two containers don't know of each other", async (t) => {
  const play = Play.real("6.12.117", WORLD);
  play.start(3n, "a");
  play.map(0x40000000n);
  play.run(open, "d");
  play.join("wide");
  play.run(groupUnsetContainer, "wide");
  t.equal(play.run(groupSetContainer, "wide", "d"), "ok");
  t.equal(play.run(setIommu, "d", 3n), "ok");
  t.equal(rangeListText(play.type1.list), LIST_A);
});

t.test("no group joins while a vaddr is missing [§2.1 row 1, §12 R6]", async (t) => {
  const PAGE = 0x1000n;
  const mends: [name: string, mend: (play: Play) => string][] = [
    ["a new vaddr", (play) => play.run(mapDma, "c", { iova: 0n, size: PAGE, flags: MAP_VADDR })],
    ["unmapped", (play) => play.unmap(0n)],
  ];
  for (const kernel of KERNELS.slice(1)) {
    for (const [name, mend] of mends) {
      const play = Play.real(kernel, WORLD);
      play.start(3n, "a");
      play.map(0n);
      play.map(0x40000000n);
      play.unmap(0n, PAGE, UNMAP_VADDR_FLAG);
      play.run(groupOpen, "b");
      const before = play.state;
      t.equal(play.run(groupSetContainer, "b", "c"), "EBUSY", `${kernel}: before the conflict is seen`);
      t.equal(play.state, before, "nothing changed");
      t.match(mend(play), /^ok/, name);
      t.equal(play.run(groupSetContainer, "b", "c"), "EINVAL", `${kernel} ${name}: the conflict`);
      play.unmap(0x40000000n);
      t.equal(play.run(groupSetContainer, "b", "c"), "ok", `${kernel} ${name}`);
    }
  }
});

t.test("a missing vaddr comes before a failing collection, and keeps no group from leaving [§2.1, §3.1]", async (t) => {
  for (const kernel of KERNELS.slice(1)) {
    const play = Play.real(kernel, WORLD);
    play.start(3n, "a", "relaxable");
    play.map(0n);
    play.unmap(0n, 0x1000n, UNMAP_VADDR_FLAG);
    play.state = { ...play.state, failingCollection: 1 };
    t.equal(play.join("b"), "EBUSY", kernel);
    t.equal(play.state.failingCollection, 1, "nothing was collected");
    play.state = { ...play.state, failingCollection: 0 };
    t.equal(play.run(groupUnsetContainer, "relaxable"), "ok");
    t.equal(play.run(groupUnsetContainer, "a"), "ok");
    t.equal(play.join("b"), "ok", "as new");
    t.equal(play.run(setIommu, "c", 3n), "ok");
  }
});
