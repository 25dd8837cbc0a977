/** Answers against predictions, as they come. */
import { difference, parseReply, sinceBaseline } from "../check/observation.ts";
import type { PredictedAction } from "../check/two_models.ts";

/** A kernel that answered neither what is right nor what its version is known to. */
export class MismatchError extends Error {
  override readonly name: string = "MismatchError";
}

/** Holds answers against both predictions; doing what is right is never an alarm. */
export class Comparison {
  readonly #baselinePages: bigint;
  readonly #departs = { right: false, real: false };

  constructor(baselinePages: bigint) {
    this.#baselinePages = baselinePages;
  }

  /** @throws MismatchError where neither prediction holds any more */
  compare(predicted: readonly PredictedAction[], replies: readonly string[]): void {
    for (const [index, { action, right, real }] of predicted.entries()) {
      const answer = sinceBaseline(parseReply(replies[index] ?? ""), this.#baselinePages);
      const fromRight = difference(right, answer);
      const fromReal = difference(real, answer);
      this.#departs.right ||= fromRight !== undefined;
      this.#departs.real ||= fromReal !== undefined;
      const told = fromReal ?? fromRight;
      if (!told || !this.#departs.right || !this.#departs.real) continue;
      throw new MismatchError(`${action.text}: predicted ${told.predicted}, observed ${told.observed}`);
    }
  }
}
