import { join } from "node:path";
import { download, openAptRoot, withRecentLists } from "./apt_root.ts";
import { ensureEntry, type Entry, entryId } from "./cache.ts";
import { NotInArchiveError } from "./component_error.ts";
import { packageId, totalMegabytes } from "./package_index.ts";
import { releaseOf, releases } from "./releases.ts";
import { recall, remember } from "./resolutions.ts";
import { together } from "./together.ts";
import type { Context } from "./types.ts";
import { unpackDeb } from "./unpack.ts";
import { compareVersions } from "./version.ts";

const name = "qemu-efi-aarch64";
const image = "usr/share/qemu-efi-aarch64/QEMU_EFI.fd";

/**
 * UEFI for arm64 guests, which is what tells their kernels of a machine by ACPI: the newest that Debian has. It stays
 * the same until the cache is cleared.
 *
 * @returns path of the image
 * @throws {ComponentError} it can't be fetched
 */
export async function resolveUefi(context: Context): Promise<string> {
  const known = await recall<null>(context, "uefi", name);
  const { directory } = known?.entry ?? await withRecentLists((maxAgeMs) => fetchUefi(context, maxAgeMs));
  return join(directory, image);
}

async function fetchUefi(context: Context, maxAgeMs: number): Promise<Entry<null>> {
  const roots = await together(
    context,
    releases,
    (release, context) => openAptRoot(context, release, maxAgeMs),
  );
  const [newest] = roots.flatMap(({ packages }) => packages).filter((candidate) => candidate.name === name)
    .sort((left, right) => compareVersions(right.version, left.version));
  if (newest === undefined) throw new NotInArchiveError(`${name} is not in the archive`);
  const packages = [packageId(newest)];
  const request = {
    kind: "uefi" as const,
    label: newest.version,
    inputs: { packages },
    packages,
    async fill(directory: string) {
      context.progress(`fetching ${name} ${newest.version} (${totalMegabytes([newest])})`);
      const root = await openAptRoot(context, releaseOf(newest.release), maxAgeMs);
      const folder = join(directory, "packages");
      for (const file of await download(context, root, packages, folder)) {
        await unpackDeb(context, file, directory, [`./${image}`]);
      }
      await Deno.remove(folder, { recursive: true });
      return { data: null, required: [image] };
    },
  };
  const entry = await ensureEntry<null>(context, request);
  await remember(context, "uefi", name, name, entryId(request));
  return entry;
}
