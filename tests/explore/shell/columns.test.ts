import t from "#tap";
import fc from "fast-check";
import { inColumns, sideBySide } from "../../../harness/explore/shell/columns.ts";
import { always } from "../../model/always.ts";

t.test("columns are as wide as their widest text, and as wide as asked at least", async (t) => {
  t.same(inColumns([["a", "bb", "c"], ["aaa", "b", ""]]), ["a    bb  c", "aaa  b"]);
  t.same(inColumns([["a", "b"]], [4]), ["a     b"]);
  t.same(inColumns([]), []);
});

const shown = (left: string[], right: string[]) =>
  sideBySide(left, right).map(({ left, right, isAlike }) => `${left} ${isAlike ? "=" : "≠"} ${right}`);

t.test("lists stand side by side with what they have in common at either end", async (t) => {
  t.same(shown(["a", "b", "c"], ["a", "c"]), ["a = a", "b ≠ ", "c = c"]);
  t.same(shown(["a"], ["b"]), ["a ≠ b"]);
  t.same(shown([], ["b"]), [" ≠ b"]);
});

t.test("of long stretches that are alike only the ends are shown", async (t) => {
  const many = Array.from({ length: 20 }, (_, index) => String(index));
  t.same(shown([...many, "x"], [...many, "y"]), [
    "0 = 0",
    "1 = 1",
    "(16 alike) = (16 alike)",
    "18 = 18",
    "19 = 19",
    "x ≠ y",
  ]);
  t.same(shown(many, many).length, 5);
});

t.test("nothing that differs is left out", async (t) => {
  const list = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 30 });
  always(
    t,
    fc.property(list, list, (left, right) => {
      const pairs = sideBySide(left, right);
      const differing = pairs.filter(({ isAlike }) => !isAlike);
      return (differing.length === 0) === (left.join() === right.join());
    }),
  );
});
