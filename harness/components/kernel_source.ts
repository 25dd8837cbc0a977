import { join } from "node:path";
import { download, openAptRoot, withRecentLists } from "./apt_root.ts";
import { ensureEntry, entryId } from "./cache.ts";
import { packageOfKernel } from "./headers.ts";
import { packageId, totalMegabytes } from "./package_index.ts";
import { releaseOf } from "./releases.ts";
import { recall, remember } from "./resolutions.ts";
import type { Context, Kernel } from "./types.ts";
import { unpackDeb, unpackTar } from "./unpack.ts";

/**
 * Parts of the very source that a packaged kernel was built from. Fetches about 150 MB, keeps only the parts.
 *
 * @param subtree paths below the source's root, `drivers/vfio`
 * @returns folder in which the subtrees lie
 * @throws {ComponentError} the archive doesn't have the source of this kernel
 */
export async function kernelSource(
  kernel: Kernel,
  subtree: readonly string[],
  context: Context,
): Promise<string> {
  const paths = [...subtree].sort();
  const asked = [kernel.release, kernel.packages[0]!.version, ...paths].join(" ");
  const known = await recall<null>(context, "source", asked);
  if (known !== undefined) return known.entry.directory;
  return await withRecentLists((maxAgeMs) => fetchSource(kernel, paths, asked, context, maxAgeMs));
}

async function fetchSource(
  kernel: Kernel,
  paths: readonly string[],
  asked: string,
  context: Context,
  maxAgeMs: number,
): Promise<string> {
  const root = await openAptRoot(context, releaseOf(kernel.debianRelease), maxAgeMs);
  const name = `linux-source-${kernel.version.split(".").slice(0, 2).join(".")}`;
  const source = packageOfKernel(root, name, kernel);
  const packages = [packageId(source)];
  const request = {
    kind: "source" as const,
    label: kernel.version,
    inputs: { packages, paths },
    packages,
    async fill(directory: string) {
      context.progress(`fetching ${name} ${source.version} (${totalMegabytes([source])})`);
      const folder = join(directory, "packages");
      for (const file of await download(context, root, packages, folder)) {
        await unpackDeb(context, file, folder, ["./usr/src/*.tar.xz"]);
      }
      const archive = join(folder, "usr/src", `${name}.tar.xz`);
      const members = paths.map((path) => `${name}/${path}`);
      await unpackTar(context, archive, directory, ["--strip-components=1", ...members]);
      await Deno.remove(folder, { recursive: true });
      return { data: null, required: [] };
    },
  };
  const entry = await ensureEntry<null>(context, request);
  await remember(context, "source", asked, asked, entryId(request));
  return entry.directory;
}
