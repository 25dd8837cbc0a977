import { join } from "node:path";
import { type AptRoot, download } from "./apt_root.ts";
import type { Context, PackageId } from "./types.ts";
import { unpackRoot } from "./unpack.ts";

/** Fetches packages and unpacks them over one another into a folder, as a root to run programs from. */
export async function fillRoot(
  context: Context,
  root: AptRoot,
  packages: readonly PackageId[],
  directory: string,
): Promise<void> {
  const folder = join(directory, "packages");
  await unpackRoot(context, await download(context, root, packages, folder), directory);
  await Deno.remove(folder, { recursive: true });
}
