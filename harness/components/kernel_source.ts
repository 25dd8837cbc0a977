import { join } from "node:path";
import { download, withAptRoot } from "./apt_root.ts";
import { ensureEntry, entryId } from "./cache.ts";
import { packageOfKernel } from "./headers.ts";
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
  return await withAptRoot(context, releaseOf(kernel.debianRelease), async (root) => {
    const name = `linux-source-${kernel.version.split(".").slice(0, 2).join(".")}`;
    const { version, sha256, sizeBytes } = packageOfKernel(root, name, kernel);
    const packages = [{ name, version, sha256 }];
    const request = {
      kind: "source" as const,
      label: kernel.version,
      inputs: { packages, paths },
      packages,
      async fill(directory: string) {
        context.progress(`fetching ${name} ${version} (${Math.round(sizeBytes / 1e6)} MB)`);
        const folder = join(directory, "packages");
        for (const file of await download(context, root, packages, folder)) {
          await unpackDeb(context, file, folder, ["./usr/src/*.tar.xz"]);
        }
        const archive = join(folder, "usr/src", `${name}.tar.xz`);
        await unpackTar(context, archive, directory, [
          "--strip-components=1",
          ...paths.map((path) => `${name}/${path}`),
        ]);
        await Deno.remove(folder, { recursive: true });
        return { data: null, required: [] };
      },
    };
    const entry = await ensureEntry<null>(context, request);
    await remember(context, "source", asked, asked, entryId(request));
    return entry.directory;
  });
}
