import t from "#tap";
import fc from "fast-check";
import { findMapping, mappingsFrom, withMapping, withoutMapping } from "../../harness/model/mapping_tree.ts";
import type { MappingTree } from "../../harness/model/red_black_tree.ts";
import { lockedPages } from "../../harness/model/locked_memory.ts";
import { rangeOf } from "../../harness/model/mappings.ts";
import { overlaps } from "../../harness/model/range_list.ts";
import type { Mapping } from "../../harness/model/state.ts";
import { always } from "./always.ts";
import { mappingAt } from "./mapping.ts";
import { Play } from "./play.ts";
import { AMD, group, HYPERTRANSPORT, MSI, worldOf } from "./worlds.ts";

const PAGE = 0x1000n;
const TOP = 0xfffffffffffff000n;

/** Black nodes on every path down; NaN where the rules of red-black trees are broken. */
function blackHeight(tree: MappingTree | undefined): number {
  if (!tree) return 0;
  const [left, right] = [blackHeight(tree.left), blackHeight(tree.right)];
  const redPair = tree.red && (tree.left?.red || tree.right?.red);
  return left !== right || redPair ? NaN : left + (tree.red ? 0 : 1);
}

/** Adds a page where there is none, removes it where there is one. */
const togglesArb = fc.array(fc.nat(40), { maxLength: 120, size: "max" }).map((pages) => {
  let tree: MappingTree | undefined;
  const present = new Map<number, Mapping>();
  for (const page of pages) {
    const old = present.get(page);
    const mapping = mappingAt(BigInt(page) * PAGE);
    tree = old ? withoutMapping(tree, old) : withMapping(tree, mapping);
    if (old) present.delete(page);
    else present.set(page, mapping);
  }
  return { tree, mappings: [...present.values()].sort((a, b) => (a.iova < b.iova ? -1 : 1)) };
});

t.test("the tree stays red and black, sorted, and complete", async (t) => {
  always(
    t,
    fc.property(togglesArb, ({ tree, mappings }) => {
      const found = mappingsFrom(tree, 0n);
      return !tree?.red && !Number.isNaN(blackHeight(tree)) && found.length === mappings.length &&
        found.every((mapping, index) => mapping === mappings[index]);
    }),
  );
});

t.test("without a mapping up to 2^64 a search finds what there is", async (t) => {
  always(
    t,
    fc.property(togglesArb, fc.nat(40), fc.nat(5), ({ tree, mappings }, page, more) => {
      const start = BigInt(page) * PAGE;
      const range = { start, last: start + BigInt(more + 1) * PAGE - 1n };
      const inRange = mappings.filter((mapping) => overlaps(rangeOf(mapping), range));
      const found = findMapping(tree, range);
      return (found ? inRange.includes(found) : inRange.length === 0) &&
        mappingsFrom(tree, start)[0] === mappings.find((mapping) => rangeOf(mapping).last >= start);
    }),
  );
});

t.test("a mapping that isn't in the tree can't be removed", async (t) => {
  t.throws(() => withoutMapping(withMapping(undefined, mappingAt(0n)), mappingAt(0n)), {
    message: "the tree doesn't hold that mapping",
  });
});

/** `top+` maps the page at the top, `2-` unmaps page 2, `all` unmaps all; then the answers, in their order. */
const RECORDED: [steps: string, answers: string, avail: number, lockedPages: bigint][] = [
  ["1+ top+ all", "ok ok 0x2000", 65535, 1n],
  ["top+ 1+ all", "ok ok 0x0", 65533, 2n],
  ["top+ 1+ 1+ 1-", "ok ok EEXIST 0x0", 65533, 2n],
  ["1+ top+ top+ 1+ 1-", "ok ok ok EEXIST 0x0", 65532, 3n],
  ["1+ top+ 1-", "ok ok 0x1000", 65534, 1n],
  ["1+ 2+ top+ all", "ok ok ok 0x3000", 65535, 1n],
  ["top+ 2+ 1+ all", "ok ok ok 0x3000", 65535, 1n],
  ["top+ top+ top- all", "ok ok 0x0 0x0", 65533, 2n],
  ["1+ top+ 2+ 2+ 2- 1- all", "ok ok ok EEXIST 0x1000 0x0 0x0", 65533, 2n],
  ["2+ top+ 1+ 1- 2- all", "ok ok ok 0x1000 0x1000 0x0", 65534, 1n],
];

function execute(play: Play, step: string): string {
  if (step === "all") return play.unmap(0n, 0n, 2);
  const page = step.slice(0, -1);
  const iova = page === "top" ? TOP : BigInt(page) * PAGE;
  return step.endsWith("+") ? play.map(iova) : play.unmap(iova);
}

t.test("what guests with 6.1.192 and 6.12.117 on amd-iommu answered", async (t) => {
  const world = worldOf({ a: group(AMD, [MSI, HYPERTRANSPORT]) });
  for (const kernel of ["6.1.192", "6.12.117"]) {
    for (const [steps, answers, avail, locked] of RECORDED) {
      const play = Play.real(kernel, world);
      play.start(3n, "a");
      const found = steps.split(" ").map((step) => execute(play, step).replace("ok size=", ""));
      t.equal(found.join(" "), answers, `${kernel}: ${steps}`);
      const { mappings, mappingLimit } = play.type1;
      t.equal(mappingLimit - mappings.length, avail);
      t.equal(lockedPages(play.state), locked);
    }
  }
});

t.test("a walk takes along what it can't look up, as guests with 6.1.192 and 6.12.117 did", async (t) => {
  const play = Play.real("6.12.117", worldOf({ a: group(AMD, [MSI, HYPERTRANSPORT]) }));
  play.start(3n, "a");
  const start = TOP - PAGE;
  t.equal(play.map(PAGE), "ok");
  t.equal(play.map(start, 2n * PAGE), "ok");
  t.equal(play.unmap(start), "ok size=0x0");
  t.equal(play.map(start), "ok");
  t.equal(play.unmap(PAGE, start), "ok size=0x4000");
});
