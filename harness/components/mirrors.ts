import { run } from "./command.ts";
import { ComponentError } from "./component_error.ts";
import type { Context } from "./types.ts";

/** One line of `apt-get --print-uris`. */
export interface PrintedUri {
  readonly uri: string;
  /** Name of the file that apt stores. */
  readonly file: string;
  readonly sizeBytes: number;
  /** Empty when apt doesn't know it yet. */
  readonly sha256: string;
}

/** Where this machine gets Debian from: the part of a source before `/dists/`. */
export interface Mirrors {
  readonly main: string;
  /** Absent when no suite for security updates is configured. */
  readonly security?: string;
}

/** Reads what `apt-get --print-uris` writes; other lines are skipped. */
export function parsePrintedUris(text: string): PrintedUri[] {
  return [...text.matchAll(/^'([^']+)' (\S+) (\d+) ?(?:SHA256:([0-9a-f]{64}))?.*$/gm)].map((match) => ({
    uri: match[1]!,
    file: match[2]!,
    sizeBytes: Number(match[3]),
    sha256: match[4] ?? "",
  }));
}

/**
 * Picks the Debian mirrors out of the sources that a machine has configured.
 *
 * Other archives use Debian's suite names too. One that also carries a suite that only Debian has (`-updates`,
 * `-backports`) is taken before one that merely looks like it. Whichever is taken, its lists must be signed by
 * Debian's keys.
 *
 * @param uris of `apt-get --print-uris update`
 * @returns nothing when no source has a Debian suite
 */
export function findMirrors(uris: readonly string[]): Mirrors | undefined {
  const sources = uris.flatMap((uri) => {
    const [, site, suite] = uri.match(/^(.+)\/dists\/(.+)\/(?:InRelease|Release)$/) ?? [];
    return site === undefined || suite === undefined || site.startsWith("cdrom:") ? [] : [{ site, suite }];
  });
  const main = sources.find(({ suite }) => debianOnlySuite.test(suite)) ??
    sources.find(({ site, suite }) => debianSuite.test(suite) && /\/debian\/?$/.test(site)) ??
    sources.find(({ suite }) => debianSuite.test(suite));
  if (main === undefined) return undefined;
  const security = sources.find(({ suite }) => securitySuite.test(suite));
  return { main: main.site, ...(security === undefined ? {} : { security: security.site }) };
}

const names = "(?:bullseye|bookworm|trixie|forky|duke|(?:old)*stable|testing)";
const debianSuite = new RegExp(`^(?:${names}|sid|unstable)$`);
const debianOnlySuite = new RegExp(`^${names}-(?:updates|proposed-updates|backports)$`);
const securitySuite = new RegExp(`^${names}(?:-security|/updates)$`);

/**
 * The Debian mirrors of this machine, from its own apt configuration. Works without root, and before any
 * `apt-get update`.
 *
 * @throws {ComponentError} apt has no Debian source
 */
export async function machineMirrors(context: Context): Promise<Mirrors> {
  // The machine's configuration is wanted here, not one that a caller set for another purpose.
  const printed = await run("apt-get", ["--print-uris", "update"], {
    env: { APT_CONFIG: undefined },
    signal: context.signal,
  });
  const mirrors = findMirrors(parsePrintedUris(printed).map(({ uri }) => uri));
  if (mirrors !== undefined) return mirrors;
  throw new ComponentError(
    "no Debian mirror: apt on this machine has no source for a Debian release; add one to /etc/apt/sources.list.d",
  );
}
