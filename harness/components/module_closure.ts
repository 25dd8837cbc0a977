import { join } from "node:path";
import { ComponentError } from "./component_error.ts";
import { decompress } from "./decompress.ts";
import { filesBelow } from "./digest.ts";
import { moduleName, readModuleInfo } from "./modinfo.ts";
import type { Kernel, ModuleFile } from "./types.ts";

type KernelModules = Pick<Kernel, "spec" | "release" | "modulesDir">;

/**
 * Modules and all that they depend on, in an order in which they load. What is built into the kernel is left out.
 *
 * Dependencies are those that each module names itself: Debian's packages hold no `modules.dep`.
 *
 * @param names in any spelling, `vfio-pci` or `vfio_pci`
 * @throws {ComponentError} a module is neither there nor built in
 */
export async function moduleClosure(kernel: KernelModules, names: readonly string[]): Promise<ModuleFile[]> {
  const paths = await modulePaths(kernel.modulesDir);
  const builtIn = await builtInModules(kernel.modulesDir);
  const ordered = new Map<string, ModuleFile>();
  const visited = new Set<string>();

  async function visit(name: string, path: string | undefined): Promise<void> {
    if (visited.has(name) || builtIn.has(name)) return;
    visited.add(name);
    if (path === undefined) throw missingModule(kernel, name);
    const data = await readModule(path);
    const { depends, softDepends } = readModuleInfo(data);
    // A soft dependency that isn't there is no obstacle to loading.
    for (const soft of softDepends) if (paths.has(soft)) await visit(soft, paths.get(soft));
    for (const dependency of depends) await visit(dependency, paths.get(dependency));
    ordered.set(name, { name, data });
  }

  for (const name of names.map(moduleName)) await visit(name, paths.get(name));
  return [...ordered.values()];
}

/** Names in `modules.builtin`, where each line is a path such as `kernel/drivers/virtio/virtio.ko`. */
export function parseBuiltIn(text: string): Set<string> {
  return new Set(text.split("\n").filter((line) => line !== "").map(moduleName));
}

async function builtInModules(modulesDir: string): Promise<Set<string>> {
  return parseBuiltIn(await Deno.readTextFile(join(modulesDir, "modules.builtin")));
}

async function modulePaths(modulesDir: string): Promise<Map<string, string>> {
  const files = (await filesBelow(modulesDir)).filter((path) => /\.ko(?:\.(?:xz|zst|gz))?$/.test(path));
  return new Map(files.map((path) => [moduleName(path), join(modulesDir, path)]));
}

async function readModule(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const data = await Deno.readFile(path);
  return path.endsWith(".ko") ? data : await decompress(data);
}

function missingModule(kernel: KernelModules, name: string): ComponentError {
  return new ComponentError(
    `module ${name} is neither in ${kernel.spec} (${kernel.release}) nor built into it; ` +
      "take a kernel that has it, or the flavour without @cloud",
  );
}
