import { execa } from "execa";
import { commandError, execaOptions, guarded, run } from "./command.ts";
import { together } from "./together.ts";
import type { Context } from "./types.ts";

/**
 * Unpacks a package file into a folder; its scripts don't run.
 *
 * @param patterns of tar (`*` also matches `/`): only what matches one of them is unpacked. A pattern that
 * matches nothing is no error. Without patterns everything is unpacked but documentation.
 */
export async function unpackDeb(
  context: Context,
  file: string,
  directory: string,
  patterns?: readonly string[],
): Promise<void> {
  const selection = patterns ??
    ["--exclude=./usr/share/doc", "--exclude=./usr/share/man", "--exclude=./usr/share/locale"];
  const args = ["--extract", `--directory=${directory}`, ...extractOptions, ...selection];
  try {
    await execa(...guarded("dpkg-deb", ["--fsys-tarfile", file]), {
      ...execaOptions(context),
      buffer: { stdout: false },
    })
      .pipe(...guarded("tar", args), { ...execaOptions(context), stdin: "pipe" });
  } catch (error) {
    const described = commandError("tar", args, error);
    if (patterns === undefined || !isOnlyUnmatched(described)) throw described;
  }
}

/** Unpacks many packages over one another, in folders laid out as Debian's merged /usr. */
export async function unpackRoot(
  context: Context,
  files: readonly string[],
  directory: string,
): Promise<void> {
  for (const folder of ["bin", "sbin", "lib", "lib64"]) {
    await Deno.mkdir(`${directory}/usr/${folder}`, { recursive: true });
    await Deno.symlink(`usr/${folder}`, `${directory}/${folder}`);
  }
  const waiting = files.values();
  // Most packages are small, so that starting two programs each takes longer than the unpacking.
  await together(context, [1, 2, 3, 4], async (_, context) => {
    for (const file of waiting) await unpackDeb(context, file, directory);
  });
}

/** Unpacks the members of a tar archive, of whatever compression, that lie below the given paths. */
export async function unpackTar(
  context: Context,
  file: string,
  directory: string,
  paths: readonly string[],
): Promise<void> {
  await run(
    "tar",
    ["--extract", `--directory=${directory}`, ...extractOptions, `--file=${file}`, ...paths],
    context,
  );
}

const extractOptions = [
  "--no-same-owner",
  "--no-same-permissions",
  "--keep-directory-symlink",
  "--wildcards",
];

function isOnlyUnmatched(error: unknown): boolean {
  if (!(error instanceof Error && "stderr" in error && typeof error.stderr === "string")) return false;
  const lines = error.stderr.split("\n").filter((line) => line !== "");
  return lines.length > 0 &&
    lines.every((line) =>
      /: (?:Not found in archive|Exiting with failure status due to previous errors)$/.test(line)
    );
}
