/** The project's own configuration files. */
import { join, relative, resolve } from "node:path";
import * as z from "zod";
import { loadYaml } from "../config.ts";
import { UsageError } from "../errors.ts";
import { loadMachines, type Machine } from "../machine/machine.ts";
import type { Matrix } from "../matrix/matrix.ts";
import { linkMatrices, loadMatrices } from "../matrix/matrix_file.ts";
import { near } from "../scenario/near.ts";
import { loadScenarios, type Scenario, SCENARIO_SCHEMA, withoutDoubles } from "../scenario/scenario.ts";
import { Specification } from "../scenario/specification.ts";
import { loadSuites, type Suite } from "../scenario/suite.ts";
import { loadUnreachable, type Unreachable } from "../scenario/unreachable.ts";

const ROOT = resolve(import.meta.dirname ?? ".", "../..");
const CONFIGS = join(ROOT, "configs");

const PINS = z.strictObject({ kernel: z.string(), qemu: z.string(), "qemu-instead": z.string() });

/** How messages name a file: as seen from the project's root. */
const shown = (file: string): string => relative(ROOT, file);

/** Kernel and QEMU of a run that names none. */
export async function loadPins(): Promise<z.infer<typeof PINS>> {
  const file = join(CONFIGS, "components.lock.yaml");
  const [pins] = await loadYaml(file, shown(file), PINS);
  if (!pins) throw new RangeError("a YAML file has a document");
  return pins.value;
}

/** Every machine, file by file. */
export async function loadAllMachines(): Promise<Machine[]> {
  const files = await yamlFiles(join(CONFIGS, "machines"));
  return (await Promise.all(files.map((file) => loadMachines(file, shown(file))))).flat();
}

/**
 * The machines of these names, in this order.
 * @throws UsageError for a name that no machine has
 */
export async function loadMachinesNamed(names: readonly string[]): Promise<Machine[]> {
  const all = await loadAllMachines();
  return names.map((name) => {
    const machine = all.find((machine) => machine.name === name);
    if (machine) return machine;
    throw new UsageError(`no machine is called ${name}; there are ${all.map(({ name }) => name).join(", ")}`);
  });
}

/** Every matrix, file by file. */
export async function loadAllMatrices(): Promise<Matrix[]> {
  const { kernel, qemu } = await loadPins();
  const [machines, suites] = await Promise.all([loadAllMachines(), loadAllSuites()]);
  const known = {
    kernel,
    qemu,
    machines: machines.map(({ name }) => name),
    suites: suites.map(({ name }) => name),
  };
  const files = await yamlFiles(join(CONFIGS, "matrices"));
  const written = await Promise.all(files.map((file) => loadMatrices(file, shown(file), known)));
  return linkMatrices(written.flat());
}

/**
 * The matrix of this name.
 * @throws UsageError for a name that no matrix has
 */
export async function loadMatrixNamed(name: string): Promise<Matrix> {
  const all = await loadAllMatrices();
  const matrix = all.find((matrix) => matrix.name === name);
  if (matrix) return matrix;
  throw new UsageError(`no matrix is called ${name}; there are ${all.map(({ name }) => name).join(", ")}`);
}

/** Every scenario, folder by folder. */
export async function loadAllScenarios(): Promise<Scenario[]> {
  const base = join(CONFIGS, "scenarios");
  const folders = await names(base, (entry) => entry.isDirectory);
  const perFolder = folders.map(async (folder) => {
    const files = await yamlFiles(join(base, folder));
    return (await Promise.all(files.map((file) => loadScenarios(file, shown(file), folder)))).flat();
  });
  return withoutDoubles((await Promise.all(perFolder)).flat());
}

const WRITTEN = z.looseObject({ scenario: z.string(), found: SCENARIO_SCHEMA.shape.found });

/**
 * A scenario as it is written, for who has to write it again.
 * @param named a file that holds one scenario, or the id of one of the project's own
 * @throws UsageError for what is neither, ConfigError for a fault in it
 */
export async function loadWritten(named: string): Promise<z.infer<typeof WRITTEN>> {
  if (/\.ya?ml$/.test(named)) {
    const scenarios = await loadScenarios(resolve(named), named, "shell");
    const [only] = await loadYaml(resolve(named), named, WRITTEN);
    if (only && scenarios.length === 1) return only.value;
    throw new UsageError(
      `${named}: holds ${scenarios.length} scenarios; write the one that is meant to a file of its own`,
    );
  }
  const all = await loadAllScenarios();
  const scenario = all.find(({ id }) => id === named);
  if (!scenario) {
    const like = near(named, all.map(({ id }) => id));
    const mend = like.length > 0
      ? `did you mean ${like.join(" or ")}?`
      : "`deno task iovacheck scenarios` lists them";
    throw new UsageError(`no scenario is called ${named}, and a file ends in .yaml; ${mend}`);
  }
  const { file } = scenario.position;
  const documents = await loadYaml(join(ROOT, file), file, WRITTEN);
  const written = documents.find(({ value }) => named.endsWith(`/${value.scenario}`));
  if (!written) throw new RangeError(`${file} has scenario ${named}`);
  return written.value;
}

/** Every suite. */
export async function loadAllSuites(): Promise<Suite[]> {
  const files = await yamlFiles(join(CONFIGS, "suites"));
  return (await Promise.all(files.map((file) => loadSuites(file, shown(file))))).flat();
}

/** The specification of the reference model. */
export async function loadSpecification(): Promise<Specification> {
  return new Specification(await Deno.readTextFile(join(ROOT, "harness/model/SPEC.md")));
}

/** The rules that can't be exercised. */
export async function loadAllUnreachable(): Promise<Unreachable[]> {
  const file = join(CONFIGS, "unreachable.yaml");
  return await loadUnreachable(file, shown(file));
}

async function yamlFiles(folder: string): Promise<string[]> {
  const files = await names(folder, (entry) => entry.isFile && entry.name.endsWith(".yaml"));
  return files.map((name) => join(folder, name));
}

async function names(folder: string, isWanted: (entry: Deno.DirEntry) => boolean): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).filter(isWanted).map(({ name }) => name).sort();
}
