/** Mutants: the packaged kernel's vfio_iommu_type1 with one small fault. */
import { basename, join } from "node:path";
import { buildModules, type ModuleBuild } from "../../harness/components/build.ts";
import { defaultCacheDir } from "../../harness/components/cache.ts";
import { resolveKernel } from "../../harness/components/kernel.ts";
import { kernelSource } from "../../harness/components/kernel_source.ts";
import type { Kernel } from "../../harness/components/types.ts";

/** A change of one function; the old text must be there exactly once. */
export interface Edit {
  readonly in: string;
  readonly replace: string;
  readonly by: string;
}

const MODULE = "vfio_iommu_type1";
const SOURCES = [`drivers/vfio/${MODULE}.c`, "drivers/vfio/vfio.h"];

const context = { cacheDir: defaultCacheDir(), progress: () => {} };

/** A fault by its name, and how it is made. */
export interface Change {
  /** For files, the cache and messages. */
  readonly name: string;
  readonly edits: readonly Edit[];
}

/**
 * Builds a mutant that a command line can name, or takes it from the cache.
 * @returns path of the module, `vfio_iommu_type1.ko` in a folder of its own
 * @throws Error when an edit doesn't fit this kernel's source, CannotTestError when it doesn't compile
 */
export async function buildMutant(kernelSpec: string, name: string, edits: readonly Edit[]): Promise<string> {
  const kernel = await resolveKernel(kernelSpec, context);
  const [file = ""] = await inFolder(name, kernel, [{ name: MODULE, edits }], buildModules);
  return file;
}

/**
 * Builds many mutants in one go, or takes them from the cache.
 * @returns path of each module by its name; all of them call themselves vfio_iommu_type1 when they are loaded
 * @throws as buildMutant does
 */
export async function buildMutants(
  kernelSpec: string,
  changes: readonly Change[],
): Promise<ReadonlyMap<string, string>> {
  const kernel = await resolveKernel(kernelSpec, context);
  const files = await inFolder(
    "mutants",
    kernel,
    changes,
    (request) => buildModules({ ...request, moduleName: MODULE }),
  );
  return new Map(files.map((file) => [basename(file, ".ko"), file]));
}

/** Lets something be done with the sources of modules, each in a file that is called by its name. */
async function inFolder<T>(
  folderName: string,
  kernel: Kernel,
  changes: readonly Change[],
  act: (request: ModuleBuild) => Promise<T>,
): Promise<T> {
  const folder = join(await kernelSource(kernel, SOURCES, context), "drivers/vfio");
  const source = await Deno.readTextFile(join(folder, `${MODULE}.c`));
  const parent = await Deno.makeTempDir();
  try {
    const sourceDir = join(parent, folderName);
    await Deno.mkdir(sourceDir);
    await Deno.copyFile(join(folder, "vfio.h"), join(sourceDir, "vfio.h"));
    const objects = changes.map(({ name }) => `obj-m += ${name}.o\n`);
    await Deno.writeTextFile(join(sourceDir, "Kbuild"), objects.join(""));
    for (const { name, edits } of changes) {
      const where = `${changes.length === 1 ? folderName : name}, ${kernel.spec}`;
      const mutated = edits.reduce((text, edit) => edited(text, edit, where), source);
      await Deno.writeTextFile(join(sourceDir, `${name}.c`), mutated);
    }
    return await act({ sourceDir, kernel, ctx: context });
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
}

function edited(source: string, { in: name, replace, by }: Edit, where: string): string {
  const definition = new RegExp(`^static [^;{}]*\\b${name}\\([^;{}]*\\)\\n\\{.*?^\\}`, "ms").exec(source);
  if (definition === null) throw new Error(`mutant ${where}: ${MODULE}.c has no function ${name}`);
  const [body] = definition;
  const parts = body.split(replace);
  if (parts.length !== 2) {
    const times = `${parts.length - 1} times`;
    throw new Error(`mutant ${where}: ${JSON.stringify(replace)} is ${times} in ${name}; it must be once`);
  }
  const at = definition.index;
  return source.slice(0, at) + parts.join(by) + source.slice(at + body.length);
}
