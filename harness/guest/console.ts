/** What the guest's console tells about its end. */

export type ConsoleVerdict = "crash" | "probe-death" | "silent";

/** Lines of the console worth showing with a failure. */
const TAIL_LINES = 40;

/**
 * What a console ends in: the kernel crashed, the probe died (which a kernel takes as a reason to panic, too),
 * or nothing that explains it. [kernel: panic(), die(), do_exit() for pid 1]
 */
export function consoleVerdict(console: string): ConsoleVerdict {
  if (/Attempted to kill init/.test(console)) return "probe-death";
  if (/Kernel panic|BUG:|Oops:|general protection fault|Internal error:/.test(console)) return "crash";
  return "silent";
}

/** The last lines, control characters made visible. */
export const consoleTail = (console: string): string[] =>
  console.trimEnd().split(/\r?\n/).slice(-TAIL_LINES).map((line) =>
    // deno-lint-ignore no-control-regex -- they are what is to be shown
    line.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, (char) =>
      `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`)
  );
