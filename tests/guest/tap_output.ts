/** What `iovacheck run` prints, read by an independent parser of TAP. */
import { type FinalResults, Parser, type Result } from "tap-parser";

export interface Point {
  readonly name: string;
  readonly ok: boolean;
  /** Reason of a SKIP. */
  readonly skip: string | undefined;
  /** Reason of a TODO. */
  readonly todo: string | undefined;
  /** The YAML block. */
  readonly diagnostics: Readonly<Record<string, string>>;
}

export interface Cell extends Point {
  readonly points: readonly Point[];
}

export interface TapOutput {
  readonly cells: readonly Cell[];
  readonly bailout: string | undefined;
  /** What the parser objects to: broken plans, lines that are no TAP. */
  readonly faults: readonly string[];
}

export function readTap(text: string): TapOutput {
  const parser = new Parser({ strict: true });
  const faults: string[] = [];
  const cells: Cell[] = [];
  let points: Point[] = [];
  let bailout: string | undefined;
  const listen = (parser: Parser, take: (result: Result) => void) => {
    parser.on("assert", take);
    parser.on("extra", (extra: string) => faults.push(`outside of TAP: ${extra}`));
    parser.on("complete", (results: FinalResults) => faults.push(...faultsOf(results)));
  };
  parser.on("child", (child: Parser) => listen(child, (result) => points.push(point(result))));
  listen(parser, (result) => {
    cells.push({ ...point(result), points });
    points = [];
  });
  parser.on("bailout", (reason: string) => bailout = reason);
  parser.end(text);
  return { cells, bailout, faults };
}

/** Failures that are the parser's own. */
const faultsOf = ({ failures }: FinalResults): string[] =>
  failures.flatMap(({ tapError }) => typeof tapError === "string" ? [tapError] : []);

const point = ({ name, ok, skip, todo, diag }: Result): Point => ({
  name,
  ok,
  skip: reasonOf(skip),
  todo: reasonOf(todo),
  diagnostics: (diag ?? {}) as Record<string, string>,
});

const reasonOf = (directive: string | boolean): string | undefined =>
  directive === false ? undefined : String(directive);

/** Failures that count: not ok, and not known to be so. */
export const failuresOf = (cell: Cell): Point[] =>
  cell.points.filter(({ ok, todo }) => !ok && todo === undefined);

/** Names of the deviations that scenarios were found to show. */
export function deviationsIn(points: readonly Point[]): Set<string> {
  const reasons = points.flatMap(({ todo }) => todo === undefined ? [] : [todo]);
  return new Set(reasons.flatMap((reason) => reason.replace(/^known deviation /, "").split(", ")));
}
