/** What the guest's console tells about its end. */

export type ConsoleVerdict = "crash" | "probe-death" | "silent";

/** Lines of a log worth showing with a failure. */
const SHOWN_LINES = 40;

/**
 * How a kernel begins to complain. Stalls, which the host may have caused, are not among it.
 * [kernel: __warn(), die(), panic(), ubsan_prologue(), print_circular_bug_header(), lockdep_rcu_suspicious()]
 */
const COMPLAINT = new RegExp(
  [
    "\\[ cut here \\]",
    "\\] WARNING: ",
    "BUG:",
    "BUG at ",
    "Oops:",
    "general protection fault",
    "Internal error:",
    "Kernel panic",
    "UBSAN: ",
    "possible (circular|recursive) locking",
    "suspicious RCU usage",
  ].join("|"),
);

/** A line that the probe wrote into the log: its priority has a facility, which the kernel's own lack. */
const OWN_MARK = /^<(\d{2,}|[89])>/;

const isComplaint = (line: string): boolean => COMPLAINT.test(line) && !OWN_MARK.test(line);

/** Whether the kernel complained. */
export const complains = (lines: readonly string[]): boolean => lines.some(isComplaint);

/** How a kernel panics for want of the probe. [kernel: do_exit() for pid 1, kernel_init(), mount_root_generic()] */
const NO_PROBE = /Attempted to kill init|No working init found|Unable to mount root fs/;

/**
 * What a console ends in: the kernel crashed, the probe died or could not be started (which a kernel takes as
 * a reason to panic, too), or nothing that explains it. [kernel: panic(), die()]
 */
export function consoleVerdict(console: string): ConsoleVerdict {
  if (NO_PROBE.test(console)) return "probe-death";
  if (/Kernel panic|BUG:|Oops:|general protection fault|Internal error:/.test(console)) return "crash";
  return "silent";
}

/** Where a log first complains, and where it does not, its end. */
export function excerpt(lines: readonly string[]): string[] {
  const complaint = lines.findIndex(isComplaint);
  const begin = complaint < 0 ? Math.max(0, lines.length - SHOWN_LINES) : complaint;
  return lines.slice(begin, begin + SHOWN_LINES);
}

/** What the kernel said before it complained; all it said where it did not. */
export function beforeComplaint(lines: readonly string[]): string[] {
  const complaint = lines.findIndex(isComplaint);
  return lines.slice(0, complaint < 0 ? undefined : complaint);
}
