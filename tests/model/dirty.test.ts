import t from "#tap";
import {
  DIRTY_GET,
  DIRTY_START,
  DIRTY_STOP,
  dirtyPages,
  type DirtyRequest,
  getDirtyPages,
  mappingsFromTo,
} from "../../harness/model/dirty.ts";
import { open } from "../../harness/model/lifecycle.ts";
import { U64_MAX } from "../../harness/model/range_list.ts";
import { mappingAt } from "./mapping.ts";
import { KERNELS, Play } from "./play.ts";
import { AMD, group, INTEL, MSI, worldOf } from "./worlds.ts";

const WORLD = worldOf({ a: group(INTEL, [MSI]) });
const PAGE = 0x1000n;
const TOP = 0xfffffffffffff000n;

const dirty = (play: Play, flags: number, argsz?: number): string => play.run(dirtyPages, "c", flags, argsz);

const get = (play: Play, request: Partial<DirtyRequest>): string =>
  play.run(getDirtyPages, "c", { iova: 0n, size: 16n * PAGE, bitmap: {}, ...request });

const tracking = (kernel: string): Play => {
  const play = Play.real(kernel, WORLD);
  play.start(3n, "a");
  dirty(play, DIRTY_START);
  return play;
};

t.test("without IOMMU everything is EINVAL [§1.1]", async (t) => {
  const play = Play.real("6.12.117", WORLD);
  play.run(open, "c");
  t.equal(dirty(play, DIRTY_START), "EINVAL");
  t.equal(get(play, {}), "EINVAL");
});

t.test("v1 has none of it, whatever is asked [§7.1]", async (t) => {
  for (const kernel of KERNELS) {
    const play = Play.real(kernel, WORLD);
    play.start(1n, "a");
    for (const flags of [DIRTY_START, DIRTY_STOP, DIRTY_GET, 0, 3, 8]) {
      t.equal(dirty(play, flags), "EACCES", `${kernel} ${flags}`);
    }
    t.equal(dirty(play, DIRTY_START, 7), "EACCES");
    t.equal(get(play, { size: 0n, argsz: 0 }), "EACCES");
  }
});

t.test("one flag, and no other [§7.1]", async (t) => {
  for (const kernel of KERNELS) {
    const play = Play.real(kernel, WORLD);
    play.start(3n, "a");
    for (const flags of [0, 3, 5, 6, 7, 8, 9]) t.equal(dirty(play, flags), "EINVAL", `${kernel} ${flags}`);
    t.equal(dirty(play, DIRTY_START, 7), "EINVAL", "argsz 7");
    t.equal(dirty(play, DIRTY_GET), "EINVAL", "GET without its second half");
    t.equal(play.type1.tracksDirtyPages, false);
    t.equal(dirty(play, DIRTY_STOP), "ok", "stopping what never began");
    t.equal(dirty(play, DIRTY_START, 8), "ok");
    t.equal(dirty(play, DIRTY_START), "ok", "again");
    t.equal(play.type1.tracksDirtyPages, true);
    t.equal(dirty(play, DIRTY_STOP), "ok");
    t.equal(get(play, {}), "EINVAL", "off again");
  }
});

t.test("what a GET is refused for [§7.1]", async (t) => {
  const E = "EINVAL";
  const all = (answer: string) => [answer, answer, answer, answer];
  const wrap = [E, E, E, "EOVERFLOW"];
  const table: [name: string, request: Partial<DirtyRequest>, answers: string[]][] = [
    ["nothing wrong", {}, all("ok dirty=0x1000..0x2fff")],
    ["argsz 47", { argsz: 47 }, all(E)],
    ["argsz 48", { argsz: 48 }, all("ok dirty=0x1000..0x2fff")],
    ["argsz 7", { argsz: 7 }, all(E)],
    ["size 0", { size: 0n }, all(E)],
    ["size misaligned", { size: PAGE + 1n }, all(E)],
    ["iova misaligned", { iova: 1n }, all(E)],
    ["wraps", { iova: TOP, size: 2n * PAGE }, wrap],
    ["wraps, misaligned", { iova: TOP + 1n, size: 2n * PAGE }, wrap],
    ["wraps, and no bitmap", { iova: TOP, size: 2n * PAGE, bitmap: { bytes: 0n } }, wrap],
    ["wraps, argsz 47", { iova: TOP, size: 2n * PAGE, argsz: 47 }, all(E)],
    ["up to 2^64", { iova: TOP, size: PAGE }, [E, E, E, "ok dirty=-"]],
    ["all there is, less than a bitmap can hold", { iova: 0n, size: U64_MAX }, all(E)],
    ["a bitmap too small", { size: 65n * PAGE, bitmap: { bytes: 8n } }, all(E)],
    ["a bitmap in the kernel", { bitmap: { data: 1n << 63n } }, all(E)],
    ["a bit for two pages", { bitmap: { pageSize: 2n * PAGE } }, all(E)],
    ["cuts the mapping's tail", { size: 2n * PAGE }, all(E)],
    ["cuts the mapping's head", { iova: 2n * PAGE }, all(E)],
    ["behind the mapping", { iova: 3n * PAGE, size: PAGE }, all("ok dirty=-")],
    ["outside of the list", { iova: 1n << 50n, size: PAGE }, all("ok dirty=-")],
    ["no memory there", { bitmap: { data: 0x1000n } }, all("EFAULT")],
    ["no memory there, and none needed", { iova: 1n << 20n, bitmap: { data: 0x1000n } }, all("ok")],
    ["no memory there, and cuts the mapping", { size: 2n * PAGE, bitmap: { data: 0x1000n } }, all(E)],
  ];
  for (const [index, kernel] of KERNELS.entries()) {
    for (const [name, request, answers] of table) {
      const play = tracking(kernel);
      play.map(PAGE, 2n * PAGE);
      const before = play.state;
      t.equal(get(play, request), answers[index], `${kernel} ${name}`);
      if (answers[index] === E) t.equal(play.state, before, `${kernel} ${name}: nothing changed`);
    }
    const off = Play.real(kernel, WORLD);
    off.start(3n, "a");
    t.equal(get(off, {}), E, `${kernel} not tracking`);
    t.equal(get(off, { bitmap: { data: 0x1000n } }), E, `${kernel} not tracking beats no memory`);
  }
});

t.test("right: a range up to 2^64 can be asked for on every version [§12 R1d]", async (t) => {
  for (const kernel of KERNELS) {
    const play = Play.right(kernel, WORLD);
    play.start(3n, "a");
    dirty(play, DIRTY_START);
    t.equal(get(play, { iova: TOP, size: PAGE }), "ok dirty=-", kernel);
    t.equal(get(play, { iova: TOP, size: 2n * PAGE }), "EOVERFLOW", kernel);
  }
});

t.test("every page of every mapping is dirty, every time [§7.2]", async (t) => {
  for (const kernel of KERNELS) {
    const play = Play.real(kernel, WORLD);
    play.start(3n, "a");
    play.map(0n, 2n * PAGE);
    dirty(play, DIRTY_START);
    play.map(64n * PAGE);
    const expected = "ok dirty=0x0..0x1fff,0x40000..0x40fff";
    for (let time = 0; time < 3; time++) t.equal(get(play, { size: 65n * PAGE }), expected, kernel);
    play.unmap(0n, 2n * PAGE);
    t.equal(get(play, { size: 65n * PAGE }), "ok dirty=0x40000..0x40fff", kernel);
  }
});

/** Of 4 pages at 0x101000: with the page before them in the first bit, or not. */
const SHIFTED = { iova: 0x100000n, size: 16n * PAGE };
const STRAIGHT = { iova: 0x101000n, size: 4n * PAGE };

/** From 0x101000 to the end of that page. */
const upTo = (last: string): string => `ok dirty=0x101000..${last}`;

t.test("dirty-creep: bits that were shifted stay behind [§7.4, §12.2]", async (t) => {
  for (const kernel of KERNELS) {
    const play = Play.real(kernel, WORLD);
    play.start(3n, "a");
    play.map(0x101000n, 4n * PAGE);
    dirty(play, DIRTY_START);
    t.equal(get(play, STRAIGHT), upTo("0x104fff"), `${kernel}: nothing was shifted yet`);
    t.equal(get(play, SHIFTED), upTo("0x104fff"), "0x1e");
    t.equal(get(play, STRAIGHT), upTo("0x105fff"), "0x1f");
    t.equal(get(play, SHIFTED), upTo("0x105fff"), "0x3e");
    t.equal(get(play, SHIFTED), upTo("0x106fff"), "0x7e: one page more each time");
  }
});

t.test("stale bits behind the last address are told from 0 on [§7.4]", async (t) => {
  const play = Play.real("6.12.117", worldOf({ a: group(AMD, [MSI]) }));
  play.start(3n, "a");
  dirty(play, DIRTY_START);
  const iova = 0xffffffffffff9000n;
  play.map(iova, PAGE);
  t.equal(
    get(play, { iova: 0xfffffffffffe2000n, size: 0x19n * PAGE }),
    "ok dirty=0xffffffffffff9000..0xffffffffffff9fff",
  );
  t.equal(
    get(play, { iova: iova - PAGE, size: 2n * PAGE }),
    "ok dirty=0xffffffffffff9000..0xffffffffffff9fff,0x10000..0x10fff",
  );
});

t.test("right: no bit stays behind [§7.4]", async (t) => {
  const play = Play.right("6.12.117", WORLD);
  play.start(3n, "a");
  play.map(0x101000n, 4n * PAGE);
  dirty(play, DIRTY_START);
  for (const request of [SHIFTED, STRAIGHT, SHIFTED, SHIFTED]) t.equal(get(play, request), upTo("0x104fff"));
});

t.test("stale bits go when tracking stops or the mapping does [§7.4]", async (t) => {
  for (const kernel of KERNELS) {
    const play = tracking(kernel);
    const spoil = () => {
      play.map(0x101000n, 4n * PAGE);
      get(play, SHIFTED);
      t.equal(get(play, STRAIGHT), upTo("0x105fff"), kernel);
    };
    spoil();
    dirty(play, DIRTY_START);
    t.equal(get(play, STRAIGHT), upTo("0x105fff"), "not when it starts once more");
    dirty(play, DIRTY_STOP);
    dirty(play, DIRTY_START);
    t.equal(get(play, STRAIGHT), upTo("0x104fff"));
    play.unmap(0x101000n, 4n * PAGE);
    spoil();
    play.unmap(0x101000n, 4n * PAGE);
    play.map(0x101000n, 4n * PAGE);
    t.equal(get(play, STRAIGHT), upTo("0x104fff"));
  }
});

t.test("a neighbour's bits in the same word are taken in [§7.4]", async (t) => {
  for (const kernel of KERNELS) {
    const play = tracking(kernel);
    play.map(0n, 2n * PAGE);
    play.map(3n * PAGE);
    t.equal(get(play, {}), "ok dirty=0x0..0x1fff,0x3000..0x3fff", kernel);
    // Of 0b1011, its own bit shifted by three and its neighbour's two, the lowest alone was cleared.
    t.equal(get(play, { iova: 3n * PAGE, size: PAGE }), "ok dirty=0x3000..0x4fff,0x6000..0x6fff");
  }
});

t.test("a GET that meets no memory leaves bits as they were shifted [§5.2, §7.4]", async (t) => {
  const play = tracking("6.12.117");
  play.map(0x101000n, 4n * PAGE);
  t.equal(get(play, { ...SHIFTED, bitmap: { accessibleBytes: 0n } }), "EFAULT");
  t.equal(get(play, STRAIGHT), upTo("0x105fff"));
});

t.test("mappings that begin in the range", async (t) => {
  const mappings = [mappingAt(0n), mappingAt(2n * PAGE, 2n * PAGE), mappingAt(6n * PAGE)];
  t.same(mappingsFromTo(mappings, PAGE, 5n * PAGE), mappings.slice(1, 2));
  t.same(mappingsFromTo(mappings, 0n, 6n * PAGE), mappings, "both ends included");
  t.same(mappingsFromTo(mappings, 7n * PAGE, U64_MAX), []);
});
