/** Text in columns. */

/**
 * Rows in columns, two blanks apart.
 * @param least how wide columns are at least
 */
export function inColumns(rows: readonly (readonly string[])[], least: readonly number[] = []): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(least[column] ?? 0, ...rows.map((row) => (row[column] ?? "").length))
  );
  return rows.map((row) => row.map((text, column) => text.padEnd(widths[column] ?? 0)).join("  ").trimEnd());
}

/** Two lists that stand side by side, item beside item. */
export interface Pair {
  readonly left: string;
  readonly right: string;
  readonly isAlike: boolean;
}

/** Of items that are alike on both sides so many are shown before and behind what differs. */
const NEIGHBOURS = 2;

/** How many items a list may have that is shown whole. */
const SHOWN_WHOLE = 8;

/** Pairs what two lists have in common at either end; long stretches of it are left out, and counted. */
export function sideBySide(left: readonly string[], right: readonly string[]): Pair[] {
  const shorter = Math.min(left.length, right.length);
  let head = 0;
  while (head < shorter && left[head] === right[head]) head++;
  let tail = 0;
  while (tail < shorter - head && left.at(-1 - tail) === right.at(-1 - tail)) tail++;
  const alike = (items: readonly string[]) =>
    items.map((text) => ({ left: text, right: text, isAlike: true }));
  const between = Math.max(left.length, right.length) - head - tail;
  const differing = Array.from({ length: between }, (_, index) => ({
    left: (head + index < left.length - tail ? left[head + index] : undefined) ?? "",
    right: (head + index < right.length - tail ? right[head + index] : undefined) ?? "",
    isAlike: false,
  }));
  const before = alike(left.slice(0, head));
  const behind = alike(left.slice(left.length - tail));
  if (head + between + tail <= SHOWN_WHOLE) return [...before, ...differing, ...behind];
  return [
    ...before.slice(0, head > 2 * NEIGHBOURS ? NEIGHBOURS : head),
    ...leftOut(head > 2 * NEIGHBOURS ? head - 2 * NEIGHBOURS : 0),
    ...before.slice(head > 2 * NEIGHBOURS ? -NEIGHBOURS : head),
    ...differing,
    ...behind.slice(0, tail > 2 * NEIGHBOURS ? NEIGHBOURS : tail),
    ...leftOut(tail > 2 * NEIGHBOURS ? tail - 2 * NEIGHBOURS : 0),
    ...behind.slice(tail > 2 * NEIGHBOURS ? -NEIGHBOURS : tail),
  ];
}

function leftOut(count: number): Pair[] {
  const text = `(${count} alike)`;
  return count === 0 ? [] : [{ left: text, right: text, isAlike: true }];
}
