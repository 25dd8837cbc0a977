/** Answers held against both models one by one, as they come. */
import { difference, parseReply, sinceBaseline } from "./observation.ts";
import type { PredictedAction } from "./two_models.ts";
import type { Answer } from "../model/answer.ts";

/**
 * How an answer stands to the models. `same` is as is right, or was to be expected after what differed before; `known`
 * is what kernels of this version are known to do wrong; `different` is neither.
 */
export type Standing = "same" | "known" | "different";

export interface Compared extends PredictedAction {
  readonly kernel: Answer;
  readonly standing: Standing;
}

/**
 * Remembers which models have been departed from: a kernel does what is right, or what is known of its version, but not
 * now the one and then the other.
 */
export class Comparison {
  readonly #baselinePages: bigint;
  readonly #departs = { right: false, real: false };

  /** @param baselinePages locked memory of the probe before anything was mapped */
  constructor(baselinePages: bigint) {
    this.#baselinePages = baselinePages;
  }

  /** Whether kernel and models have parted: from then on their states may differ. */
  get hasParted(): boolean {
    return this.#departs.right && this.#departs.real;
  }

  /** @throws BadRequestError, ProtocolError for a reply that is no answer */
  compare(predicted: PredictedAction, reply: string): Compared {
    const kernel = sinceBaseline(parseReply(reply), this.#baselinePages);
    return { ...predicted, kernel, standing: this.#standing(predicted, kernel) };
  }

  #standing({ right, real }: PredictedAction, kernel: Answer): Standing {
    const hadParted = this.hasParted;
    const isRight = difference(right, kernel) === undefined;
    const isReal = difference(real, kernel) === undefined;
    this.#departs.right ||= !isRight;
    this.#departs.real ||= !isReal;
    if (!this.#departs.right) return "same";
    if (!this.#departs.real) return isRight ? "same" : "known";
    return hadParted && (isRight || isReal) ? "same" : "different";
  }
}
