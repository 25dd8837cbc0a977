/** Finding what a misspelt name may have meant. */

const MAX_SUGGESTIONS = 3;

/**
 * Up to three of the names, nearest first, whose spelling is at most a third of the word's letters away. A
 * name `folder/rest` is also compared by its rest alone.
 */
export function near(word: string, names: readonly string[]): string[] {
  const farthest = Math.max(1, Math.floor(word.length / 3));
  return names
    .map((name) => ({ name, distance: Math.min(distance(word, name), distance(word, restOf(name))) }))
    .filter(({ distance }) => distance <= farthest)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, MAX_SUGGESTIONS)
    .map(({ name }) => name);
}

const restOf = (name: string): string => name.slice(name.indexOf("/") + 1);

/**
 * Number of letters to insert, remove, replace, or swap with the next one, to get from one word to the other
 * (Damerau and Levenshtein, no letter touched twice).
 */
export function distance(from: string, to: string): number {
  const [letters, others] = [[...from], [...to]];
  let before: number[] = [];
  let row = Array.from({ length: others.length + 1 }, (_, index) => index);
  for (const [line, letter] of letters.entries()) {
    const next = [line + 1];
    for (const [column, other] of others.entries()) {
      const replaced = (row[column] ?? 0) + (letter === other ? 0 : 1);
      const isSwap = column > 0 && letter === others[column - 1] && letters[line - 1] === other;
      const swapped = isSwap ? (before[column - 1] ?? 0) + 1 : Infinity;
      next.push(Math.min(replaced, swapped, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    [before, row] = [row, next];
  }
  return row.at(-1) ?? 0;
}
