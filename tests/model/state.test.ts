import t from "#tap";
import { entryOf, withEntry } from "../../harness/model/state.ts";
import { Play } from "./play.ts";
import { worldOf } from "./worlds.ts";

t.test("a machine on which nothing has been opened", async (t) => {
  const { state } = Play.right("6.12", worldOf({}));
  t.equal(state.containers.size + state.groups.size, 0);
  t.equal(state.allowUnsafeInterrupts, false);
  t.equal(state.dmaEntryLimit, 65535);
  t.equal(state.leakedPages.size, 0);
});

t.test("an entry is set or removed in a copy, and keeps its place", async (t) => {
  const map = new Map([["a", 1], ["b", 2]]);
  t.same([...withEntry(map, "a", 3)], [["a", 3], ["b", 2]]);
  t.same([...withEntry(map, "a", undefined)], [["b", 2]]);
  t.same([...map], [["a", 1], ["b", 2]]);
});

t.test("an entry that must be there", async (t) => {
  t.equal(entryOf(new Map([["a", 1]]), "a"), 1);
  t.throws(() => entryOf(new Map(), "b"), { message: "no entry b" });
});
