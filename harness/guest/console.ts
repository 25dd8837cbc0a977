/** What the guest's console tells about its end. */

export type ConsoleVerdict = "crash" | "probe-death" | "silent";

/** Lines of a log worth showing with a failure. */
const SHOWN_LINES = 40;

/** How a kernel begins to complain. [kernel: __warn(), die(), panic()] */
const COMPLAINT =
  /\[ cut here \]|\] WARNING: |BUG:|BUG at |Oops:|general protection fault|Internal error:|Kernel panic/;

/**
 * What a console ends in: the kernel crashed, the probe died (which a kernel takes as a reason to panic, too),
 * or nothing that explains it. [kernel: panic(), die(), do_exit() for pid 1]
 */
export function consoleVerdict(console: string): ConsoleVerdict {
  if (/Attempted to kill init/.test(console)) return "probe-death";
  if (/Kernel panic|BUG:|Oops:|general protection fault|Internal error:/.test(console)) return "crash";
  return "silent";
}

/** Where a log first complains, and where it does not, its end; control characters made visible. */
export function excerpt(lines: readonly string[]): string[] {
  const complaint = lines.findIndex((line) => COMPLAINT.test(line));
  const begin = complaint < 0 ? Math.max(0, lines.length - SHOWN_LINES) : complaint;
  return lines.slice(begin, begin + SHOWN_LINES).map(visible);
}

/** What the kernel said before it complained; all it said where it did not. */
export function beforeComplaint(lines: readonly string[]): string[] {
  const complaint = lines.findIndex((line) => COMPLAINT.test(line));
  return lines.slice(0, complaint < 0 ? undefined : complaint);
}

const visible = (line: string): string =>
  // deno-lint-ignore no-control-regex -- they are what is to be shown
  line.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, (char) =>
    `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
