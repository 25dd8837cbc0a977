/** Numbers on the command line. */
import { InvalidArgumentError } from "commander";

/** @throws InvalidArgumentError, which Commander tells the user */
export function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError("write a whole number from 1 up");
  return value;
}

/** @throws InvalidArgumentError, which Commander tells the user */
export function count(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError("write a whole number from 0 up");
  }
  return value;
}
