/** Numbers on the command line. */
import { InvalidArgumentError } from "commander";

/** @throws InvalidArgumentError, which Commander tells the user */
export function positive(text: string): number {
  return wholeNumber(text, 1);
}

/** @throws InvalidArgumentError, which Commander tells the user */
export function count(text: string): number {
  return wholeNumber(text, 0);
}

/** Seeds are as large as those that are drawn. @throws InvalidArgumentError, which Commander tells the user */
export function seed(text: string): number {
  const value = wholeNumber(text, 0);
  if (value < 2 ** 32) return value;
  throw new InvalidArgumentError("write a whole number below 2^32");
}

function wholeNumber(text: string, min: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= min) return value;
  throw new InvalidArgumentError(`write a whole number from ${min} up`);
}

const UNITS_S: Readonly<Record<string, number>> = { s: 1, min: 60, m: 60, h: 3600 };

/**
 * A time such as `90`, `90s`, `10min` or `2h`, in seconds.
 * @throws InvalidArgumentError, which Commander tells the user
 */
export function seconds(text: string): number {
  const [, number, unit = "s"] = /^(\d+)(s|m|min|h)?$/.exec(text) ?? [];
  const value = Number(number) * (UNITS_S[unit] ?? NaN);
  if (value > 0 && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError("write a time such as 90s, 10min or 2h");
}
