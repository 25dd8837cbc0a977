import t from "#tap";
import { mapDma } from "../../harness/model/map.ts";
import { lockedPages } from "../../harness/model/locked_memory.ts";
import { type Backing, pin } from "../../harness/model/pinning.ts";
import { setMemoryLock } from "../../harness/model/process.ts";
import { KERNELS, Play } from "./play.ts";
import { group, INTEL, MSI, worldOf } from "./worlds.ts";

const WORLD = worldOf({ a: group(INTEL, [MSI]) });
const PAGE = 0x1000n;
const PAGES = 16n;

/** What the device may do; only writing makes a difference. */
const READ = false;
const WRITE = true;
const BOTH = true;

/** Answers by kernel, in the order of KERNELS. */
type Answers = readonly (bigint | string)[];
const all = (answer: bigint | string): Answers => [answer, answer, answer, answer];
/** The shared zero page costs nothing where it is pinned. [§4.2, §8] */
const ZERO_PAGE: Answers = [0n, 0n, PAGES, PAGES];

/** Pages charged, or the errno. */
function pinned(...args: Parameters<typeof pin>): bigint | string {
  const result = pin(...args);
  return typeof result === "bigint" ? result : result.errno;
}

t.test("what pinning 16 pages costs, or fails for [§4.2, §8]", async (t) => {
  const table: [name: string, backing: Backing, isWritten: boolean, answers: Answers][] = [
    ["private, r", { kind: "private" }, READ, all(PAGES)],
    ["private, w", { kind: "private" }, WRITE, all(PAGES)],
    ["private, rw", { kind: "private" }, BOTH, all(PAGES)],
    ["untouched, r", { kind: "untouched" }, READ, ZERO_PAGE],
    ["untouched, w", { kind: "untouched" }, WRITE, all(PAGES)],
    ["untouched, rw", { kind: "untouched" }, BOTH, all(PAGES)],
    ["read-only, r", { kind: "read-only" }, READ, ZERO_PAGE],
    ["read-only, w", { kind: "read-only" }, WRITE, all("EFAULT")],
    ["read-only, rw", { kind: "read-only" }, BOTH, all("EFAULT")],
    ["none, r", { kind: "none" }, READ, all("EFAULT")],
    ["none, rw", { kind: "none" }, BOTH, all("EFAULT")],
    ["shared, r", { kind: "shared" }, READ, all(PAGES)],
    ["shared, rw", { kind: "shared" }, BOTH, all(PAGES)],
    ["file, r", { kind: "file" }, READ, all(PAGES)],
    ["file, rw", { kind: "file" }, BOTH, [PAGES, PAGES, "EFAULT", "EFAULT"]],
    ["huge, rw", { kind: "huge" }, BOTH, all(PAGES)],
    ["a hole at the first page", { kind: "private", inaccessiblePage: 0n }, BOTH, all("EFAULT")],
    ["a hole at the last page", { kind: "private", inaccessiblePage: 15n }, READ, all("EFAULT")],
    ["a hole behind the last page", { kind: "private", inaccessiblePage: 16n }, BOTH, all(PAGES)],
    ["a hole among untouched pages", { kind: "untouched", inaccessiblePage: 8n }, READ, all("EFAULT")],
  ];
  for (const [index, kernel] of KERNELS.entries()) {
    const { state } = Play.real(kernel, WORLD);
    for (const [name, backing, isWritten, answers] of table) {
      t.equal(pinned(state, PAGES * PAGE, isWritten, backing), answers[index], `${kernel} ${name}`);
    }
  }
});

t.test("what of the limit and the hole comes first decides [§4.2, §8]", async (t) => {
  const table: [limitPages: bigint, backing: Backing, isWritten: boolean, answers: Answers][] = [
    [16n, { kind: "private" }, BOTH, all(PAGES)],
    [15n, { kind: "private" }, BOTH, all("ENOMEM")],
    [8n, { kind: "private", inaccessiblePage: 8n }, BOTH, all("EFAULT")],
    [7n, { kind: "private", inaccessiblePage: 8n }, BOTH, all("ENOMEM")],
    [0n, { kind: "none" }, BOTH, all("EFAULT")],
    [0n, { kind: "untouched" }, READ, [0n, 0n, "ENOMEM", "ENOMEM"]],
  ];
  for (const [index, kernel] of KERNELS.entries()) {
    for (const [limitPages, backing, isWritten, answers] of table) {
      const play = Play.real(kernel, WORLD);
      play.run(setMemoryLock, { limitBytes: limitPages * PAGE, isCapable: false });
      const name = `${kernel}: ${limitPages} pages, ${backing.kind}, hole ${
        backing.inaccessiblePage ?? "none"
      }`;
      t.equal(pinned(play.state, PAGES * PAGE, isWritten, backing), answers[index], name);
    }
  }
});

t.test("above a limit that was lowered, what costs nothing is allowed [§8]", async (t) => {
  const table: [backing: Backing, answer: bigint | string][] = [
    [{ kind: "private" }, "ENOMEM"],
    [{ kind: "none" }, "EFAULT"],
    [{ kind: "private", inaccessiblePage: 0n }, "EFAULT"],
    [{ kind: "private", inaccessiblePage: 1n }, "ENOMEM"],
    [{ kind: "device" }, 0n],
  ];
  for (const kernel of KERNELS) {
    const play = Play.real(kernel, WORLD);
    play.start(3n, "a");
    play.map(0n, 4n * PAGE);
    play.run(setMemoryLock, { limitBytes: PAGE, isCapable: false });
    for (const [backing, answer] of table) {
      t.equal(pinned(play.state, PAGES * PAGE, BOTH, backing), answer, `${kernel} ${backing.kind}`);
    }
  }
});

t.test("a MAP pins all or nothing [§4.2, §12.2 partial pin]", async (t) => {
  for (const kernel of KERNELS) {
    const play = Play.real(kernel, WORLD);
    play.start(3n, "a");
    const before = play.state;
    const request = { iova: 0n, size: PAGES * PAGE, flags: 3 };
    t.equal(
      play.run(mapDma, "c", { ...request, backing: { kind: "private", inaccessiblePage: 8n } }),
      "EFAULT",
    );
    t.equal(play.state, before, `${kernel}: nothing changed`);
    t.equal(play.run(mapDma, "c", request), "ok", "the same IOVA maps fine afterwards");
    t.equal(lockedPages(play.state), PAGES);
  }
});

t.test("a mapping of the zero page counts, its pages don't [§6.2, §8]", async (t) => {
  const play = Play.real("6.1.192", WORLD);
  play.start(3n, "a");
  const request = { iova: 0n, size: PAGES * PAGE, flags: 1, backing: { kind: "untouched" } as const };
  t.equal(play.run(mapDma, "c", request), "ok");
  t.equal(lockedPages(play.state), 0n);
  t.equal(play.type1.mappings.length, 1);
  t.equal(play.unmap(0n, PAGES * PAGE), "ok size=0x10000");
  t.equal(lockedPages(play.state), 0n);
});
