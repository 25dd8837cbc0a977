import { run } from "./command.ts";
import type { Release } from "./releases.ts";
import { parseStanzas } from "./stanza.ts";
import type { Context, PackageId, ReleaseName } from "./types.ts";

/** One version of a package in the archive. */
export interface ArchivePackage extends PackageId {
  readonly release: ReleaseName;
  /** `bookworm-security` */
  readonly suite: string;
  readonly depends: string;
  readonly sizeBytes: number;
}

/** What identifies a package, without what else is known of it. */
export function packageId({ name, version, sha256 }: PackageId): PackageId {
  return { name, version, sha256 };
}

/** `107 MB`: what fetching these packages takes. */
export function totalMegabytes(packages: readonly { readonly sizeBytes: number }[]): string {
  return `${Math.round(packages.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) / 1e6)} MB`;
}

const wanted =
  /^Package: (?:linux-(?:image|binary|modules|base|headers|kbuild|source)-|qemu-system-(?:x86|arm)$|qemu-efi-aarch64$)/m;

/**
 * The packages that components are made of, from apt's verified lists: one line of JSON per version instead of
 * 57 MB of text, so that choosing a version needs no apt.
 *
 * @param env environment that makes apt use the private root
 */
export async function indexPackages(
  context: Context,
  release: Release,
  env: Readonly<Record<string, string>>,
): Promise<ArchivePackage[]> {
  const options = { env, signal: context.signal };
  const targets = await run(
    "apt-get",
    ["indextargets", "--format", "$(RELEASE) $(FILENAME)", "Created-By: Packages"],
    options,
  );
  const packages: ArchivePackage[] = [];
  for (const target of targets.split("\n").filter((line) => line !== "")) {
    const [suite, file] = splitOnce(target, " ");
    const text = await run("/usr/lib/apt/apt-helper", ["cat-file", file], options);
    packages.push(...packagesOf(text, release.name, suite));
  }
  return packages;
}

/** The wanted packages of one list. */
export function packagesOf(list: string, release: ReleaseName, suite: string): ArchivePackage[] {
  const stanzas = list.split("\n\n").filter((stanza) => wanted.test(stanza)).join("\n\n");
  return parseStanzas(stanzas)
    .filter((stanza) => !/-(?:dbg|rt-(?:amd64|arm64)(?:-unsigned)?|template)$/.test(stanza.get("Package")!))
    .map((stanza) => ({
      name: stanza.get("Package")!,
      version: stanza.get("Version")!,
      sha256: stanza.get("SHA256")!,
      release,
      suite,
      depends: stanza.get("Depends") ?? "",
      sizeBytes: Number(stanza.get("Size")),
    }));
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return [text.slice(0, at), text.slice(at + separator.length)];
}
