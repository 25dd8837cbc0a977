/** Chance that anyone can repeat: what comes depends on the seed and on how often it was asked before. */
import { uniformBigInt } from "pure-rand/distribution/uniformBigInt";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

/** How much more often than others something is chosen, and what. */
export type Weighted<T> = readonly (readonly [weight: number, value: T])[];

export class Random {
  readonly #generator: ReturnType<typeof xoroshiro128plus>;

  /** @param stream tells the randomness of one seed's sequences apart */
  constructor(seed: number, stream: number) {
    this.#generator = xoroshiro128plus(mixed(seed, stream));
  }

  /** From 0 to `count - 1`. */
  below(count: number): number {
    return uniformInt(this.#generator, 0, count - 1);
  }

  /** From `first` to `last`, both included. */
  between(first: bigint, last: bigint): bigint {
    return uniformBigInt(this.#generator, first, last);
  }

  /** True in so many of a hundred cases. */
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  /** @throws RangeError for an empty list */
  oneOf<T>(list: readonly T[]): T {
    if (list.length === 0) throw new RangeError("there is nothing to choose from");
    return list[this.below(list.length)]!;
  }

  /** @throws RangeError where nothing has any weight */
  weighted<T>(choices: Weighted<T>): T {
    let left = this.below(choices.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, value] of choices) {
      if (left < weight) return value;
      left -= weight;
    }
    throw new RangeError("nothing has any weight");
  }
}

/** Seeds that are neighbours are to have nothing in common. [the finalizer of MurmurHash3, a public-domain hash] */
function mixed(seed: number, stream: number): number {
  let bits = Math.imul(seed | 0, 0x9e3779b1) ^ Math.imul(stream + 1, 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) | 0;
}
