import t from "#tap";
import { DIRTY_START, DIRTY_STOP, dirtyPages } from "../../harness/model/dirty.ts";
import { MAP_VADDR, mapDma, type MapRequest } from "../../harness/model/map.ts";
import {
  UNMAP_ALL_FLAG,
  UNMAP_DIRTY_BITMAP_FLAG,
  UNMAP_VADDR_FLAG,
  unmapDma,
  type UnmapRequest,
} from "../../harness/model/unmap.ts";
import { lockedPages } from "../../harness/model/locked_memory.ts";
import { open } from "../../harness/model/lifecycle.ts";
import { exec, exit, fork, inProcess } from "../../harness/model/process.ts";
import { U64_MAX } from "../../harness/model/range_list.ts";
import type { Outcome, State } from "../../harness/model/state.ts";
import { KERNELS, Play } from "./play.ts";
import { AMD, group, HYPERTRANSPORT, INTEL, MSI, worldOf } from "./worlds.ts";

const WORLD = worldOf({ a: group(INTEL, [MSI]), amd: group(AMD, [MSI, HYPERTRANSPORT]) });
const TOP = 0xfffffffffffff000n;

const started = (kernel: string, group = "a", type = 3n): Play => {
  const play = Play.real(kernel, WORLD);
  play.start(type, group);
  return play;
};

const map = (play: Play, request: Partial<MapRequest>): string =>
  play.run(mapDma, "c", { iova: 0x1000n, size: 0x1000n, flags: 3, ...request });

const unmap = (play: Play, request: Partial<UnmapRequest>): string =>
  play.run(unmapDma, "c", { iova: 0x1000n, size: 0x1000n, flags: 0, ...request });

t.test("without IOMMU everything is EINVAL [§1.1]", async (t) => {
  const play = Play.real("6.12.117", WORLD);
  play.run(open, "c");
  t.equal(map(play, {}), "EINVAL");
  t.equal(unmap(play, {}), "EINVAL");
});

t.test("what the fields of a MAP are refused for [§4.1]", async (t) => {
  const E = "EINVAL";
  const wrap = [E, E, E, "EOVERFLOW"];
  const table: [name: string, request: Partial<MapRequest>, answers: string[]][] = [
    ["argsz 31", { argsz: 31 }, [E, E, E, E]],
    ["argsz 32", { argsz: 32 }, ["ok", "ok", "ok", "ok"]],
    ["argsz 1000", { argsz: 1000 }, ["ok", "ok", "ok", "ok"]],
    ["unknown flag", { flags: 8 | 3 }, [E, E, E, E]],
    ["no access", { flags: 0 }, [E, E, E, E]],
    ["read only", { flags: 1 }, ["ok", "ok", "ok", "ok"]],
    ["write only", { flags: 2 }, ["ok", "ok", "ok", "ok"]],
    ["vaddr update with access", { flags: 4 | 1 }, [E, E, E, E]],
    ["vaddr update of nothing", { flags: 4 }, [E, "ENOENT", "ENOENT", "ENOENT"]],
    ["size 0", { size: 0n }, [E, E, E, E]],
    ["size 0, bad iova", { size: 0n, iova: 1n }, [E, E, E, E]],
    ["size misaligned", { size: 0x1001n }, [E, E, E, E]],
    ["iova misaligned", { iova: 0x1001n }, [E, E, E, E]],
    ["vaddr misaligned", { vaddr: 1n }, [E, E, E, E]],
    ["iova wraps", { iova: TOP, size: 0x2000n }, wrap],
    ["vaddr wraps", { vaddr: TOP, size: 0x2000n }, wrap],
    ["wraps, misaligned", { iova: TOP + 1n }, wrap],
    ["wraps, no access", { iova: TOP, size: 0x2000n, flags: 0 }, wrap],
    ["wraps, unknown flag", { iova: TOP, size: 0x2000n, flags: 8 }, [E, E, E, E]],
    ["wraps, argsz", { iova: TOP, size: 0x2000n, argsz: 0 }, [E, E, E, E]],
    ["outside the list", { iova: 1n << 39n }, [E, E, E, E]],
    ["outside, bad vaddr", { iova: 1n << 39n, vaddr: 0n }, [E, E, E, E]],
    ["bad vaddr", { vaddr: 0n }, ["EFAULT", "EFAULT", "EFAULT", "EFAULT"]],
    ["highest page, which doesn't wrap", { iova: TOP }, [E, E, E, E]],
  ];
  for (const [index, kernel] of KERNELS.entries()) {
    for (const [name, request, answers] of table) {
      const play = started(kernel);
      const before = play.state;
      t.equal(map(play, request), answers[index], `${kernel} ${name}`);
      if (answers[index] !== "ok") t.same(play.state, before, `${kernel} ${name}: nothing changed`);
    }
  }
});

t.test("what the state gets a MAP refused for, first fault first [§4.1]", async (t) => {
  for (const kernel of KERNELS) {
    const play = Play.real(kernel, WORLD);
    play.state = { ...play.state, dmaEntryLimit: 1 };
    play.start(3n, "a");
    t.equal(play.map(0x1000n, 0x2000n), "ok");
    t.equal(play.map(0x2000n), "EEXIST", "taken, budget spent");
    t.equal(play.map(0x2000n, 1n << 40n), "EEXIST", "taken, outside, budget spent");
    t.equal(play.map(1n << 39n), "ENOSPC", "outside, budget spent");
    t.equal(map(play, { iova: 0x1000n, vaddr: 0n }), "EEXIST");
    if (kernel !== "5.10.262") t.equal(map(play, { flags: 4, size: 0x2000n }), "EINVAL", "vaddr is valid");
  }
});

t.test("gap-walk: every edge of every range [§13]", async (t) => {
  for (const name of ["a", "amd"]) {
    const play = started("7.3.4", name);
    for (const { start, last } of play.type1.list) {
      const end = last + 1n;
      t.equal(play.map(start), "ok");
      t.equal(play.map(end - 0x1000n), "ok");
      t.equal(play.map(end - 0x1000n, 0x2000n), last === U64_MAX ? "EOVERFLOW" : "EEXIST");
      play.unmap(end - 0x1000n);
      t.equal(play.map(end - 0x1000n, 0x2000n), last === U64_MAX ? "EOVERFLOW" : "EINVAL");
      if (last !== U64_MAX) t.equal(play.map(end), "EINVAL");
      if (start > 0n) t.equal(play.map(start - 0x1000n), "EINVAL");
    }
  }
});

t.test("budget: the limit counts from SET_IOMMU on [§13 budget]", async (t) => {
  const play = Play.real("6.12.117", WORLD);
  play.state = { ...play.state, dmaEntryLimit: 3 };
  play.start(3n, "a");
  for (const page of [0n, 1n, 2n]) t.equal(play.map(page * 0x1000n), "ok");
  t.equal(play.map(0x3000n), "ENOSPC");
  t.equal(play.map(0x2000n), "EEXIST");
  play.state = { ...play.state, dmaEntryLimit: 100 };
  t.equal(play.map(0x3000n), "ENOSPC", "a new limit is for a new SET_IOMMU");
  play.unmap(0n);
  t.equal(play.map(0x3000n), "ok");
});

t.test("locked memory is what the mappings cover [§8]", async (t) => {
  const play = started("6.12.117");
  play.map(0n, 0x3000n);
  play.map(0x10000n, 0x1000n);
  t.equal(lockedPages(play.state), 4n);
  play.map(0x10000n, 0x1000n);
  t.equal(lockedPages(play.state), 4n, "a refused map charges nothing");
  play.unmap(0n, 0x3000n);
  t.equal(lockedPages(play.state), 1n);
});

t.test("what an UNMAP is refused for [§5.1]", async (t) => {
  const E = "EINVAL";
  const size = (bytes: string) => Array(4).fill(`ok size=${bytes}`);
  const table: [name: string, request: Partial<UnmapRequest>, answers: string[]][] = [
    ["argsz 23", { argsz: 23 }, [E, E, E, E]],
    ["argsz 24", { argsz: 24 }, size("0x1000")],
    ["unknown flag", { flags: 8 }, [E, E, E, E]],
    ["dirty bitmap, tracking off", { flags: 1 }, [E, E, E, E]],
    ["dirty bitmap and all", { flags: 3, iova: 0n, size: 0n }, [E, E, E, E]],
    ["iova misaligned", { iova: 0x1001n }, [E, E, E, E]],
    ["size 0", { size: 0n }, [E, E, E, E]],
    ["size misaligned", { size: 0x1001n }, [E, E, E, E]],
    ["wraps", { iova: TOP, size: 0x2000n }, [E, E, E, "EOVERFLOW"]],
    ["wraps, misaligned", { iova: TOP + 1n, size: 0x2000n }, [E, E, E, E]],
    ["all, with a size", { flags: 2, iova: 0n }, [E, E, E, E]],
    ["all, with an iova", { flags: 2, size: 0n }, [E, E, E, E]],
    ["all", { flags: 2, iova: 0n, size: 0n }, [E, ...size("0x3000").slice(1)]],
    ["nothing there", { iova: 0x8000n }, size("0x0")],
    ["outside the list", { iova: 1n << 50n }, size("0x0")],
    ["one of two", {}, size("0x1000")],
    ["both", { size: 0x3000n }, size("0x3000")],
    ["both and more", { iova: 0n, size: 0x10000n }, size("0x3000")],
    ["cuts the second's head", { size: 0x2000n }, [E, E, E, E]],
    ["cuts the second's tail", { iova: 0x3000n, size: 0x1000n }, [E, E, E, E]],
    ["inside the second", { iova: 0x3000n, size: 0x5000n }, [E, E, E, E]],
  ];
  for (const [index, kernel] of KERNELS.entries()) {
    for (const [name, request, answers] of table) {
      const play = started(kernel);
      play.map(0x1000n, 0x1000n);
      play.map(0x2000n, 0x2000n);
      const before = play.state;
      t.equal(unmap(play, request), answers[index], `${kernel} ${name}`);
      if (answers[index] === E) t.equal(play.state, before, `${kernel} ${name}: nothing changed`);
    }
  }
});

t.test("v1 takes whole mappings whose start is in the range [§5.2, §13 v1-vs-v2]", async (t) => {
  for (const kernel of KERNELS) {
    const cases: [iova: bigint, size: bigint, answer: string, left: number][] = [
      [0x1000n, 0x2000n, "ok size=0x0", 2],
      [0x0n, 0x1000n, "ok size=0x2000", 1],
      [0x0n, 0x3000n, "ok size=0x3000", 0],
      [0x2000n, 0x1000n, "ok size=0x1000", 1],
    ];
    for (const [iova, size, answer, left] of cases) {
      const play = started(kernel, "a", 1n);
      play.map(0x0n, 0x2000n);
      play.map(0x2000n, 0x1000n);
      t.equal(play.unmap(iova, size), answer, kernel);
      t.equal(play.type1.mappings.length, left);
    }
    const v2 = started(kernel);
    v2.map(0x0n, 0x2000n);
    v2.map(0x2000n, 0x1000n);
    t.equal(v2.unmap(0x1000n, 0x2000n), "EINVAL", kernel);
  }
});

t.test("v1 before 5.12 removes what the search meets before the mapping that it may not cut [§5.2]", async (t) => {
  const order = (play: Play, ...iovas: bigint[]): string => {
    play.start(1n, "a");
    for (const iova of iovas) play.map(iova, iova === 0n ? 0x2000n : 0x1000n);
    return play.unmap(0x1000n, 0x4000n);
  };
  for (const kernel of KERNELS) {
    const real = () => Play.real(kernel, WORLD);
    const isOld = kernel === "5.10.262";
    t.equal(order(real(), 0n, 0x2000n), "ok size=0x0", `${kernel}: the root is in the way`);
    t.equal(order(real(), 0x2000n, 0n), isOld ? "ok size=0x1000" : "ok size=0x0", kernel);
    t.equal(order(real(), 0x2000n, 0n, 0x4000n), isOld ? "ok size=0x2000" : "ok size=0x0", kernel);
    t.equal(order(Play.right(kernel, WORLD), 0x2000n, 0n, 0x4000n), "ok size=0x0", kernel);
  }
});

t.test("a MAP refused for its memory changes nothing but the shape of the tree [§4.2, §5.2, §12.1]", async (t) => {
  const turned = (play: Play): string => {
    play.start(1n, "a");
    play.map(0x10000n, 0x2000n);
    play.map(0x20000n);
    t.equal(map(play, { iova: 0x30000n, vaddr: 0n }), "EFAULT");
    t.equal(play.type1.mappings.length, 2);
    t.equal(lockedPages(play.state), 3n);
    return play.unmap(0x11000n, 0x20000n);
  };
  t.equal(turned(Play.real("5.10.262", WORLD)), "ok size=0x1000");
  t.equal(turned(Play.real("6.12.117", WORLD)), "ok size=0x0");
  const hidden = Play.real("6.12.117", WORLD);
  hidden.start(3n, "amd");
  hidden.map(0x1000n);
  hidden.map(TOP);
  map(hidden, { iova: 0x100000n, vaddr: 0n });
  t.equal(hidden.unmap(0x1000n), "ok size=0x0");
});

t.test("v1 before 5.12 with a mapping up to 2^64 in the tree [§5.2, §12 R1a]", async (t) => {
  const play = Play.real("5.10.262", WORLD);
  play.start(1n, "amd");
  for (const iova of [TOP, 0x2000n, 0x8000n]) t.equal(play.map(iova), "ok");
  t.equal(play.unmap(0n, 0x4000n), "ok size=0x1000", "searches below the top are not misled");
  t.equal(play.unmap(0n, TOP), "ok size=0x1000");
  t.equal(play.unmap(TOP), "ok size=0x0");
  t.equal(play.type1.mappings.length, 1);
});

t.test("before 5.12 only who mapped may unmap, also as a new program [§5.2]", async (t) => {
  for (const [kernel, others] of [["5.10.262", "ok size=0x0"], ["6.1.192", "ok size=0x1000"]] as const) {
    const play = started(kernel);
    const inChild = (step: (state: State) => Outcome) => play.run(inProcess, "p", step);
    const unmapAll = (state: State) => unmapDma(state, "c", { iova: 0n, size: 0x10000n, flags: 0 });
    play.run(fork, "p");
    inChild((state) => mapDma(state, "c", { iova: 0x1000n, size: 0x1000n, flags: 3 }));
    t.equal(unmapAll(play.state).answer.values.size, others.replace("ok size=", ""), `${kernel}: not yours`);
    play.run(exec, "p");
    t.equal(inProcess(play.state, "p", unmapAll).answer.values.size, "0x1000", `${kernel}: still mine`);
    play.run(exit, "p");
    play.run(fork, "p");
    t.equal(inChild(unmapAll), others, `${kernel}: a namesake is another`);
  }
});

t.test("to-the-end: an UNMAP up to 2^64 [§5.3, §12 R1b]", async (t) => {
  const answers = (play: Play): string => {
    play.start(3n, "a");
    play.map(0x1000n, 0x2000n);
    return `${play.unmap(0x2000n, U64_MAX - 0x1fffn)} ${play.unmap(0x1000n, U64_MAX - 0xfffn)}`;
  };
  t.same(KERNELS.map((kernel) => answers(Play.real(kernel, WORLD))), [
    "EINVAL ok size=0x0",
    "EINVAL ok size=0x0",
    "EINVAL ok size=0x0",
    "EINVAL ok size=0x2000",
  ]);
  t.equal(answers(Play.right("6.12.117", WORLD)), "EINVAL ok size=0x2000");
});

t.test("top-page: a mapping up to 2^64 [§4.3, §12 R1a]", async (t) => {
  const answers = (play: Play): string[] => {
    play.start(3n, "amd");
    const four = [play.map(TOP), play.map(TOP), play.unmap(TOP), play.run(unmapDma, "c", ALL)];
    return [...four, `${play.type1.mappings.length} left`];
  };
  const ALL = { iova: 0n, size: 0n, flags: 2 };
  for (const kernel of ["6.1.192", "6.12.117"]) {
    t.same(answers(Play.real(kernel, WORLD)), ["ok", "ok", "ok size=0x0", "ok size=0x0", "2 left"], kernel);
  }
  const right = ["ok", "EEXIST", "ok size=0x1000", "ok size=0x0", "0 left"];
  t.same(answers(Play.real("7.3.4", WORLD)), right);
  t.same(answers(Play.right("6.12.117", WORLD)), right);
});

/** Those with VADDR. */
const MODERN = KERNELS.slice(1);

t.test("5.10 knows no VADDR [§4.1 row 2, §5.1 row 2]", async (t) => {
  const play = started("5.10.262");
  play.map(0x1000n);
  t.equal(unmap(play, { flags: UNMAP_VADDR_FLAG }), "EINVAL");
  t.equal(map(play, { flags: MAP_VADDR }), "EINVAL");
});

t.test("UNMAP with VADDR unmaps nothing [§5.2]", async (t) => {
  for (const kernel of MODERN) {
    const play = started(kernel);
    play.map(0x1000n, 0x2000n);
    play.map(0x4000n);
    t.equal(unmap(play, { iova: 0n, size: 0x8000n, flags: UNMAP_VADDR_FLAG }), "ok size=0x3000", kernel);
    t.equal(lockedPages(play.state), 3n);
    t.equal(play.map(0x1000n), "EEXIST");
    t.equal(play.unmap(0n, 0x8000n), "ok size=0x3000", "as if nothing had been");
    t.equal(unmap(play, { flags: UNMAP_VADDR_FLAG }), "ok size=0x0", "of nothing");
  }
});

t.test("one invalid mapping is one too many, and the others stay valid [§5.2]", async (t) => {
  for (const kernel of MODERN) {
    const play = started(kernel);
    for (const iova of [0x1000n, 0x2000n, 0x3000n]) play.map(iova);
    t.equal(unmap(play, { iova: 0x2000n, flags: UNMAP_VADDR_FLAG }), "ok size=0x1000");
    const before = play.state;
    for (const request of [{ iova: 0x1000n, size: 0x3000n }, { iova: 0n, size: 0n, flags: UNMAP_ALL_FLAG }]) {
      const flags = UNMAP_VADDR_FLAG | ("flags" in request ? UNMAP_ALL_FLAG : 0);
      t.equal(unmap(play, { ...request, flags }), "EINVAL", kernel);
    }
    t.equal(play.state, before);
    t.equal(map(play, { iova: 0x1000n, flags: MAP_VADDR }), "EINVAL", "still valid");
    t.equal(map(play, { iova: 0x2000n, flags: MAP_VADDR }), "ok");
    t.equal(map(play, { iova: 0x2000n, flags: MAP_VADDR }), "EINVAL", "valid again");
  }
});

t.test("UNMAP with VADDR goes with ALL, and bisects no more than without [§5.1, §5.2]", async (t) => {
  for (const kernel of MODERN) {
    const play = started(kernel);
    play.map(0x1000n, 0x2000n);
    t.equal(unmap(play, { iova: 0x1000n, flags: UNMAP_VADDR_FLAG }), "EINVAL", kernel);
    const flags = UNMAP_VADDR_FLAG | UNMAP_ALL_FLAG;
    t.equal(unmap(play, { iova: 0n, size: 0x1000n, flags }), "EINVAL");
    t.equal(unmap(play, { iova: 0n, size: 0n, flags }), "ok size=0x2000");
    t.equal(
      unmap(play, { iova: 0n, size: 0n, flags: UNMAP_ALL_FLAG }),
      "ok size=0x2000",
      "invalid ones go, too",
    );
  }
});

t.test("UNMAP with VADDR under v1 rules [§5.2]", async (t) => {
  for (const kernel of MODERN) {
    const play = started(kernel, "a", 1n);
    play.map(0x0n, 0x2000n);
    play.map(0x2000n);
    t.equal(unmap(play, { iova: 0x1000n, size: 0x2000n, flags: UNMAP_VADDR_FLAG }), "ok size=0x0", kernel);
    t.equal(unmap(play, { iova: 0n, flags: UNMAP_VADDR_FLAG }), "ok size=0x2000", "whole");
    t.equal(map(play, { iova: 0n, size: 0x2000n, flags: MAP_VADDR }), "ok");
  }
});

t.test("MAP with VADDR: the mapping must be there, invalid, and exactly that one [§4.4]", async (t) => {
  const table: [name: string, request: Partial<MapRequest>, answer: string][] = [
    ["exactly", {}, "ok"],
    ["nothing there", { iova: 0x10000n }, "ENOENT"],
    ["nothing there, outside of the list", { iova: 1n << 50n }, "ENOENT"],
    ["its first page", { size: 0x1000n }, "EINVAL"],
    ["its last page", { iova: 0x2000n, size: 0x1000n }, "EINVAL"],
    ["more than it", { size: 0x3000n }, "EINVAL"],
    ["another one, which is valid", { iova: 0x8000n, size: 0x1000n }, "EINVAL"],
    ["null, which nobody looks at", { vaddr: 0n }, "ok"],
    ["a kernel's address, which nobody looks at", { vaddr: 1n << 63n }, "ok"],
    ["a misaligned one", { vaddr: 1n }, "EINVAL"],
    ["with access", { flags: MAP_VADDR | 1 }, "EINVAL"],
  ];
  for (const kernel of MODERN) {
    for (const [name, request, answer] of table) {
      const play = started(kernel);
      play.map(0x1000n, 0x2000n);
      play.map(0x8000n);
      unmap(play, { size: 0x2000n, flags: UNMAP_VADDR_FLAG });
      const before = play.state;
      t.equal(map(play, { size: 0x2000n, flags: MAP_VADDR, ...request }), answer, `${kernel} ${name}`);
      if (answer !== "ok") t.equal(play.state, before, `${kernel} ${name}: nothing changed`);
      else t.equal(lockedPages(play.state), 3n, `${kernel} ${name}: charged as before`);
    }
  }
});

t.test("a vaddr that wraps [§4.1 rows 3b and 6]", async (t) => {
  for (const [index, kernel] of MODERN.entries()) {
    const play = started(kernel);
    play.map(0x1000n, 0x2000n);
    unmap(play, { size: 0x2000n, flags: UNMAP_VADDR_FLAG });
    const answer = map(play, { size: 0x2000n, flags: MAP_VADDR, vaddr: TOP });
    t.equal(answer, ["EINVAL", "EINVAL", "EOVERFLOW"][index], kernel);
  }
});

t.test("while a vaddr is missing, others are mapped; a new one needs no budget [§4.4]", async (t) => {
  for (const kernel of MODERN) {
    const play = Play.real(kernel, WORLD);
    play.state = { ...play.state, dmaEntryLimit: 2 };
    play.start(3n, "a");
    play.map(0x1000n);
    unmap(play, { flags: UNMAP_VADDR_FLAG });
    t.equal(play.map(0x2000n), "ok", kernel);
    t.equal(play.map(0x3000n), "ENOSPC");
    t.equal(map(play, { flags: MAP_VADDR }), "ok");
  }
});

t.test("what an UNMAP with a dirty bitmap is refused for [§5.1 rows 3, 4, 9, 10]", async (t) => {
  const E = "EINVAL";
  const all = (answer: string) => [answer, answer, answer, answer];
  const fine = all("ok size=0x3000 dirty=0x1000..0x3fff");
  const table: [name: string, request: Partial<UnmapRequest>, answers: string[]][] = [
    ["nothing wrong", {}, fine],
    ["argsz 47", { argsz: 47 }, all(E)],
    ["argsz 48", { argsz: 48 }, fine],
    ["with ALL", { flags: UNMAP_DIRTY_BITMAP_FLAG | UNMAP_ALL_FLAG }, all(E)],
    ["with ALL, for all", { iova: 0n, size: 0n, flags: UNMAP_DIRTY_BITMAP_FLAG | UNMAP_ALL_FLAG }, all(E)],
    ["with VADDR", { flags: UNMAP_DIRTY_BITMAP_FLAG | UNMAP_VADDR_FLAG }, all(E)],
    ["size 0", { size: 0n }, all(E)],
    ["no bitmap", { bitmap: { bytes: 0n } }, all(E)],
    ["a bitmap too small", { size: 65n * 0x1000n, bitmap: { bytes: 8n } }, all(E)],
    ["a bitmap in the kernel", { bitmap: { data: 1n << 63n } }, all(E)],
    ["a bit for two pages", { size: 0x4000n, bitmap: { pageSize: 0x2000n } }, all(E)],
    ["wraps", { iova: TOP, size: 0x2000n }, [E, E, E, "EOVERFLOW"]],
    ["wraps, and no bitmap", { iova: TOP, size: 0x2000n, bitmap: { bytes: 0n } }, all(E)],
    ["cuts a mapping", { size: 0x2000n }, all(E)],
    ["nothing there", { iova: 0x8000n }, all("ok size=0x0 dirty=-")],
    ["nothing there, and no memory", { iova: 0x8000n, bitmap: { data: 0x1000n } }, all("ok size=0x0")],
    ["no memory", { bitmap: { data: 0x1000n } }, all("EFAULT")],
    ["no memory, but cuts a mapping", { size: 0x2000n, bitmap: { data: 0x1000n } }, all(E)],
  ];
  for (const [index, kernel] of KERNELS.entries()) {
    for (const [name, request, answers] of table) {
      const play = started(kernel);
      play.run(dirtyPages, "c", DIRTY_START);
      play.map(0x1000n);
      play.map(0x2000n, 0x2000n);
      const before = play.state;
      const answer = unmap(play, { size: 0x3000n, flags: UNMAP_DIRTY_BITMAP_FLAG, ...request });
      t.equal(answer, answers[index], `${kernel} ${name}`);
      if (answers[index] === E) t.equal(play.state, before, `${kernel} ${name}: nothing changed`);
    }
  }
});

t.test("no dirty bitmap unless tracking [§5.1 row 10]", async (t) => {
  for (const kernel of KERNELS) {
    const play = started(kernel);
    play.map(0x1000n);
    for (const flags of [DIRTY_START, DIRTY_STOP]) play.run(dirtyPages, "c", flags);
    t.equal(unmap(play, { flags: UNMAP_DIRTY_BITMAP_FLAG }), "EINVAL", kernel);
    t.equal(play.map(0x1000n), "EEXIST");
  }
});

t.test("bits count from the request's address [§5.2, §7.3]", async (t) => {
  for (const kernel of KERNELS) {
    const play = started(kernel);
    play.run(dirtyPages, "c", DIRTY_START);
    play.map(0x101000n, 0x4000n);
    const answer = unmap(play, { iova: 0x100000n, size: 0x10000n, flags: UNMAP_DIRTY_BITMAP_FLAG });
    t.equal(answer, "ok size=0x4000 dirty=0x101000..0x104fff", kernel);
    t.equal(lockedPages(play.state), 0n);
  }
});

t.test("where the bitmap ends early, what came before is gone [§5.2]", async (t) => {
  for (const kernel of MODERN) {
    const play = started(kernel);
    play.run(dirtyPages, "c", DIRTY_START);
    for (const page of [0n, 1n, 64n, 128n]) play.map(page * 0x1000n);
    const request = { iova: 0n, size: 129n * 0x1000n, flags: UNMAP_DIRTY_BITMAP_FLAG };
    t.equal(unmap(play, { ...request, bitmap: { accessibleBytes: 8n } }), "EFAULT", kernel);
    t.same(play.type1.mappings.map(({ iova }) => iova), [0x40000n, 0x80000n]);
    t.equal(lockedPages(play.state), 2n);
    t.equal(unmap(play, request), "ok size=0x2000 dirty=0x40000..0x40fff,0x80000..0x80fff", "the rest");
  }
});

t.test("mappings are kept by their addresses, in whatever order they come and go", async (t) => {
  for (const kernel of KERNELS) {
    const play = started(kernel);
    for (const iova of [0x5000n, 0x1000n, 0x9000n, 0x3000n, 0x7000n]) play.map(iova);
    play.unmap(0x5000n);
    play.map(0x4000n);
    t.same(
      play.type1.mappings.map(({ iova }) => iova),
      [0x1000n, 0x3000n, 0x4000n, 0x7000n, 0x9000n],
      kernel,
    );
  }
});
