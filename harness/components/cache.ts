import { basename, dirname, join } from "node:path";
import { CannotTestError } from "../errors.ts";
import { filesBelow, sha256 } from "./digest.ts";
import { FileLock } from "./file_lock.ts";
import { type InFlight, joinInFlight } from "./in_flight.ts";
import type { Context, PackageId } from "./types.ts";

// Layout of the cache folder:
//   entries/KIND/LABEL-KEY/component.json and whatever was filled in
//   tmp/KIND--LABEL-KEY/    an entry being filled by the holder of locks/KIND--LABEL-KEY
//   locks/                  empty files; in-use is held shared by every run
//   resolutions/            what a spec meant when it was last asked, see resolutions.ts
//   apt/RELEASE/            see apt_root.ts
const formatVersion = 1;

export type ComponentKind =
  | "kernel"
  | "qemu"
  | "uefi"
  | "toolchain"
  | "headers"
  | "probe"
  | "module"
  | "source"
  | "firmware";

/** What `component.json` holds. `Data` is the part that only this kind of component has. */
export interface Component<Data> {
  readonly format: number;
  readonly kind: ComponentKind;
  readonly label: string;
  /** All that the content depends on; its digest is the key. */
  readonly inputs: unknown;
  readonly packages: readonly PackageId[];
  /** ISO 8601. */
  readonly created: string;
  /** Files without which the entry is broken, with their sizes in bytes. */
  readonly required: Readonly<Record<string, number>>;
  /** When they were last written to, in whole seconds since 1970: all that archives of a cache preserve. */
  readonly writtenS?: Readonly<Record<string, number>>;
  readonly data: Data;
}

/** A filled entry. Its folder is never written to again. */
export interface Entry<Data> {
  readonly directory: string;
  readonly component: Component<Data>;
}

export interface EntryRequest<Data> {
  readonly kind: ComponentKind;
  /** Readable part of the folder's name, `6.12.117+deb12-amd64`. */
  readonly label: string;
  /** All that the content depends on, as JSON: package versions and digests, source digests, options. */
  readonly inputs: unknown;
  readonly packages: readonly PackageId[];
  /**
   * Puts the content into an empty folder. `required` names files, relative to it, that must be there as they
   * are now whenever the entry is used; `all` of them where any could spoil what a guest does.
   */
  fill(directory: string): Promise<{ data: Data; required: readonly string[] | "all" }>;
}

/**
 * `$XDG_CACHE_HOME/iovacheck`, or `~/.cache/iovacheck`.
 *
 * @throws {CannotTestError} neither XDG_CACHE_HOME nor HOME is set
 */
export function defaultCacheDir(): string {
  // The XDG specification: a relative path is invalid and to be ignored.
  const base = Deno.env.get("XDG_CACHE_HOME");
  if (base?.startsWith("/")) return join(base, "iovacheck");
  const home = Deno.env.get("HOME");
  if (home) return join(home, ".cache", "iovacheck");
  throw new CannotTestError("no place for the cache: set XDG_CACHE_HOME or HOME");
}

/**
 * The entry with exactly these inputs, filled now if it isn't there or is broken.
 *
 * Only one process fills an entry, the others wait for it. The content appears under its name by one rename,
 * so an entry is either whole or absent.
 */
export async function ensureEntry<Data>(context: Context, request: EntryRequest<Data>): Promise<Entry<Data>> {
  const id = entryId(request);
  await joinUsers(context.cacheDir);
  const present = await readEntry<Data>(context, id);
  if (typeof present === "object") return present;
  return await joinInFlight(fills, join(context.cacheDir, id), () => lockAndFill(context, id, request));
}

const fills: InFlight = new Map();

async function lockAndFill<Data>(
  context: Context,
  id: string,
  request: EntryRequest<Data>,
): Promise<Entry<Data>> {
  using _lock = await FileLock.acquire(
    lockPath(context.cacheDir, id),
    "exclusive",
    () => context.progress(`waiting for another run that is preparing ${request.kind} ${request.label}`),
  );
  const found = await readEntry<Data>(context, id);
  if (typeof found === "object") return found;
  if (found !== "absent") context.progress(`${id}: rebuilding, ${found}`);
  await removeAbandoned(context.cacheDir);
  return await fillEntry(context, id, request);
}

/** Folder of the entry relative to `entries/`, `kernel/6.12.117+deb12-amd64-0123456789ab`. */
export function entryId(request: Pick<EntryRequest<unknown>, "kind" | "label" | "inputs">): string {
  const key = sha256(JSON.stringify([formatVersion, request.kind, request.inputs])).slice(0, 12);
  return `${request.kind}/${request.label.replace(/[^A-Za-z0-9.+~_-]/g, "_")}-${key}`;
}

/** Reads an entry by its id. @returns the entry, `"absent"`, or what is wrong with it */
export async function readEntry<Data>(
  context: Pick<Context, "cacheDir">,
  id: string,
): Promise<Entry<Data> | "absent" | `broken: ${string}`> {
  const directory = join(context.cacheDir, "entries", id);
  try {
    const component = JSON.parse(await Deno.readTextFile(join(directory, "component.json"))) as Component<
      Data
    >;
    if (component.format !== formatVersion) {
      return `broken: format ${component.format} is not ${formatVersion}`;
    }
    for (const [path, size] of Object.entries(component.required)) {
      const info = Deno.statSync(join(directory, path));
      if (info.size !== size) return `broken: ${path} has the wrong size`;
      const writtenS = component.writtenS?.[path];
      if (writtenS !== undefined && writtenS !== secondsOf(info)) return `broken: ${path} was written to`;
    }
    return { directory, component };
  } catch (error) {
    if (!await exists(directory)) return "absent";
    return `broken: ${error instanceof Error ? error.message : error}`;
  }
}

/** Every whole entry, with the bytes it takes on disk. */
export async function listEntries(
  cacheDir: string,
): Promise<(Entry<unknown> & { id: string; sizeBytes: number })[]> {
  const entries = [];
  for (const kind of await names(join(cacheDir, "entries"))) {
    for (const name of await names(join(cacheDir, "entries", kind))) {
      const id = join(kind, name);
      const entry = await readEntry({ cacheDir }, id);
      if (typeof entry === "object") {
        entries.push({ ...entry, id, sizeBytes: await diskBytes(entry.directory) });
      }
    }
  }
  return entries;
}

/**
 * Removes everything in the cache.
 *
 * @throws {CannotTestError} a run is using the cache
 */
export async function clearCache(cacheDir: string): Promise<void> {
  using lock = await FileLock.tryAcquire(join(cacheDir, "locks", "in-use"));
  if (lock === undefined) {
    throw new CannotTestError(`${cacheDir}: in use by a run; wait for its end, then clear again`);
  }
  for (const name of await names(cacheDir)) {
    // The lock files stay: a run that starts now must meet the lock that we hold.
    if (name !== "locks") await Deno.remove(join(cacheDir, name), { recursive: true });
  }
}

/** Bytes that a folder takes on disk; 0 when it doesn't exist. */
export async function diskBytes(directory: string): Promise<number> {
  let bytes = 0;
  for (const name of await names(directory)) {
    const path = join(directory, name);
    const info = await Deno.lstat(path);
    bytes += info.isDirectory ? await diskBytes(path) : (info.blocks ?? 0) * 512;
  }
  return bytes;
}

/** Writes a file so that readers see the old or the new content, never a part. */
export async function writeWhole(path: string, text: string): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  const temporary = join(dirname(path), `.${basename(path)}.${crypto.randomUUID()}`);
  await Deno.writeTextFile(temporary, text);
  await Deno.rename(temporary, path);
}

async function fillEntry<Data>(
  context: Context,
  id: string,
  request: EntryRequest<Data>,
): Promise<Entry<Data>> {
  const temporary = join(context.cacheDir, "tmp", lockName(id));
  const directory = join(context.cacheDir, "entries", id);
  // We hold the entry's lock, so whatever stands there was left by a process that is gone.
  await removeTree(temporary);
  await Deno.mkdir(temporary, { recursive: true });
  try {
    const { data, required: named } = await request.fill(temporary);
    const required = named === "all" ? await plainFilesBelow(temporary) : named;
    const component: Component<Data> = {
      format: formatVersion,
      kind: request.kind,
      label: request.label,
      inputs: request.inputs,
      packages: request.packages,
      created: new Date().toISOString(),
      ...traces(temporary, required),
      data,
    };
    await Deno.writeTextFile(join(temporary, "component.json"), `${JSON.stringify(component, null, 1)}\n`);
    await Deno.mkdir(dirname(directory), { recursive: true });
    await removeTree(directory);
    await Deno.rename(temporary, directory);
    return { directory, component };
  } catch (error) {
    await removeTree(temporary);
    throw error;
  }
}

/** Removes what interrupted runs left in `tmp/`: an unlocked folder has no owner any more. */
async function removeAbandoned(cacheDir: string): Promise<void> {
  for (const name of await names(join(cacheDir, "tmp"))) {
    using lock = await FileLock.tryAcquire(join(cacheDir, "locks", name));
    if (lock !== undefined) await removeTree(join(cacheDir, "tmp", name));
  }
}

/** Links are left out: those of a package may lead out of the folder. */
const plainFilesBelow = async (directory: string): Promise<string[]> =>
  (await filesBelow(directory)).filter((path) => Deno.lstatSync(join(directory, path)).isFile);

/** What tells later whether files are as they were. */
function traces(
  directory: string,
  paths: readonly string[],
): Pick<Component<unknown>, "required" | "writtenS"> {
  const infos = paths.map((path) => [path, Deno.statSync(join(directory, path))] as const);
  return {
    required: Object.fromEntries(infos.map(([path, { size }]) => [path, size])),
    writtenS: Object.fromEntries(infos.map(([path, info]) => [path, secondsOf(info)])),
  };
}

const secondsOf = ({ mtime }: Deno.FileInfo): number => Math.floor((mtime?.getTime() ?? 0) / 1000);

const userLocks = new Map<string, Promise<FileLock>>();

/** Marks the cache as used by this process until it ends, so that nobody clears it meanwhile. */
export function joinUsers(cacheDir: string): Promise<FileLock> {
  const held = userLocks.get(cacheDir) ?? becomeUser(cacheDir);
  userLocks.set(cacheDir, held);
  return held;
}

async function becomeUser(cacheDir: string): Promise<FileLock> {
  const lock = await FileLock.tryAcquire(join(cacheDir, "locks", "in-use"), "shared").catch((error) => {
    throw new CannotTestError(
      `${cacheDir}: can't be used as cache (${error.message}); set XDG_CACHE_HOME to a folder that can be written`,
      { cause: error },
    );
  });
  if (lock === undefined) {
    throw new CannotTestError(`${cacheDir}: being cleared by another process; start again`);
  }
  return lock;
}

function lockName(id: string): string {
  return id.replace("/", "--");
}

function lockPath(cacheDir: string, id: string): string {
  return join(cacheDir, "locks", lockName(id));
}

async function names(directory: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(directory), (entry) => entry.name)).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function removeTree(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
