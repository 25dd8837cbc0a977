import t from "#tap";
import { join } from "node:path";
import { NotInArchiveError } from "../../harness/components/component_error.ts";
import type { ArchivePackage } from "../../harness/components/package_index.ts";
import { previewKernel, previewQemu } from "../../harness/components/preview.ts";
import type { Context, ReleaseName } from "../../harness/components/types.ts";

function archived(name: string, version: string): ArchivePackage {
  const rest = { sha256: "0", suite: "bookworm", depends: "", sizeBytes: 1 };
  return { name, version, release: "bookworm", ...rest };
}

const PACKAGES = [
  archived("linux-image-6.1.0-55-amd64", "6.1.180-1"),
  archived("linux-image-6.1.0-56-amd64", "6.1.192-2"),
  archived("linux-image-6.1.0-56-cloud-amd64", "6.1.192-2"),
  archived("qemu-system-x86", "1:7.2+dfsg-7+deb12u18"),
  archived("qemu-system-arm", "1:7.2+dfsg-7+deb12u18"),
];

const ARM64_PACKAGES = [
  archived("linux-image-6.1.0-56-arm64", "6.1.192-2"),
  archived("linux-image-6.1.0-56-cloud-arm64-unsigned", "6.1.192-2"),
];

/** A cache that holds the archive's lists and nothing else. */
async function listsOnly(cacheDir: string): Promise<Context> {
  // No bullseye: its lists must not be asked for.
  const lists: Partial<Record<ReleaseName | `${ReleaseName}-arm64`, ArchivePackage[]>> = {
    bookworm: PACKAGES,
    trixie: [],
    "bookworm-arm64": ARM64_PACKAGES,
    "trixie-arm64": [],
  };
  for (const [release, packages] of Object.entries(lists)) {
    const folder = join(cacheDir, "apt", release);
    await Deno.mkdir(folder, { recursive: true });
    const index = { format: 2, refreshed: new Date().toISOString(), packages };
    await Deno.writeTextFile(join(folder, "index.json"), JSON.stringify(index));
  }
  return { cacheDir, progress: (message) => t.fail(`it does more than look: ${message}`) };
}

const KERNELS: readonly [spec: string, means: string, version: string][] = [
  ["debian:6.1", "debian:6.1.192", "6.1.192"],
  ["debian:6.1.180", "debian:6.1.180", "6.1.180"],
  ["debian:6.1@cloud", "debian:6.1.192@cloud", "6.1.192"],
  ["debian:6.1@arm64", "debian:6.1.192@arm64", "6.1.192"],
  ["debian:6.1@arm64@cloud", "debian:6.1.192@cloud@arm64", "6.1.192"],
];

t.test("what a spec means is known from the lists, and nothing is fetched", async (t) => {
  const context = await listsOnly(t.testdir());
  for (const [spec, means, version] of KERNELS) {
    t.same(await previewKernel(spec, context), {
      spec: means,
      version,
      arch: spec.includes("arm64") ? "arm64" : "amd64",
    }, spec);
  }
  for (const arch of ["amd64", "arm64"] as const) {
    t.same(await previewQemu("debian:7.2", arch, context), { spec: "debian:7.2", version: "7.2" }, arch);
  }
  await t.rejects(Deno.stat(join(context.cacheDir, "entries")), Deno.errors.NotFound);
});

t.test("what the archive doesn't have is said so", async (t) => {
  const context = await listsOnly(t.testdir());
  await t.rejects(previewKernel("debian:6.12", context), NotInArchiveError);
  await t.rejects(previewQemu("debian:10.0.13", "amd64", context), NotInArchiveError);
  await t.rejects(previewKernel("6.12", context), { name: "UsageError" });
});
