import t from "#tap";
import { inColour, plain } from "../../../harness/explore/shell/paint.ts";
import { briefText, reportText } from "../../../harness/explore/shell/side_by_side.ts";
import { begun, played, STICKY } from "./begun.ts";
import type { Conduct } from "./stand_in_guest.ts";

const MAP = "map c0 0x1000 size 0x1000 rw";

/** The last of some steps, as a person reads it. */
async function shown(conduct: Conduct, ...lines: string[]): Promise<string> {
  const { session } = await begun(conduct);
  const report = (await played(session, lines)).at(-1);
  return report ? reportText(report, plain).join("\n") : "";
}

t.test("kernel and model stand side by side, then what is read back", async (t) => {
  t.equal(
    await shown({ deviations: new Set() }, "attach A", "map 0x1000 4KiB"),
    `\
2  map: {iova: 0x1000, size: 4KiB}
                                       kernel                      model
   map c0 0x1000 size 0x1000 rw        ok                          ok
   locked pages                        1                           1
   c0 page sizes                       0x40201000                  0x40201000
   c0 mappings left                    65534                       65534
   c0 list                             0x0..0xfedfffff             0x0..0xfedfffff
                                       0xfef00000..0x7fffffffff    0xfef00000..0x7fffffffff`,
  );
});

t.test("what a known deviation explains is marked, and the deviation named", async (t) => {
  const text = await shown({}, ...STICKY);
  t.match(text, /^~ {2}c0 list +0x1000\.\.0xfedfffff +0x0\.\.0xfedfffff$/m);
  t.match(text, /^~ known deviation sticky-edges: .* \[§3\.3, §12 Q1\]$/m);
  t.notMatch(text, /≠/);
  t.match(await shown({}, ...STICKY, "info"), /^~ known deviation sticky-edges, as at step 4$/m);
});

t.test("what nobody expects is marked, and every difference after it", async (t) => {
  const conduct = { instead: new Map([[MAP, "err ENOSPC"]]) };
  const text = await shown(conduct, "attach A", "map 0x1000 4KiB");
  t.match(text, /^≠ {2}map c0 0x1000 size 0x1000 rw +ENOSPC +ok$/m);
  t.match(text, /^≠ not what the model says: here the kernel parts from it$/m);
  const again = { instead: new Map([[MAP, "err ENOSPC"], ["info c0", "err EIO"]]) };
  const later = await shown(again, "attach A", "map 0x1000 4KiB", "info");
  t.match(later, /^≠ not what the model says; they parted at step 2, and this may come of it$/m);
});

t.test("mappings that were shown to be there are counted, one that wasn't is shown", async (t) => {
  const lines = ["attach A", "map 0x1000 8KiB", "attach B"];
  t.match(await shown({}, ...lines), /^ {3}first and last pages +2, still mapped +2, still mapped$/m);
  const lost = { instead: new Map([["map c0 0x2000 size 0x1000 rw", "ok"]]) };
  const text = await shown(lost, ...lines);
  t.match(text, /^ {3}first and last pages +1, still mapped/m);
  t.match(text, /^≠ {2}map c0 0x2000 size 0x1000 rw +ok +EEXIST$/m);
});

t.test("an answer that doesn't come is marked, with what is known of the guest's end", async (t) => {
  const text = await shown({ lostAt: [MAP, "hang"] }, "attach A", "map 0x1000 4KiB");
  t.match(text, /^≠ {2}map c0 0x1000 size 0x1000 rw +no answer +ok$/m);
  t.match(text, /^! hang: it is gone\n {2}last words$/m);
});

t.test("an author's word is told where it isn't the model's", async (t) => {
  t.match(
    await shown({}, "attach A", "map msi 4KiB expect=ok"),
    /^! the author expects ok, the model says EINVAL$/m,
  );
});

t.test("what a guest sends can't play tricks on a terminal", async (t) => {
  const conduct = { instead: new Map([["info c0", "ok ranges=%1b[2J"]]) };
  const text = await shown(conduct, "attach A", "info");
  t.match(text, /\\x1b\[2J/);
  t.notOk(text.includes("\x1b"));
});

t.test("a step with nothing to look at is a line", async (t) => {
  const { session } = await begun();
  const [attached, ...rest] = await played(session, STICKY);
  t.same(attached && briefText(attached, plain), ["1  attach: A: as predicted"]);
  const last = rest.at(-1);
  t.ok(last && briefText(last, plain).length > 1, "one with a deviation isn't");
});

t.test("colours tell what the marks tell, and what is as it was", async (t) => {
  const { session } = await begun({ instead: new Map([["info c0", "err EIO"]]) });
  const [attached, map, , ...rest] = await played(session, [
    "attach A",
    "map 0x1000 4KiB",
    ...STICKY.slice(1),
    "info",
  ]);
  const lines = (report = map, before = attached) => report ? reportText(report, inColour, before) : [];
  t.equal(lines()[0], "\x1b[1m2  map: {iova: 0x1000, size: 4KiB}\x1b[22m");
  const first = (word: string, all = lines()) => all.find((line) => line.includes(word)) ?? "";
  t.ok(first("page sizes").startsWith("\x1b[90m"));
  t.notOk(first("locked pages").includes("\x1b"));
  t.ok(first("EIO", lines(rest.at(-1))).startsWith("\x1b["));
});
