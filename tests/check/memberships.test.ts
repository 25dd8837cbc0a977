import t from "#tap";
import { membershipDifference } from "../../harness/check/memberships.ts";

const PREDICTED = [["0000:00:03.0"], ["0000:00:04.0", "0000:01:00.0"]];
const BOARD = ["0000:00:00.0", "0000:00:1e.0", "0000:00:1f.0", "0000:00:14.0"];

const OBSERVED: readonly [name: string, observed: string[], difference: [string, string] | undefined][] = [
  ["as foretold", [...BOARD, "0000:00:04.0,0000:01:00.0", "0000:00:03.0"], undefined],
  ["apart", ["0000:00:03.0", "0000:00:04.0", "0000:01:00.0"], [
    "0000:00:04.0,0000:01:00.0",
    "0000:00:04.0 and 0000:01:00.0",
  ]],
  ["together", ["0000:00:03.0,0000:00:04.0,0000:01:00.0"], [
    "0000:00:03.0",
    "0000:00:03.0,0000:00:04.0,0000:01:00.0",
  ]],
  ["one more in it", ["0000:00:03.0,0000:00:1f.0", "0000:00:04.0,0000:01:00.0"], [
    "0000:00:03.0",
    "0000:00:03.0,0000:00:1f.0",
  ]],
  ["nowhere", ["0000:00:04.0,0000:01:00.0"], ["0000:00:03.0", "no group"]],
  ["a group that nobody foretold", ["0000:00:03.0", "0000:81:00.0", "0000:00:04.0,0000:01:00.0"], [
    "no group",
    "0000:81:00.0",
  ]],
];

for (const [name, observed, difference] of OBSERVED) {
  t.test(name, async (t) => {
    const [predicted, seen] = difference ?? [];
    t.same(membershipDifference(PREDICTED, observed), difference && { predicted, observed: seen });
  });
}
