import { dirname, join, resolve } from "node:path";
import { CannotTestError } from "../errors.ts";
import { type Architecture, hostArchitecture, namesOf } from "./architecture.ts";
import { buildWayMend, findBuildWay, runInBuildRoot } from "./build_root.ts";
import { ensureEntry, type Entry } from "./cache.ts";
import { CommandError, run } from "./command.ts";
import { sourceDigests } from "./digest.ts";
import { resolveHeaders } from "./headers.ts";
import { findHostCompiler } from "./host_compiler.ts";
import { readModuleInfo } from "./modinfo.ts";
import { releaseOf } from "./releases.ts";
import { compilerProgram, resolveToolchain } from "./toolchain.ts";
import type { Context, Kernel, ReleaseName } from "./types.ts";

const probeSources = resolve(import.meta.dirname!, "../../guests/probe");
const probeFlags = ["-O2", "-static", "-pthread", "-Wall", "-Wextra", "-Werror"];

export interface ModuleBuild {
  /** Folder with the sources and a `Kbuild` or `Makefile` that names the modules in `obj-m`. */
  readonly sourceDir: string;
  readonly kernel: Kernel;
  readonly ctx: Context;
  /** What the modules call themselves; by default each as its file. */
  readonly moduleName?: string;
}

/**
 * The probe as a static program, built with the compiler of the kernel's release or taken from the cache.
 *
 * @param sourceDir folder whose C files make the program; the probe's own by default
 * @returns path of the program
 * @throws {CannotTestError} it doesn't compile, or nothing can be built on this machine
 */
export async function buildProbe(
  kernel: Kernel,
  context: Context,
  sourceDir = probeSources,
): Promise<string> {
  const release = compilerRelease(kernel);
  const compiler = await probeCompiler(release, kernel.arch, context);
  const sources = await sourceDigests(sourceDir);
  const units = Object.keys(sources).filter((path) => path.endsWith(".c"));
  if (units.length === 0) throw new CannotTestError(`${sourceDir}: no C source to build the probe from`);
  const entry = await ensureEntry<null>(context, {
    kind: "probe",
    label: kernel.arch === hostArchitecture ? release : `${release}-${kernel.arch}`,
    inputs: { compiler: compiler.identity, sources, flags: probeFlags },
    packages: [],
    async fill(directory) {
      context.progress(`building the probe with ${compiler.identity}`);
      const work = join(directory, "build");
      await copySources(sourceDir, Object.keys(sources), work);
      await build(sourceDir, () => compiler.compile(work, [...probeFlags, "-o", "probe", ...units]));
      await Deno.rename(join(work, "probe"), join(directory, "probe"));
      await Deno.remove(work, { recursive: true });
      return { data: null, required: ["probe"] };
    },
  });
  return join(entry.directory, "probe");
}

interface ProbeCompiler {
  readonly identity: string;
  /** Runs the compiler in the folder `work`. */
  compile(work: string, args: readonly string[]): Promise<unknown>;
}

async function probeCompiler(
  release: ReleaseName,
  arch: Architecture,
  context: Context,
): Promise<ProbeCompiler> {
  if (await findBuildWay() === undefined) return await hostProbeCompiler(release, arch, context);
  const toolchain = await resolveToolchain(release, arch, context);
  const program = compilerProgram(releaseOf(release).compiler, arch);
  return {
    identity: identity(toolchain),
    compile: (work, args) =>
      runInBuildRoot({ toolchain: toolchain.directory, work }, [program, ...args], context),
  };
}

async function hostProbeCompiler(
  release: ReleaseName,
  arch: Architecture,
  context: Context,
): Promise<ProbeCompiler> {
  const host = await findHostCompiler(release, arch);
  if (host === undefined) {
    const { compiler } = releaseOf(release);
    throw new CannotTestError(
      `the probe can't be built: ${buildWayMend}, or install ${compiler} and libc6-dev on a machine with Debian ${release}`,
    );
  }
  return {
    identity: host.version,
    compile: (work, args) => run(host.program, args, { cwd: work, signal: context.signal }),
  };
}

/**
 * A kernel module for a packaged kernel, built or taken from the cache, without debugging information.
 *
 * @returns path of the `.ko`
 * @throws {CannotTestError} it doesn't compile, isn't one module, or nothing can be built on this machine
 * @throws {ComponentError} no headers for this kernel
 */
export async function buildModule(request: ModuleBuild): Promise<string> {
  const [file, ...others] = await buildModules(request);
  if (file !== undefined && others.length === 0) return file;
  throw new CannotTestError(`${request.sourceDir}: builds more than one module; name one in obj-m`);
}

/**
 * All modules of a folder, in one build, which takes far less time than one after the other.
 *
 * @returns paths of the `.ko`, in the order of their names
 * @throws as buildModule does
 */
export async function buildModules({ sourceDir, kernel, ctx, moduleName }: ModuleBuild): Promise<string[]> {
  const toolchain = await resolveToolchain(compilerRelease(kernel), kernel.arch, ctx);
  const headers = await resolveHeaders(kernel, ctx);
  const sources = await sourceDigests(sourceDir);
  const entry = await ensureEntry<{ files: string[] }>(ctx, {
    kind: "module",
    label: `${sourceDir.replace(/^.*\//, "")}-${kernel.release}`,
    inputs: {
      toolchain: identity(toolchain),
      headers: identity(headers),
      sources,
      moduleName: moduleName ?? null,
    },
    packages: [],
    async fill(directory) {
      ctx.progress(`building module ${sourceDir.replace(/^.*\//, "")} for ${kernel.release}`);
      const work = join(directory, "build");
      await copySources(sourceDir, Object.keys(sources), work);
      const place = { toolchain: toolchain.directory, headers: headers.directory, work };
      await build(sourceDir, () => runInBuildRoot(place, makeCommand(kernel, moduleName), ctx));
      const files = await modulesIn(work, sourceDir);
      await runInBuildRoot(place, [`${namesOf[kernel.arch].triplet}-strip`, "--strip-debug", ...files], ctx);
      for (const file of files) {
        await Deno.rename(join(work, file), join(directory, file));
        await requireBuiltFor(kernel, join(directory, file));
      }
      await Deno.remove(work, { recursive: true });
      return { data: { files }, required: files };
    },
  });
  return entry.component.data.files.map((file) => join(entry.directory, file));
}

/** The release whose compiler builds what the kernel runs. */
function compilerRelease({ debianRelease }: Kernel): ReleaseName {
  return releaseOf(debianRelease).compilerFrom ?? debianRelease;
}

function makeCommand(kernel: Kernel, moduleName: string | undefined): string[] {
  const { compiler, compilerFrom } = releaseOf(kernel.debianRelease);
  return [
    "make",
    "--silent",
    `--jobs=${navigator.hardwareConcurrency}`,
    "-C",
    `/headers/usr/src/linux-headers-${kernel.release}`,
    "M=/work",
    // Type information would need the whole vmlinux and pahole, and nothing here reads it.
    "CONFIG_DEBUG_INFO_BTF_MODULES=",
    // Headers name the compiler of their own release.
    ...(compilerFrom === undefined ? [] : [`CC=${compilerProgram(compiler, kernel.arch)}`]),
    ...(kernel.arch === hostArchitecture ? [] : [`CROSS_COMPILE=${namesOf[kernel.arch].triplet}-`]),
    // Debugging information would be stripped in any case, and takes a good part of the time.
    "KCFLAGS=-g0",
    // Kbuild's own variable; two files of one name, in two folders, it would refuse. [kernel: scripts/Makefile.lib]
    ...(moduleName === undefined ? [] : [`modname=${moduleName}`]),
    "modules",
  ];
}

/** A failed build names the sources; the compiler's own words are in the message. */
async function build(sourceDir: string, command: () => Promise<unknown>): Promise<void> {
  try {
    await command();
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const complaint = error.stderr.split("\n").find((line) => /\berror\b/i.test(line)) ?? error.message;
    throw new CannotTestError(`${sourceDir} does not build: ${complaint.trim()}`, { cause: error });
  }
}

async function copySources(from: string, paths: readonly string[], to: string): Promise<void> {
  for (const path of paths) {
    await Deno.mkdir(dirname(join(to, path)), { recursive: true });
    await Deno.copyFile(join(from, path), join(to, path));
  }
}

async function modulesIn(directory: string, sourceDir: string): Promise<string[]> {
  const names = await Array.fromAsync(Deno.readDir(directory), (entry) => entry.name);
  const files = names.filter((name) => name.endsWith(".ko")).sort();
  if (files.length > 0) return files;
  throw new CannotTestError(`${sourceDir}: builds no module; name one in obj-m`);
}

async function requireBuiltFor(kernel: Kernel, file: string): Promise<void> {
  const { vermagic } = readModuleInfo(await Deno.readFile(file));
  if (vermagic.startsWith(`${kernel.release} `)) return;
  throw new CannotTestError(`${file}: built for "${vermagic}" instead of ${kernel.release}`);
}

function identity(entry: Entry<unknown>): string {
  return entry.directory.replace(/^.*\//, "");
}
