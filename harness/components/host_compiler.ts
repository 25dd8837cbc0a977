import { type Architecture, hostArchitecture } from "./architecture.ts";
import { CommandError, run } from "./command.ts";
import { releaseOf } from "./releases.ts";
import { compilerProgram } from "./toolchain.ts";
import type { ReleaseName } from "./types.ts";

/** The machine's own compiler. */
export interface HostCompiler {
  readonly program: string;
  /** First line of what it says of itself: part of the identity of what it builds. */
  readonly version: string;
}

/**
 * The machine's own compiler, if it is the one that a Debian release builds with and the machine runs that
 * release: then what it builds is the same as what the release's toolchain would build.
 */
export async function findHostCompiler(
  release: ReleaseName,
  arch: Architecture = hostArchitecture,
): Promise<HostCompiler | undefined> {
  if (await codename() !== release) return undefined;
  const { compiler } = releaseOf(release);
  const program = arch === hostArchitecture ? compiler : compilerProgram(compiler, arch);
  try {
    const banner = await run(program, ["--version"]);
    return { program, version: banner.split("\n")[0]! };
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}

async function codename(): Promise<string | undefined> {
  try {
    return (await Deno.readTextFile("/etc/os-release")).match(/^VERSION_CODENAME="?(\w+)"?$/m)?.[1];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
