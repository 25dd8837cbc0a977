/** How kernels fill bitmaps of dirty pages, in words of 64 bits as they do it. [spec §7.2–§7.4] */

const WORD_BITS = 64;
const WORD_BYTES = 8;

const wordsOf = (bits: number): number => Math.ceil(bits / WORD_BITS);
const bitOf = (bit: number): bigint => 1n << BigInt(bit % WORD_BITS);

/** Sets or clears the first bits. */
function fill(words: BigUint64Array, count: number, value: boolean): void {
  for (let bit = 0; bit < count; bit++) {
    const word = Math.floor(bit / WORD_BITS);
    words[word] = value ? words[word]! | bitOf(bit) : words[word]! & ~bitOf(bit);
  }
}

/** Moves the bits up by less than a word, from the last word to the first; what leaves the last is lost. */
function shiftInPlace(words: BigUint64Array, shift: number): void {
  for (let word = words.length - 1; word >= 0; word--) {
    const carried = word > 0 ? words[word - 1]! >> BigInt(WORD_BITS - shift) : 0n;
    words[word] = BigInt.asUintN(WORD_BITS, words[word]! << BigInt(shift)) | carried;
  }
}

/** The caller's bitmap; behind so many bytes nothing is there. */
export class UserBitmap {
  readonly #words: BigUint64Array;
  readonly #accessibleBytes: number;

  constructor(pages: number, accessibleBytes = wordsOf(pages) * WORD_BYTES) {
    this.#words = new BigUint64Array(wordsOf(pages));
    this.#accessibleBytes = accessibleBytes;
  }

  /** undefined where it can't be read */
  read(word: number): bigint | undefined {
    return this.#reaches(word + 1) ? this.#words[word] : undefined;
  }

  /** Whether all of it could be written. */
  write(word: number, from: BigUint64Array): boolean {
    if (!this.#reaches(word + from.length)) return false;
    this.#words.set(from, word);
    return true;
  }

  #reaches(words: number): boolean {
    return words * WORD_BYTES <= this.#accessibleBytes;
  }

  /** Numbers of the pages whose bits are set. */
  get dirty(): number[] {
    return [...this.#words].flatMap((word, index) =>
      Array.from({ length: WORD_BITS }, (_, bit) => bit).filter((bit) => (word & bitOf(bit)) !== 0n)
        .map((bit) => index * WORD_BITS + bit)
    );
  }
}

/** What a kernel keeps for a mapping while dirty pages are tracked. */
export class KernelBitmap {
  readonly #words: BigUint64Array;
  readonly #pages: number;

  constructor(pages: number) {
    this.#pages = pages;
    // One word more than the pages need, for what a shift pushes out.
    this.#words = new BigUint64Array(wordsOf(pages) + 1);
  }

  /**
   * Writes the bits of all pages where the caller wants them, and forgets those of its own pages.
   * @param first number of the caller's bit for the first page
   * @returns false where the kernel gives up with EFAULT
   */
  report(first: number, user: UserBitmap): boolean {
    const word = Math.floor(first / WORD_BITS);
    const shift = first % WORD_BITS;
    const written = this.#words.subarray(0, wordsOf(this.#pages + shift));
    fill(this.#words, this.#pages, true);
    if (shift > 0) {
      shiftInPlace(written, shift);
      const shared = user.read(word);
      if (shared === undefined) return false;
      written[0] = written[0]! | shared;
    }
    if (!user.write(word, written)) return false;
    fill(this.#words, this.#pages, false);
    return true;
  }
}
