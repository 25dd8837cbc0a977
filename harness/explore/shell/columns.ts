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
  const [lefts, rights] = [left, right].map((items) => items.slice(head, items.length - tail));
  const differing = Array.from(
    { length: Math.max(left.length, right.length) - head - tail },
    (_, index) => ({ left: lefts?.[index] ?? "", right: rights?.[index] ?? "", isAlike: false }),
  );
  const isShort = head + differing.length + tail <= SHOWN_WHOLE;
  const [before, behind] = [left.slice(0, head), left.slice(left.length - tail)]
    .map((items) =>
      (isShort ? items : shortened(items)).map((text) => ({ left: text, right: text, isAlike: true }))
    );
  return [...before ?? [], ...differing, ...behind ?? []];
}

function shortened(items: readonly string[]): readonly string[] {
  const count = items.length - 2 * NEIGHBOURS;
  return count <= 0
    ? items
    : [...items.slice(0, NEIGHBOURS), `(${count} alike)`, ...items.slice(-NEIGHBOURS)];
}
