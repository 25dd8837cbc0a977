/** Mutants: the packaged kernel's vfio_iommu_type1 with one small fault. */
import { join } from "node:path";
import { buildModule } from "../../harness/components/build.ts";
import { defaultCacheDir } from "../../harness/components/cache.ts";
import { resolveKernel } from "../../harness/components/kernel.ts";
import { kernelSource } from "../../harness/components/kernel_source.ts";

/** A change of one function; the old text must be there exactly once. */
export interface Edit {
  readonly in: string;
  readonly replace: string;
  readonly by: string;
}

const MODULE = "vfio_iommu_type1";
const SOURCES = [`drivers/vfio/${MODULE}.c`, "drivers/vfio/vfio.h"];

const context = { cacheDir: defaultCacheDir(), progress: () => {} };

/**
 * Builds a mutant, or takes it from the cache.
 * @param name for the cache and for messages
 * @returns path of the module
 * @throws Error when an edit doesn't fit this kernel's source, CannotTestError when it doesn't compile
 */
export async function buildMutant(kernelSpec: string, name: string, edits: readonly Edit[]): Promise<string> {
  const kernel = await resolveKernel(kernelSpec, context);
  const folder = join(await kernelSource(kernel, SOURCES, context), "drivers/vfio");
  const source = await Deno.readTextFile(join(folder, `${MODULE}.c`));
  const parent = await Deno.makeTempDir();
  try {
    const sourceDir = join(parent, name);
    await Deno.mkdir(sourceDir);
    await Deno.copyFile(join(folder, "vfio.h"), join(sourceDir, "vfio.h"));
    await Deno.writeTextFile(join(sourceDir, "Kbuild"), `obj-m := ${MODULE}.o\n`);
    const mutated = edits.reduce((text, edit) => edited(text, edit, `${name}, ${kernel.spec}`), source);
    await Deno.writeTextFile(join(sourceDir, `${MODULE}.c`), mutated);
    return await buildModule({ sourceDir, kernel, ctx: context });
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
