/** What the guest's console tells about its end. */

export type ConsoleVerdict = "crash" | "probe-death" | "silent";

/** Lines of a log worth showing with a failure. */
const SHOWN_LINES = 40;

/**
 * How a kernel begins to complain.
 * [kernel: __warn(), die(), die_kernel_fault() on arm64, panic(), ubsan_prologue(), print_circular_bug_header(),
 * lockdep_rcu_suspicious()]
 */
const COMPLAINT = new RegExp(
  [
    "\\[ cut here \\]",
    "\\] WARNING: ",
    "BUG:",
    "BUG at ",
    "Oops:",
    "general protection fault",
    "Unable to handle kernel ",
    "Internal error:",
    "Kernel panic",
    "UBSAN: ",
    "possible (circular|recursive) locking",
    "suspicious RCU usage",
  ].join("|"),
);

/** How a kernel dies; it panics in the end, but may not live to say so. */
const DEATH = /Kernel panic|BUG:|BUG at |Oops:|general protection fault|Internal error:/;

/**
 * How a kernel says that something takes long, some of it in words of a complaint. A busy host is as good a
 * reason as a fault of the kernel, so that these are none; with a guest that doesn't answer they tell why.
 * [kernel: watchdog_timer_fn(), watchdog_hardlockup_check(), rcu stall warnings, check_hung_task(), show_one_workqueue()]
 */
const STALL =
  /soft lockup|hard LOCKUP|rcu: .*\bstalls?\b|kthread starved|blocked for more than \d+ seconds|workqueue lockup/;

/** How a kernel tells of a trap in the probe, which for process 1 it shouts. [kernel: show_signal()] */
const PROBE_TRAP = /\] traps: \S+\[1\] /;

/** A line that the probe wrote into the log: its priority has a facility, which the kernel's own lack. */
const OWN_MARK = /^<(\d{2,}|[89])>/;

/** Lines that aren't about a fault of the kernel, whatever words are in them. */
const isInnocent = (line: string): boolean =>
  STALL.test(line) || PROBE_TRAP.test(line) || OWN_MARK.test(line);

const isComplaint = (line: string): boolean => COMPLAINT.test(line) && !isInnocent(line);

/** Whether the kernel complained. */
export const complains = (lines: readonly string[]): boolean => lines.some(isComplaint);

/** How a kernel panics for want of the probe. [kernel: do_exit() for pid 1, kernel_init(), mount_root_generic()] */
const NO_PROBE = /Attempted to kill init|No working init found|Unable to mount root fs/;

/** The last words of a probe that can't go on. [guests/probe/PROTOCOL.md] */
const LAST_WORDS = /^iovacheck probe: (.*); turning the guest off$/;

/**
 * What a console ends in: the kernel crashed, the probe died or could not be started (which a kernel takes as
 * a reason to panic, too), or nothing that explains it. [kernel: panic(), die()]
 */
export function consoleVerdict(lines: readonly string[]): ConsoleVerdict {
  if (lines.some((line) => DEATH.test(line) && !isInnocent(line) && !NO_PROBE.test(line))) return "crash";
  return lines.some((line) => NO_PROBE.test(line) || LAST_WORDS.test(line)) ? "probe-death" : "silent";
}

/** What the probe said before it turned its guest off; undefined when it didn't. */
export const probesLastWords = (lines: readonly string[]): string | undefined =>
  lines.flatMap((line) => LAST_WORDS.exec(line)?.[1] ?? [])[0];

/** Where a log first complains, where it doesn't, tells of a stall, and where it does neither, its end. */
export function excerpt(lines: readonly string[]): string[] {
  const complaint = lines.findIndex(isComplaint);
  const telling = complaint < 0 ? lines.findIndex((line) => STALL.test(line)) : complaint;
  const begin = telling < 0 ? Math.max(0, lines.length - SHOWN_LINES) : telling;
  return lines.slice(begin, begin + SHOWN_LINES);
}

/** What the kernel said before it complained; all it said where it did not. */
export function beforeComplaint(lines: readonly string[]): string[] {
  const complaint = lines.findIndex(isComplaint);
  return lines.slice(0, complaint < 0 ? undefined : complaint);
}
