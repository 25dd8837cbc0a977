import t from "#tap";
import fc from "fast-check";
import { type BitmapRequest, fillBitmap, isBadDescription } from "../../harness/model/dirty_bitmap.ts";
import { U64_MAX } from "../../harness/model/range_list.ts";
import { deviationsOf, type Semantics, semanticsOf } from "../../harness/model/semantics.ts";
import type { Mapping } from "../../harness/model/state.ts";
import { always, refuted } from "./always.ts";
import { KernelBitmap, UserBitmap } from "./kernel_bitmap.ts";
import { mappingAt } from "./mapping.ts";
import { KERNELS, versionOf } from "./play.ts";

const PAGE = 0x1000n;
const REAL = semanticsOf(versionOf("6.12.117"), deviationsOf(versionOf("6.12.117")));
const RIGHT = semanticsOf(versionOf("6.12.117"), new Set());

t.test("what a bitmap's description alone is refused for [§5.1 row 4, §7.1]", async (t) => {
  const MIB_256 = 0x10000000n;
  const table: [name: string, bitmap: BitmapRequest, pages: bigint, isFine: boolean][] = [
    ["as big as needed", {}, 64n, true],
    ["a word for 64 pages", { bytes: 8n }, 64n, true],
    ["a word for 65 pages", { bytes: 8n }, 65n, false],
    ["two words for 65 pages", { bytes: 16n }, 65n, true],
    ["seven bytes for a page", { bytes: 7n }, 1n, false],
    ["no byte", { bytes: 0n }, 1n, false],
    ["256 MiB", { bytes: MIB_256 }, 1n, true],
    ["more than 256 MiB", { bytes: MIB_256 + 8n }, 1n, false],
    ["more than 256 MiB, since that many are needed", {}, MIB_256 * 8n + 1n, false],
    ["a user's address", { data: 0n }, 1n, true],
    ["a kernel's address", { data: 1n << 63n }, 1n, false],
    ["the highest address", { data: U64_MAX }, 1n, false],
    ["a bit for two pages, of one page", { pageSize: 2n * PAGE }, 1n, false],
    ["a bit for two pages, of two", { pageSize: 2n * PAGE }, 2n, true],
    ["a bit for 64 pages, a word for 4096", { pageSize: 64n * PAGE, bytes: 8n }, 4096n, true],
    ["a bit for half a page", { pageSize: PAGE / 2n, bytes: 8n }, 33n, false],
    ["the lowest bit of a page size counts", { pageSize: PAGE | 2n * PAGE, bytes: 8n }, 64n, true],
  ];
  for (const [name, bitmap, pages, isFine] of table) {
    t.equal(isBadDescription(bitmap, pages * PAGE), !isFine, name);
  }
});

t.test("bits of the caller: set for mappings, clear between and behind them [§7.2, §7.3]", async (t) => {
  const mappings = [mappingAt(PAGE, 3n * PAGE), mappingAt(70n * PAGE, 60n * PAGE), mappingAt(200n * PAGE)];
  for (const semantics of [RIGHT, REAL]) {
    const { values, failedAt } = fillBitmap(semantics, mappings, 0n, {}, 256n * PAGE);
    t.equal(failedAt, undefined);
    t.equal(values.dirty, "0x1000..0x3fff,0x46000..0x81fff,0xc8000..0xc8fff");
  }
  t.equal(fillBitmap(REAL, [], 0n, {}, PAGE).values.dirty, "-");
});

t.test("where nothing can be written [§5.2, §7.1]", async (t) => {
  const mappings = [mappingAt(0n), mappingAt(64n * PAGE), mappingAt(130n * PAGE)];
  const failure = (bitmap: BitmapRequest) =>
    mappings.findIndex((mapping) => mapping === fillBitmap(REAL, mappings, 0n, bitmap, 192n * PAGE).failedAt);
  t.equal(failure({ accessibleBytes: 24n }), -1);
  t.equal(failure({ accessibleBytes: 23n }), 2, "in the last word");
  t.equal(failure({ accessibleBytes: 16n }), 2);
  t.equal(failure({ accessibleBytes: 15n }), 1);
  t.equal(failure({ accessibleBytes: 0n }), 0);
  t.equal(failure({ data: 0x1000n }), 0, "an address with nothing there");
  t.same(fillBitmap(REAL, [], 0n, { data: 0x1000n }, PAGE).values, {}, "of which nothing can be told");
});

/** Mappings in pages, with gaps before them, and what is asked of them. */
interface Case {
  readonly kernel: string;
  readonly layout: readonly { readonly gap: number; readonly pages: number }[];
  readonly queries: readonly {
    readonly before: number;
    readonly behind: number;
    readonly accessible?: number;
  }[];
}

const pagesArb = fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 200 }));
const gapArb = fc.oneof(fc.nat(3), fc.nat(130));
const layoutArb = fc.array(fc.record({ gap: gapArb, pages: pagesArb }), { minLength: 1, maxLength: 5 });
const queryArb = fc.record(
  { before: gapArb, behind: gapArb, accessible: fc.nat(200) },
  { requiredKeys: ["before", "behind"] },
);
const caseArb: fc.Arbitrary<Case> = fc.record({
  kernel: fc.constantFrom(...KERNELS),
  layout: layoutArb,
  queries: fc.array(queryArb, { minLength: 1, maxLength: 6 }),
});

/** Far enough from 0 for every query to begin before the first mapping. */
const ORIGIN_PAGE = 1000;

/** Page numbers of the mappings, by the layout. */
function placed({ layout }: Case): { first: number; pages: number }[] {
  let next = ORIGIN_PAGE;
  return layout.map(({ gap, pages }) => {
    const first = next + gap;
    next = first + pages;
    return { first, pages };
  });
}

/** What each query of the case is answered by the model: pages counted from the query's first, or EFAULT. */
function answersOfModel(test: Case, semantics: Semantics): string[] {
  const places = placed(test);
  let mappings: readonly Mapping[] = places.map(({ first, pages }) =>
    mappingAt(BigInt(first) * PAGE, BigInt(pages) * PAGE)
  );
  return test.queries.map((query) => {
    const { base, pages } = extent(places, query);
    const { accessible: accessibleBytes } = query;
    const bitmap = accessibleBytes === undefined ? {} : { accessibleBytes: BigInt(accessibleBytes) };
    const filled = fillBitmap(semantics, mappings, BigInt(base) * PAGE, bitmap, BigInt(pages) * PAGE);
    mappings = mappings.map((mapping) => filled.mappings.get(mapping) ?? mapping);
    return filled.failedAt ? "EFAULT" : pagesOf(filled.values.dirty ?? "", base).join(" ");
  });
}

/** The same by the words of the kernel. */
function answersOfWords(test: Case): string[] {
  const places = placed(test);
  const bitmaps = places.map(({ pages }) => new KernelBitmap(pages));
  return test.queries.map((query) => {
    const { base, pages } = extent(places, query);
    const user = new UserBitmap(pages, query.accessible);
    const isWhole = places.every(({ first }, index) => bitmaps[index]!.report(first - base, user));
    return isWhole ? user.dirty.join(" ") : "EFAULT";
  });
}

/** The first page that is asked for, and how many: all mappings and something around them. */
function extent(places: readonly { first: number; pages: number }[], { before, behind }: Case["queries"][0]) {
  const { first, pages } = places.at(-1)!;
  const base = places[0]!.first - before;
  return { base, pages: first + pages + behind - base };
}

/** `0x1000..0x2fff,…` as numbers of pages. */
const pagesOf = (ranges: string, base: number): number[] =>
  ranges.split(",").filter((range) => range !== "-").flatMap((range) => {
    const [start, last] = range.split("..").map((end) => Number(BigInt(end) / PAGE) - base) as [
      number,
      number,
    ];
    return Array.from({ length: last - start + 1 }, (_, page) => start + page);
  });

const real = (kernel: string): Semantics => semanticsOf(versionOf(kernel), deviationsOf(versionOf(kernel)));
const RUNS = { numRuns: 3000 };

t.test("stale bits are those of an algorithm in words [§7.3, §7.4]", async (t) => {
  always(
    t,
    fc.property(caseArb, (test) => {
      const [model, words] = [answersOfModel(test, real(test.kernel)), answersOfWords(test)];
      return model.join("; ") === words.join("; ");
    }),
    RUNS,
  );
});

t.test("without them it says less than the words, and never anything else [§7.4]", async (t) => {
  const pair = (test: Case) => [answersOfModel(test, RIGHT), answersOfWords(test)] as const;
  always(
    t,
    fc.property(caseArb, (test) => {
      const [right, words] = pair(test);
      return right.every((answer, index) => {
        const reported = new Set(words[index]!.split(" "));
        return answer.split(" ").every((page) => reported.has(page));
      });
    }),
    RUNS,
  );
  const same = fc.property(caseArb, (test) => {
    const [right, words] = pair(test);
    return right.join("; ") === words.join("; ");
  });
  refuted(t, "stale bits show in these cases", same, RUNS);
});

t.test("right: exactly the pages of the mappings [§7.2]", async (t) => {
  always(
    t,
    fc.property(caseArb, (test) => {
      const places = placed(test);
      return answersOfModel(test, RIGHT).every((answer, index) => {
        const { base } = extent(places, test.queries[index]!);
        const mapped = places.flatMap(({ first, pages }) =>
          Array.from({ length: pages }, (_, page) => first + page - base)
        );
        return answer === "EFAULT" || answer === mapped.join(" ");
      });
    }),
    RUNS,
  );
});
