/**
 * Lets tap run on Deno. It must be imported before tap.
 *
 * tap takes a stack frame only from an object whose constructor is named
 * `CallSite`, as in Node; Deno's frames are plain objects. And a process that
 * has `_eval` looks to tap like `node --eval`, which has no test file.
 *
 * @module
 */
import process from "node:process";

const frame = firstFrame();
Object.defineProperty(Object.getPrototypeOf(frame), "constructor", {
  value: class CallSite {},
  configurable: true,
});
Reflect.deleteProperty(process, "_eval");

function firstFrame(): object {
  const before = Error.prepareStackTrace;
  Error.prepareStackTrace = (_error, frames) => frames;
  const [first] = new Error().stack as unknown as object[];
  Error.prepareStackTrace = before;
  if (first === undefined) throw new Error("this Deno gives no stack frames; tap can't run on it");
  return first;
}
