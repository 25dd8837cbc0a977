import { type Counts, type Event, type Verdict, VERDICTS, zeroCounts } from "./events.ts";

/** What a run came to so far: a fold over its events. */
export interface Summary {
  /** Cells that were run to their end. */
  cells: number;
  cellsSkipped: number;
  /** Cells that a crash, a hang or a fault of the harness ended. */
  cellsFaulted: number;
  /** Cells whose groups, regions or aperture aren't the predicted ones. */
  worldsMismatched: number;
  scenarios: number;
  /** Random sequences that were played. */
  sequences: number;
  /** Races of threads that were played and explained. */
  races: number;
  /** Verdicts of scenarios. */
  counts: Counts;
  /** How many scenarios each known issue explained. */
  deviations: Map<string, number>;
}

/** Told even when there are none: their absence is the news. */
const ALWAYS: readonly Verdict[] = ["match", "known", "mismatch"];

/** A summary of nothing. */
export function emptySummary(): Summary {
  return {
    cells: 0,
    cellsSkipped: 0,
    cellsFaulted: 0,
    worldsMismatched: 0,
    scenarios: 0,
    sequences: 0,
    races: 0,
    counts: zeroCounts(),
    deviations: new Map(),
  };
}

/** Adds one event to the summary, in place. */
export function addToSummary(summary: Summary, event: Event): void {
  switch (event.type) {
    case "cell-skip":
      summary.cellsSkipped++;
      break;
    case "cell-end":
      summary.cells++;
      if (event.fault !== undefined) summary.cellsFaulted++;
      break;
    case "world-checked":
      if (event.verdict === "mismatch") summary.worldsMismatched++;
      break;
    case "scenario-end":
      summary.scenarios++;
      summary.counts[event.verdict]++;
      for (const name of event.deviations) addDeviation(summary, name);
      break;
    case "explored":
      summary.sequences += event.sequences;
      summary.counts.match += event.sequences - event.known - event.diverged;
      summary.counts.known += event.known;
      break;
    case "raced":
      summary.races += event.races;
      summary.counts.match += event.races;
  }
}

/** One line: `3 cells, 120 scenarios: 118 match, 2 known (sticky-edges ×2), 0 mismatch`. */
export function summaryText(summary: Summary): string {
  const verdicts = VERDICTS.filter((verdict) => ALWAYS.includes(verdict) || summary.counts[verdict] > 0)
    .map((verdict) =>
      `${summary.counts[verdict]} ${verdict}${verdict === "known" ? deviationNames(summary) : ""}`
    );
  const cells = [
    plural(summary.cells, "cell"),
    ...(summary.cellsSkipped > 0 ? [`${summary.cellsSkipped} skipped`] : []),
    ...(summary.cellsFaulted > 0 ? [`${summary.cellsFaulted} faulted`] : []),
    ...(summary.worldsMismatched > 0 ? [plural(summary.worldsMismatched, "world mismatch", "es")] : []),
  ];
  const chance = [
    ...(summary.sequences > 0 ? [plural(summary.sequences, "sequence")] : []),
    ...(summary.races > 0 ? [plural(summary.races, "race")] : []),
  ];
  const told = summary.scenarios > 0 ? [`${summary.scenarios} told of`] : [];
  const played = chance.length > 0 ? [...chance, ...told] : [plural(summary.scenarios, "scenario")];
  return `${cells.join(", ")}, ${played.join(", ")}: ${verdicts.join(", ")}`;
}

function addDeviation({ deviations }: Summary, name: string): void {
  deviations.set(name, (deviations.get(name) ?? 0) + 1);
}

function deviationNames({ deviations }: Summary): string {
  if (deviations.size === 0) return "";
  const names = [...deviations].sort(([a], [b]) => a < b ? -1 : 1);
  return ` (${names.map(([name, count]) => `${name} ×${count}`).join(", ")})`;
}

function plural(count: number, word: string, ending = "s"): string {
  return `${count} ${word}${count === 1 ? "" : ending}`;
}
