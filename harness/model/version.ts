/** A kernel version as far as rules depend on it: `6.12.117` is `{ major: 6, minor: 12, patch: 117 }`. */
export interface KernelVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

/**
 * Reads the leading numbers of a version: `6.12.117+deb12-amd64`, `6.1.192-2`, `7.3-rc2`.
 * @returns `undefined` when there is no `major.minor` in front
 */
export function parseVersion(text: string): KernelVersion | undefined {
  const [, major, minor, patch] = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(text) ?? [];
  if (major === undefined || minor === undefined) return undefined;
  return { major: Number(major), minor: Number(minor), patch: Number(patch ?? 0) };
}

/** Negative, zero or positive as `a` is older than, equal to or newer than `b`. */
export const compareVersions = (a: KernelVersion, b: KernelVersion): number =>
  a.major - b.major || a.minor - b.minor || a.patch - b.patch;

/** `6.12.117` */
export const versionText = ({ major, minor, patch }: KernelVersion): string => `${major}.${minor}.${patch}`;
