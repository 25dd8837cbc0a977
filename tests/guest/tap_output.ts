/** What `iovacheck run` prints, read by an independent parser of TAP. */
import { Parser, type Result } from "tap-parser";

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
  const object = (fault: unknown) => faults.push(String(fault));
  parser.on("child", (child: Parser) => {
    child.on("assert", (result: Result) => points.push(point(result)));
    child.on("extra", (extra: string) => object(`outside of TAP: ${extra}`));
    child.on(
      "complete",
      ({ failures }) => failures.filter(isFault).forEach(({ tapError }) => object(tapError)),
    );
  });
  parser.on("assert", (result: Result) => {
    cells.push({ ...point(result), points });
    points = [];
  });
  parser.on("bailout", (reason: string) => bailout = reason);
  parser.on("extra", (extra: string) => object(`outside of TAP: ${extra}`));
  parser.on(
    "complete",
    ({ failures }) => failures.filter(isFault).forEach(({ tapError }) => object(tapError)),
  );
  parser.end(text);
  return { cells, bailout, faults };
}

const isFault = (failure: { tapError?: string | null }): boolean => typeof failure.tapError === "string";

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
