import { join } from "node:path";
import { type Architecture, hostArchitecture } from "./architecture.ts";
import { joinUsers, writeWhole } from "./cache.ts";
import { CommandError, diskIsFull, run } from "./command.ts";
import { ComponentError, NotInArchiveError } from "./component_error.ts";
import { FileLock } from "./file_lock.ts";
import { type InFlight, joinInFlight } from "./in_flight.ts";
import { machineMirrors, type Mirrors, parsePrintedUris } from "./mirrors.ts";
import { type ArchivePackage, indexPackages } from "./package_index.ts";
import { freshForMs } from "./resolutions.ts";
import type { Release } from "./releases.ts";
import { requireRoom } from "./room.ts";
import type { Context, PackageId } from "./types.ts";

export const debianKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** A package that apt would fetch. */
export interface PlannedPackage extends PackageId {
  readonly sizeBytes: number;
}

/**
 * apt for one architecture of a Debian release, in a folder of its own: nothing is installed, no root is needed, and
 * the machine's packages play no part. Only the machine's mirrors and its way to the network (proxy, certificates) are used.
 */
export interface AptRoot {
  readonly release: Release;
  readonly arch: Architecture;
  readonly directory: string;
  /** Packages of the archive that a component can be made of. */
  readonly packages: readonly ArchivePackage[];
}

/** When something isn't found, lists older than this may be why; younger ones are taken at their word. */
const suspectAfterMs = 5 * 60 * 1000;

/** Raised when further packages are kept, so that older indexes aren't taken for complete. */
const indexFormat = 2;

interface Index {
  readonly format: number;
  /** ISO 8601. */
  readonly refreshed: string;
  readonly packages: readonly ArchivePackage[];
}

/**
 * The apt root of a release, with lists of bounded age.
 *
 * @param maxAgeMs lists older than this are fetched anew
 * @param arch of the packages; by default what runs on this machine
 * @throws {ComponentError} no mirror, no keyring, or the lists can't be fetched
 */
export async function openAptRoot(
  context: Context,
  release: Release,
  maxAgeMs = freshForMs,
  arch: Architecture = hostArchitecture,
): Promise<AptRoot> {
  await joinUsers(context.cacheDir);
  const directory = join(context.cacheDir, "apt", folderOf(release, arch));
  const place = { release, arch, directory };
  const present = await readIndex(directory, maxAgeMs);
  const packages = present?.packages ??
    await joinInFlight(refreshes, directory, () => refreshLists(context, place, maxAgeMs));
  return { ...place, packages };
}

/** An apt root that may not have its lists yet. */
type Place = Omit<AptRoot, "packages">;

const folderOf = ({ name }: Release, arch: Architecture): string =>
  arch === hostArchitecture ? name : `${name}-${arch}`;

/** `Debian trixie`, `Debian trixie for arm64` */
const titleOf = ({ release, arch }: Pick<Place, "release" | "arch">): string =>
  `Debian ${release.name}${arch === hostArchitecture ? "" : ` for ${arch}`}`;

const refreshes: InFlight = new Map();

async function refreshLists(
  context: Context,
  place: Place,
  maxAgeMs: number,
): Promise<readonly ArchivePackage[]> {
  using _lock = await FileLock.acquire(
    listsLock(context, place),
    "exclusive",
    () => context.progress(`waiting for another run that uses the package lists of ${titleOf(place)}`),
  );
  // Another run may have done it while we waited.
  return (await readIndex(place.directory, maxAgeMs))?.packages ?? await fetchLists(context, place);
}

/**
 * Does what depends on package lists, and does it again with newer lists if the archive seems to have moved on:
 * a package isn't known, or its file is gone.
 *
 * @param action is told how old the lists may be; it chooses and fetches packages
 */
export async function withRecentLists<Result>(
  action: (maxAgeMs: number) => Promise<Result>,
): Promise<Result> {
  try {
    return await action(freshForMs);
  } catch (error) {
    if (!isOutdated(error)) throw error;
    return await action(suspectAfterMs);
  }
}

/** May lists that no longer match the archive be the reason? */
export function isOutdated(error: unknown): boolean {
  if (error instanceof NotInArchiveError) return true;
  return error instanceof CommandError && !diskIsFull(error.stderr) &&
    /404 +Not Found|Unable to locate package|was not found|Hash Sum mismatch|Failed to fetch|unmet dependencies/
      .test(error.stderr);
}

/**
 * Everything that apt would fetch to install these packages on an empty system.
 *
 * @param packages names, or `name=version`
 * @param suite preferred for the packages and their dependencies
 */
export async function planClosure(
  context: Context,
  root: AptRoot,
  packages: readonly string[],
  suite: string,
): Promise<PlannedPackage[]> {
  using _reading = await FileLock.acquire(listsLock(context, root), "shared");
  const printed = await apt(context, root, [
    "install",
    "--yes",
    "--quiet=2",
    "--print-uris",
    "--no-install-recommends",
    `--target-release=${suite}`,
    ...packages,
  ]);
  return parsePrintedUris(printed).map(({ file, sizeBytes, sha256 }) => {
    const [name, version] = file.split("_") as [string, string];
    return { name, version: decodeURIComponent(version), sha256, sizeBytes };
  });
}

/**
 * Downloads packages into a folder. apt checks each against the signed index.
 *
 * @returns paths of the package files
 */
export async function download(
  context: Context,
  root: AptRoot,
  packages: readonly PackageId[],
  directory: string,
): Promise<string[]> {
  await Deno.mkdir(directory, { recursive: true });
  await apt(
    context,
    root,
    ["download", ...packages.map(({ name, version }) => `${name}=${version}`)],
    directory,
  );
  const files = await Array.fromAsync(Deno.readDir(directory), (entry) => join(directory, entry.name));
  return files.filter((file) => file.endsWith(".deb"));
}

/** The lists of one release take half of this; where the disk is full apt waits for ever instead of failing. */
const listsBytes = 50e6;

const updateLimitMs = 10 * 60 * 1000;

// A run asks for several components; without a network each would wait for apt to give up.
const retryAfterMs = 60_000;
const recentFailures = new Map<string, { error: ComponentError; atMs: number }>();

async function fetchLists(context: Context, place: Place): Promise<readonly ArchivePackage[]> {
  const { release, directory } = place;
  const title = titleOf(place);
  const failure = recentFailures.get(directory);
  if (failure !== undefined && Date.now() - failure.atMs < retryAfterMs) throw failure.error;
  await requireRoom(context.cacheDir, listsBytes, `the package lists of ${title}`);
  context.progress(`fetching the package lists of ${title}`);
  await writeConfiguration(context, place);
  try {
    // Without this option apt reports a list that it could not fetch as a warning, and succeeds.
    await run("apt-get", ["update", "--quiet=2", "-o", "APT::Update::Error-Mode=any"], {
      env: aptEnvironment(directory),
      signal: context.signal,
      timeoutMs: updateLimitMs,
    });
  } catch (cause) {
    if (!(cause instanceof CommandError)) throw cause;
    const complaint = cause.stderr.match(/^E: (.*?)\.?$/m)?.[1]?.trim() ?? cause.message;
    const mend = diskIsFull(cause.stderr) ? "make room there" : "check the network and apt's sources";
    const error = isDropped(cause)
      ? new NotInArchiveError(
        `${title} is not on this machine's mirror: ${complaint}; name one that has it in apt's sources`,
        { cause },
      )
      : new ComponentError(
        `package lists of ${title} can't be fetched: ${complaint}; ${mend}`,
        { cause },
      );
    recentFailures.set(directory, { error, atMs: Date.now() });
    throw error;
  }
  const packages = await indexPackages(context, release, aptEnvironment(directory));
  const index: Index = { format: indexFormat, refreshed: new Date().toISOString(), packages };
  await writeWhole(join(directory, "index.json"), JSON.stringify(index));
  return packages;
}

/** Has the mirror answered that it doesn't have the suite? */
export function isDropped({ stderr }: CommandError): boolean {
  return /does not have a Release file|no longer has a Release file/.test(stderr);
}

async function writeConfiguration(context: Context, { release, arch, directory }: Place): Promise<void> {
  await requireKeyring();
  const mirrors = await machineMirrors(context);
  if (mirrors.security === undefined && release.suites.length === 0) {
    throw new NotInArchiveError(
      `Debian ${release.name} is of use for its security updates only, and apt has no source for those; add one`,
    );
  }
  if (mirrors.security === undefined) {
    context.progress(`apt has no source for security updates: Debian ${release.name} is used without them`);
  }
  const configuration = configurationLines(directory, arch, await machineSettings(context), Deno.uid() === 0);
  for (const folder of ["etc", "state/lists/partial", "cache/archives/partial"]) {
    await Deno.mkdir(join(directory, folder), { recursive: true });
  }
  await writeWhole(join(directory, "etc", "sources.list"), sourceLines(release, arch, mirrors));
  await writeWhole(join(directory, "state", "status"), "");
  await writeWhole(join(directory, "apt.conf"), configuration);
}

/** The `sources.list` of a release. */
export function sourceLines(release: Release, arch: Architecture, mirrors: Mirrors): string {
  const line = (site: string, suite: string) =>
    `deb [arch=${arch} signed-by=${debianKeyring}] ${site} ${suite} main\n`;
  return [
    ...release.suites.map((suite) => line(mirrors.main, suite)),
    ...(mirrors.security === undefined
      ? []
      : release.securitySuites.map((suite) => line(mirrors.security!, suite))),
  ].join("");
}

/** An apt configuration that keeps to one folder. `settings` are lines to add; `isRoot` turns off apt's own user. */
export function configurationLines(
  directory: string,
  arch: Architecture,
  settings: readonly string[],
  isRoot: boolean,
): string {
  return [
    `Dir "${directory}";`,
    `Dir::Etc "${directory}/etc";`,
    `Dir::Etc::sourcelist "${directory}/etc/sources.list";`,
    // The machine's hooks and preferences must not act on our lists.
    ...["main", "parts", "sourceparts", "preferences", "preferencesparts", "trusted", "trustedparts"]
      .map((part) => `Dir::Etc::${part} "/dev/null";`),
    `Dir::State "${directory}/state";`,
    `Dir::State::status "${directory}/state/status";`,
    `Dir::Cache "${directory}/cache";`,
    // Parsing the lists anew takes half a second; the binary caches would take 100 MB.
    `Dir::Cache::pkgcache "";`,
    `Dir::Cache::srcpkgcache "";`,
    `Acquire::GzipIndexes "true";`,
    `Acquire::Languages "none";`,
    `Acquire::ForceHash "SHA256";`,
    `APT::Architecture "${arch}";`,
    `APT::Architectures { "${arch}"; };`,
    // apt's unprivileged user can't write into a folder of ours.
    ...(isRoot ? [`APT::Sandbox::User "root";`] : []),
    ...settings,
    "",
  ].join("\n");
}

/** The lines of `apt-config dump` that say how this machine reaches its mirrors and how old lists may be. */
export function networkSettings(dump: string): string[] {
  return dump.split("\n").filter((line) =>
    /^Acquire::(?:https?::(?:\S+::)?(?:Proxy|CaInfo|CaPath|SslCert|SslKey)(?:::\S+)?|Check-Valid-Until|Check-Date) "[^"]+";$/i
      .test(line)
  );
}

async function machineSettings(context: Context): Promise<string[]> {
  return networkSettings(
    await run("apt-config", ["dump"], { env: { APT_CONFIG: undefined }, signal: context.signal }),
  );
}

async function requireKeyring(): Promise<void> {
  try {
    await Deno.stat(debianKeyring);
  } catch (error) {
    throw new ComponentError(
      `${debianKeyring} is missing: packages can't be verified; install debian-archive-keyring`,
      { cause: error },
    );
  }
}

/** @returns nothing when there is none, or when it is older than `maxAgeMs` or has fewer packages than are kept now */
async function readIndex(directory: string, maxAgeMs: number): Promise<Index | undefined> {
  try {
    const index = JSON.parse(await Deno.readTextFile(join(directory, "index.json"))) as Index;
    const ageMs = Date.now() - Date.parse(index.refreshed);
    return index.format === indexFormat && ageMs >= 0 && ageMs < maxAgeMs ? index : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function listsLock(context: Context, { release, arch }: Pick<Place, "release" | "arch">): string {
  return join(context.cacheDir, "locks", `apt-${folderOf(release, arch)}`);
}

function apt(
  context: Context,
  root: Pick<AptRoot, "directory">,
  args: readonly string[],
  cwd?: string,
): Promise<string> {
  return run("apt-get", args, {
    env: aptEnvironment(root.directory),
    signal: context.signal,
    ...(cwd === undefined ? {} : { cwd }),
  });
}

function aptEnvironment(directory: string): Record<string, string> {
  return { APT_CONFIG: join(directory, "apt.conf") };
}
