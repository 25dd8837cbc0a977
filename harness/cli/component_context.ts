import process from "node:process";
import { defaultCacheDir } from "../components/cache.ts";
import type { Context } from "../components/types.ts";

/** Components for a command: the user's cache; what goes on is told on standard error. */
export function componentContext(): Context {
  return { cacheDir: defaultCacheDir(), progress: (message) => void process.stderr.write(`${message}\n`) };
}

/** Rows in columns, two blanks apart. Columns whose number is in `right` are aligned to the right. */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const cell = (text: string, column: number) =>
    right.includes(column) ? text.padStart(widths[column]!) : text.padEnd(widths[column]!);
  return rows.map((row) => `${row.map(cell).join("  ").trimEnd()}\n`).join("");
}

/** `107 MB` */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}
