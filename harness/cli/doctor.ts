import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import process from "node:process";
import type { Command } from "commander";
import { debianKeyring } from "../components/apt_root.ts";
import { buildWayMend, findBuildWay } from "../components/build_root.ts";
import { diskBytes, listEntries } from "../components/cache.ts";
import { programFolders } from "../components/command.ts";
import { findHostCompiler } from "../components/host_compiler.ts";
import { machineMirrors } from "../components/mirrors.ts";
import { releases } from "../components/releases.ts";
import type { Context } from "../components/types.ts";
import { lastKvmOutcome } from "../guest/accelerator.ts";
import { componentContext, megabytes, table } from "./component_context.ts";

/** What one check found. `problem` means that no run is possible; `note` that one is, with less. */
interface Finding {
  readonly state: "ok" | "note" | "problem";
  readonly subject: string;
  readonly text: string;
}

/** Oldest Deno that this program is tested with. */
const oldestDeno = "2.9.6";

/** Bytes that four kernels, three QEMU builds and the toolchains of both releases take in the cache. */
const neededBytes = 1.5e9;

/** Programs that every run starts, and the Debian packages that have them. */
const programs: Readonly<Record<string, string>> = {
  "apt-get": "apt",
  "apt-config": "apt",
  "/usr/lib/apt/apt-helper": "apt",
  "dpkg-deb": "dpkg",
  tar: "tar",
  sh: "dash",
  unshare: "util-linux",
  setpriv: "util-linux",
  mount: "mount",
  chroot: "coreutils",
};

/** `iovacheck doctor`: exit code 0 when a run is possible, 3 otherwise. */
export function register(program: Command): void {
  program.command("doctor")
    .description("check what a run needs on this machine")
    .action(async () => {
      const findings = await examine(componentContext());
      const isPossible = findings.every(({ state }) => state !== "problem");
      process.stdout.write(table(findings.map(({ state, subject, text }) => [state, subject, text])));
      process.stdout.write(
        isPossible ? "a run is possible\n" : "no run is possible: mend the problems above\n",
      );
      if (!isPossible) Deno.exitCode = 3;
    });
}

async function examine(context: Context): Promise<Finding[]> {
  return [
    checkDeno(),
    ...await Promise.all(Object.entries(programs).map(([program, owner]) => checkProgram(program, owner))),
    await checkXz(),
    await checkKeyring(),
    await checkMirrors(context),
    await checkBuilding(),
    await checkKvm(context),
    await checkDisk(context),
    await checkCache(context),
    await checkArm64(context),
  ];
}

function checkDeno(): Finding {
  const { deno } = Deno.version;
  const isOld = deno.localeCompare(oldestDeno, "en", { numeric: true }) < 0;
  return isOld
    ? {
      state: "note",
      subject: "deno",
      text: `${deno} is older than ${oldestDeno}, which this is tested with`,
    }
    : { state: "ok", subject: "deno", text: deno };
}

async function checkProgram(program: string, owner: string): Promise<Finding> {
  const path = await findProgram(program);
  return path === undefined
    ? { state: "problem", subject: program, text: `not found; apt-get install ${owner}` }
    : { state: "ok", subject: program, text: path };
}

async function checkXz(): Promise<Finding> {
  const found = await checkProgram("xz", "xz-utils");
  const lost = "kernels before 6.12 can't be unpacked, nor kernel sources";
  return found.state === "ok" ? found : { ...found, state: "note", text: `${lost}: ${found.text}` };
}

async function findProgram(program: string): Promise<string | undefined> {
  const folders = program.startsWith("/") ? [""] : programFolders().map((folder) => `${folder}/`);
  for (const path of folders.map((folder) => `${folder}${program}`)) if (await isThere(path)) return path;
  return undefined;
}

async function checkKeyring(): Promise<Finding> {
  return await isThere(debianKeyring) ? { state: "ok", subject: "keyring", text: debianKeyring } : {
    state: "problem",
    subject: "keyring",
    text: "packages can't be verified; apt-get install debian-archive-keyring",
  };
}

async function checkMirrors(context: Context): Promise<Finding> {
  try {
    const { main, security } = await machineMirrors(context);
    return {
      state: "ok",
      subject: "mirrors",
      text: `${main} ${security ?? "(no source for security updates)"}`,
    };
  } catch (error) {
    return {
      state: "problem",
      subject: "mirrors",
      text: error instanceof Error ? error.message : String(error),
    };
  }
}

async function checkBuilding(): Promise<Finding> {
  const way = await findBuildWay();
  if (way !== undefined) return { state: "ok", subject: "building", text: `in a ${way.name}` };
  const compilers = await Promise.all(releases.map(({ name }) => findHostCompiler(name)));
  const host = compilers.find((compiler) => compiler !== undefined);
  return host === undefined
    ? { state: "problem", subject: "building", text: buildWayMend }
    : { state: "note", subject: "building", text: `only the probe, with ${host.version}: ${buildWayMend}` };
}

async function checkKvm({ cacheDir }: Context): Promise<Finding> {
  const outcome = await lastKvmOutcome(cacheDir);
  if (outcome === undefined) {
    return { state: "note", subject: "kvm", text: "not tried since this machine booted" };
  }
  return outcome.accelerator === "kvm"
    ? { state: "ok", subject: "kvm", text: outcome.reason }
    : { state: "note", subject: "kvm", text: `guests are emulated (TCG): ${outcome.reason}` };
}

async function checkDisk({ cacheDir }: Context): Promise<Finding> {
  const { bavail, bsize } = await statfs(await nearestFolder(cacheDir));
  const freeBytes = bavail * bsize;
  const text = `${megabytes(freeBytes)} free for ${cacheDir}`;
  return freeBytes < neededBytes
    ? { state: "note", subject: "disk", text: `${text}; a first run takes up to ${megabytes(neededBytes)}` }
    : { state: "ok", subject: "disk", text };
}

async function checkCache({ cacheDir }: Context): Promise<Finding> {
  const entries = await listEntries(cacheDir);
  const has = (kind: string) => entries.some(({ component }) => component.kind === kind);
  const missing = ["kernel", "qemu", "toolchain", "probe"].filter((kind) => !has(kind));
  const held = `${entries.length} components, ${megabytes(await diskBytes(cacheDir))}`;
  return missing.length === 0
    ? { state: "ok", subject: "cache", text: held }
    : { state: "note", subject: "cache", text: `${held}; the next run fetches: ${missing.join(", ")}` };
}

/** What machines of the other architecture need besides is fetched when one is asked for. */
async function checkArm64({ cacheDir }: Context): Promise<Finding> {
  const entries = await listEntries(cacheDir);
  const has = (kind: string, mark: RegExp) =>
    entries.some(({ component }) => component.kind === kind && mark.test(component.label));
  const parts = { kernel: /-arm64$/, toolchain: /aarch64/, qemu: /@arm64$/ };
  const missing = Object.entries(parts).filter(([kind, mark]) => !has(kind, mark)).map(([kind]) => kind);
  return missing.length === 0
    ? { state: "ok", subject: "arm64", text: "a kernel, a compiler and a QEMU are in the cache" }
    : {
      state: "note",
      subject: "arm64",
      text: `the first run on an arm64 machine fetches: ${missing.join(", ")}`,
    };
}

async function nearestFolder(path: string): Promise<string> {
  return await isThere(path) ? path : await nearestFolder(dirname(path));
}

/** Is there something that this user can reach? */
async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    const absences = [Deno.errors.NotFound, Deno.errors.NotADirectory, Deno.errors.PermissionDenied];
    if (absences.some((absence) => error instanceof absence)) return false;
    throw error;
  }
}
