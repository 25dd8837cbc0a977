import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

/** What plays scenarios may reach, and so may what lets it play them. */
const UNDER_CHECK = [
  "model",
  "machine",
  "matrix/cover_pairs",
  "scenario",
  "guest",
  "components",
  "report/events",
  "errors",
  "config",
];

/**
 * Which part of the harness may import which others; itself always.
 *
 * A part is a folder of harness/ or, without its ending, a file in it or in one
 * of its folders. `type X` allows type imports only. The parts of a folder stand
 * in for it: a rule that names `report/events` allows no other file of report.
 */
export const RULES: Record<string, readonly string[]> = {
  errors: [],
  config: ["errors"],
  model: [],
  machine: ["model", "errors", "config"],
  scenario: ["model", "errors", "config"],
  components: ["errors", "config"],
  matrix: ["components/spec", "errors", "config"],
  guest: ["type components", "errors", "config"],
  report: ["type model", "errors"],
  check: UNDER_CHECK,
  bench: ["explore", "check", ...UNDER_CHECK],
  explore: ["check", "report/visible", ...UNDER_CHECK],
  bisect: ["check", ...UNDER_CHECK],
  cli: [
    "bench",
    "bisect",
    "check",
    "components",
    "config",
    "errors",
    "explore",
    "guest",
    "machine",
    "matrix",
    "model",
    "report",
    "scenario",
  ],
  main: ["cli", "errors"],
};

/** Parts that import no package and nothing of the platform. */
export const PURE: readonly string[] = ["model", "errors"];

/** One import of one module. */
export interface Import {
  /** Importing file, relative to the harness folder. */
  from: string;
  /** Imported file, relative to the harness folder, or a specifier such as `npm:yaml`. */
  to: string;
  typeOnly: boolean;
}

/** @returns one line per import that the rules don't allow */
export function violations(imports: readonly Import[]): string[] {
  return imports.map(violation).filter((text) => text !== undefined);
}

function violation({ from, to, typeOnly }: Import): string | undefined {
  const part = partOf(from);
  const allowed = RULES[part];
  if (allowed === undefined) return `${from}: no rule for ${part}; add one to ci/import_rules.ts`;
  if (!to.endsWith(".ts") || to.startsWith("..") || to.includes(":")) {
    return PURE.includes(part) ? `${from}: imports ${to}, but ${part} is pure` : undefined;
  }
  if (partOf(to) === part) return undefined;
  const names = [partOf(to), to.replace(/\.ts$/, "")];
  if (names.some((name) => allowed.includes(name) || (typeOnly && allowed.includes(`type ${name}`)))) {
    return undefined;
  }
  const hint = names.some((name) => allowed.includes(`type ${name}`)) ? "only its types" : allowed.join(", ");
  return `${from}: imports ${to}, but ${part} may import ${hint || "nothing"}`;
}

function partOf(path: string): string {
  return path.split("/")[0]?.replace(/\.ts$/, "") ?? path;
}

/** The part of `deno info --json` that is used here. */
interface ModuleGraph {
  modules: {
    specifier: string;
    error?: string;
    dependencies?: { specifier: string; code?: { specifier?: string }; type?: { specifier?: string } }[];
  }[];
}

/**
 * Finds every import, static or dynamic, of the harness's own files.
 *
 * @param harness the folder
 * @param config the Deno configuration that maps the imports
 * @param scratch a folder for a temporary module, outside of `harness`
 * @throws Error for a file that Deno can't parse, or an import that leads nowhere
 */
export async function findImports(harness: string, config: string, scratch: string): Promise<Import[]> {
  const entry = resolve(scratch, "entry.ts");
  await Deno.writeTextFile(
    entry,
    filesOf(harness).map((file) => `import ${JSON.stringify(file)};\n`).join(""),
  );
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--config", config, entry],
  }).output();
  if (!success) throw new Error(`deno info failed: ${new TextDecoder().decode(stderr).trim()}`);
  const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as ModuleGraph;
  const base = `${pathToFileURL(harness).href}/`;
  const own = modules.filter(({ specifier }) => specifier.startsWith(base));
  const broken = own.find(({ error }) => error !== undefined);
  if (broken !== undefined) throw new Error(`${broken.specifier}: ${broken.error}`);
  return own.flatMap(({ specifier, dependencies = [] }) =>
    dependencies.map(({ specifier: written, code, type }) => ({
      from: specifier.slice(base.length),
      to: relativeTo(base, code?.specifier ?? type?.specifier ?? written),
      typeOnly: code === undefined,
    }))
  );
}

function relativeTo(base: string, specifier: string): string {
  return specifier.startsWith(base) ? specifier.slice(base.length) : specifier;
}

function filesOf(folder: string): string[] {
  const files: string[] = [];
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = resolve(folder, name);
    if (isDirectory) files.push(...filesOf(path));
    else if (/\.tsx?$/.test(name)) files.push(pathToFileURL(path).href);
  }
  return files.sort();
}
