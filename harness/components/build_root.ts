import { join } from "node:path";
import { CannotTestError } from "../errors.ts";
import { CommandError, run } from "./command.ts";
import type { Context } from "./types.ts";

/** Folders that a command in a build root works with. */
export interface BuildPlace {
  /** Unpacked toolchain. */
  readonly toolchain: string;
  /** Unpacked kernel headers, `/headers` inside. */
  readonly headers?: string;
  /** The folder to build in, `/work` inside. */
  readonly work: string;
}

/** How this machine lets a command run with another root folder: a program with its first arguments. */
export interface BuildWay {
  /** For people, `user namespace`. */
  readonly name: string;
  readonly command: readonly [string, ...string[]];
}

interface Candidate extends BuildWay {
  readonly needsRoot: boolean;
  /** Succeeds when this way is open. */
  readonly trial: readonly [string, ...string[]];
}

const inNamespace = join(import.meta.dirname!, "build_root.sh");
const inCopy = join(import.meta.dirname!, "build_root_copy.sh");

const candidates: readonly Candidate[] = [
  {
    name: "user namespace",
    needsRoot: false,
    trial: ["unshare", "--map-root-user", "--mount", "--", "true"],
    command: ["unshare", "--map-root-user", "--mount", "--", "sh", inNamespace],
  },
  {
    name: "mount namespace",
    needsRoot: true,
    trial: ["unshare", "--mount", "--", "true"],
    command: ["unshare", "--mount", "--", "sh", inNamespace],
  },
  { name: "chroot", needsRoot: true, trial: ["chroot", "/", "true"], command: ["sh", inCopy] },
];

/**
 * Runs a command with the toolchain as its root folder, so that the machine's own compiler and libraries play no
 * part.
 *
 * @throws {CannotTestError} this machine forbids every way of doing so
 * @throws {CommandError} the command failed
 */
export async function runInBuildRoot(
  place: BuildPlace,
  command: readonly string[],
  context: Context,
): Promise<void> {
  const way = await findBuildWay();
  if (way === undefined) throw new CannotTestError(`kernel modules can't be built: ${buildWayMend}`);
  const [program, ...args] = way.command;
  await run(program, [...args, place.toolchain, place.headers ?? "-", place.work, ...command], context);
}

/** What to do when there is no way. */
export const buildWayMend =
  "this machine forbids user namespaces and chroot; allow user namespaces, or run as root with CAP_SYS_CHROOT";

let known: Promise<BuildWay | undefined> | undefined;

/** The first way that works on this machine; nothing when none does. Found out once per process. */
export function findBuildWay(): Promise<BuildWay | undefined> {
  return known ??= tryWays();
}

async function tryWays(): Promise<BuildWay | undefined> {
  for (const candidate of candidates) {
    if (candidate.needsRoot && Deno.uid() !== 0) continue;
    const [program, ...args] = candidate.trial;
    try {
      await run(program, args);
      return candidate;
    } catch (error) {
      // Being refused is the answer that we came for.
      if (!(error instanceof CommandError)) throw error;
    }
  }
  return undefined;
}
