/**
 * The user asked for something that can't be meant: a malformed spec, an unknown option, a bad file.
 * The command line ends with exit code 2.
 */
export class UsageError extends Error {
  override readonly name: string = "UsageError";
}

/**
 * Nothing was found out about the kernel under test: a component is missing, a tool failed, the guest never
 * reached the probe. The command line ends with exit code 3.
 */
export class CannotTestError extends Error {
  override readonly name: string = "CannotTestError";
}

/** What the machine refuses for a reason that its user can mend, by the code of the operating system, and how. */
const MENDS: Readonly<Record<string, string>> = {
  ENOSPC: "make room there, or use another place (--out, XDG_CACHE_HOME)",
  EDQUOT: "make room there, or use another place (--out, XDG_CACHE_HOME)",
  EROFS: "use another place (--out, XDG_CACHE_HOME)",
  EACCES: "allow it, or use another place (--out, XDG_CACHE_HOME)",
  EPERM: "allow it, or use another place (--out, XDG_CACHE_HOME)",
  EMFILE: "allow more open files (ulimit -n), or run fewer guests at a time (--jobs)",
  ENFILE: "close other programs, or run fewer guests at a time (--jobs)",
  EAGAIN: "allow more processes (ulimit -u), or run fewer guests at a time (--jobs)",
  ENOMEM: "close other programs, or run fewer guests at a time (--jobs)",
  ENOTDIR: "name a folder, or remove the file that stands in the way",
  EIO: "have a look at the disk",
};

/**
 * What the operating system refused, and the mend, in one line; undefined for any other error.
 * @param where named where the error itself doesn't
 */
export function refusalText(error: unknown, where?: string): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  const mend = MENDS[String(error.code)];
  if (mend === undefined) return undefined;
  return `${where === undefined ? "" : `${where}: `}${error.message}; ${mend}`;
}
