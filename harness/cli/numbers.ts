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

function wholeNumber(text: string, min: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= min) return value;
  throw new InvalidArgumentError(`write a whole number from ${min} up`);
}
