/** Addresses and sizes as scenarios write them: `0x1000`, `64KiB`, `top-4KiB+1`. */
import { U64_MAX } from "../model/range_list.ts";

const UNITS: Readonly<Record<string, bigint>> = {
  KiB: 1n << 10n,
  MiB: 1n << 20n,
  GiB: 1n << 30n,
  TiB: 1n << 40n,
};

/** Named addresses that a term may use, such as `top`, the last address of the aperture. */
export type Symbols = Readonly<Record<string, bigint>>;

const TERM = /\s*([+-]?)\s*(0x[0-9a-fA-F][0-9a-fA-F_]*|\d+(?:KiB|MiB|GiB|TiB)?|[a-z]+)/y;

/**
 * The value of a sum of hexadecimal or decimal numbers, numbers with a unit and symbols.
 * @throws RangeError that says what is wrong and how to write it, also when the result doesn't fit 64 bits
 */
export function evaluate(expression: string | bigint, symbols: Symbols): bigint {
  const value = typeof expression === "bigint" ? expression : sum(expression, symbols);
  if (value < 0n || value > U64_MAX) throw new RangeError(`${expression} doesn't fit 64 bits`);
  return value;
}

function sum(expression: string, symbols: Symbols): bigint {
  const text = expression.trim();
  let total = 0n;
  let at = 0;
  while (at < text.length || at === 0) {
    TERM.lastIndex = at;
    const [whole, sign, term] = TERM.exec(text) ?? [];
    if (whole === undefined || term === undefined || (at > 0 && !sign)) {
      throw new RangeError(`${expression} is no address; write a sum such as 0x1000, 64KiB or top-4KiB+1`);
    }
    const value = termValue(term, symbols);
    total += sign === "-" ? -value : value;
    at = TERM.lastIndex;
  }
  return total;
}

function termValue(term: string, symbols: Symbols): bigint {
  const unit = /[KMGT]iB$/.exec(term)?.[0];
  if (unit) return BigInt(term.slice(0, -unit.length)) * (UNITS[unit] ?? 1n);
  if (/^\d/.test(term)) return BigInt(term.replaceAll("_", ""));
  const value = Object.hasOwn(symbols, term) ? symbols[term] : undefined;
  if (value === undefined) {
    throw new RangeError(`no address is called ${term}; there are ${Object.keys(symbols).join(", ")}`);
  }
  return value;
}
