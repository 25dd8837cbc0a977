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

/** Number of letters to insert, remove or replace to get from one word to the other (Levenshtein). */
export function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [line, letter] of [...from].entries()) {
    const next = [line + 1];
    for (const [column, other] of [...to].entries()) {
      const replaced = (row[column] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
