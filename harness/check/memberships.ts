/** Which devices share a group: what was foretold against what the kernel has. */
import type { Difference } from "./observation.ts";

/** Slots of the root bus that machines leave to the board and to the harness: 0, 1, 0x14, 0x1e and 0x1f. */
const OF_BOARD = /^0000:00:(0[01]|14|1[ef])\./;

/**
 * The first group that isn't as foretold; undefined when all are. A group of which nobody foretold anything is a
 * difference as well, unless all of it is the board's.
 * @param predicted PCI addresses that share a group, of all groups but the board's own
 * @param observed the same, joined by commas, of all groups
 */
export function membershipDifference(
  predicted: readonly (readonly string[])[],
  observed: readonly string[],
): Difference | undefined {
  const foretold = predicted.map((members) => members.join(","));
  const missing = predicted.find((_, index) => !observed.includes(foretold[index] ?? ""));
  if (missing) {
    const around = observed.filter((members) =>
      members.split(",").some((device) => missing.includes(device))
    );
    return { predicted: missing.join(","), observed: around.join(" and ") || "no group" };
  }
  const surplus = observed.find((members) =>
    !foretold.includes(members) && !members.split(",").every((device) => OF_BOARD.test(device))
  );
  return surplus === undefined ? undefined : { predicted: "no group", observed: surplus };
}
