/** A bench is of no use on a kernel that does something wrong: it ends with the first answer that nobody expects. */
import type { Comparison } from "../check/comparison.ts";
import { difference } from "../check/observation.ts";
import type { PredictedAction } from "../check/two_models.ts";

/** A kernel that answered neither what is right nor what its version is known to. */
export class MismatchError extends Error {
  override readonly name: string = "MismatchError";
}

/** @throws MismatchError where neither prediction holds any more */
export function requireMatch(
  comparison: Comparison,
  predicted: readonly PredictedAction[],
  replies: readonly string[],
): void {
  for (const [index, one] of predicted.entries()) {
    const { standing, kernel, action, right, real } = comparison.compare(one, replies[index] ?? "");
    if (standing !== "different") continue;
    const told = difference(real, kernel) ?? difference(right, kernel);
    throw new MismatchError(`${action.text}: predicted ${told?.predicted}, observed ${told?.observed}`);
  }
}
