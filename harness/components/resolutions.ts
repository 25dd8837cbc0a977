import { join } from "node:path";
import { type ComponentKind, type Entry, joinUsers, readEntry, writeWhole } from "./cache.ts";
import type { Context } from "./types.ts";

/** Package lists and what was concluded from them are good for this long. */
export const freshForMs = 12 * 60 * 60 * 1000;

interface Resolution {
  /** Canonical spec of the component. */
  readonly spec: string;
  readonly entry: string;
  /** ISO 8601. */
  readonly resolved: string;
}

/** What a spec led to, and whether that was found out recently enough to trust for a series. */
export interface Remembered<Data> {
  /** Canonical spec of the component. */
  readonly spec: string;
  readonly entry: Entry<Data>;
  readonly isFresh: boolean;
  /** ISO 8601. */
  readonly resolved: string;
}

/** Notes that `asked` means, as of now, the component `spec` in the entry `id`. */
export async function remember(
  context: Context,
  kind: ComponentKind,
  asked: string,
  spec: string,
  id: string,
): Promise<void> {
  const resolution: Resolution = { spec, entry: id, resolved: new Date().toISOString() };
  // The canonical spec is remembered too: it is what reports tell people to type.
  for (const key of new Set([asked, spec])) {
    await writeWhole(pathOf(context, kind, key), `${JSON.stringify(resolution)}\n`);
  }
}

/** The entry that `asked` meant when it was last resolved; nothing if never, or if the entry is gone or broken. */
export async function recall<Data>(
  context: Context,
  kind: ComponentKind,
  asked: string,
): Promise<Remembered<Data> | undefined> {
  await joinUsers(context.cacheDir);
  const resolution = await readResolution(pathOf(context, kind, asked));
  if (resolution === undefined) return undefined;
  const entry = await readEntry<Data>(context, resolution.entry);
  if (entry === "absent") return undefined;
  if (typeof entry === "string") {
    context.progress(`${resolution.entry}: ${entry}`);
    return undefined;
  }
  const ageMs = Date.now() - Date.parse(resolution.resolved);
  return {
    spec: resolution.spec,
    entry,
    isFresh: ageMs >= 0 && ageMs < freshForMs,
    resolved: resolution.resolved,
  };
}

async function readResolution(path: string): Promise<Resolution | undefined> {
  try {
    return JSON.parse(await Deno.readTextFile(path)) as Resolution;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function pathOf(context: Context, kind: ComponentKind, spec: string): string {
  return join(context.cacheDir, "resolutions", kind, encodeURIComponent(spec));
}
