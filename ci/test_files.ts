import { globSync } from "node:fs";
import { relative, resolve } from "node:path";

/** A test file and how it is to be run. */
export interface TestFile {
  /** Relative to the repository. */
  path: string;
  deadlineMs: number;
  /** It boots guests, which use every core: it runs alone. */
  alone: boolean;
}

const DEADLINE_MS = 120_000;
const DEADLINE_LINE = /^\/\/ deadline: (\d+) s$/m;
/** A deadline must stand this near to the file's beginning. */
const HEAD_LINES = 10;

/**
 * Finds test files, in the order of their names.
 *
 * @param root the repository
 * @param selection files and folders, absolute; empty for all files in `tests`
 * @throws Error when a selection holds no test file
 */
export function findTestFiles(root: string, selection: readonly string[]): TestFile[] {
  const all = globSync("tests/**/*.test.ts", { cwd: root, exclude: ["**/node_modules/**"] });
  const chosen = new Set(selection.length === 0 ? all : selection.flatMap((path) => within(root, all, path)));
  return [...chosen].sort().map((path) => describe(root, path));
}

function within(root: string, all: readonly string[], selected: string): string[] {
  const path = relative(root, resolve(root, selected));
  const found = all.filter((file) => path === "" || file === path || file.startsWith(`${path}/`));
  if (found.length === 0) {
    throw new Error(`${selected}: no test file; name a *.test.ts file or a folder in tests/`);
  }
  return found;
}

function describe(root: string, path: string): TestFile {
  const head = Deno.readTextFileSync(resolve(root, path)).split("\n", HEAD_LINES).join("\n");
  const seconds = DEADLINE_LINE.exec(head)?.[1];
  return {
    path,
    deadlineMs: seconds === undefined ? DEADLINE_MS : Number(seconds) * 1000,
    alone: path.startsWith("tests/guest/"),
  };
}
