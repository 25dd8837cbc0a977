/** Matrices: which kernels, QEMUs and machines a run combines. */
import { type Position, positionText } from "../config.ts";
import { UsageError } from "../errors.ts";

/** What a matrix combines. */
export interface Axes {
  readonly kernels: readonly string[];
  readonly qemus: readonly string[];
  readonly machines: readonly string[];
}

/** In the order in which cells are combined. */
export const AXES = ["kernels", "qemus", "machines"] as const;

/** Some cells: those with one of each; an axis that isn't named stands for all of it. */
type Cut = { readonly [axis in keyof Axes]: Axes[axis] | undefined };

/** Cells that a matrix leaves out. */
export interface Exclusion extends Cut {
  readonly reason: string;
  readonly position: Position;
}

export interface Matrix extends Axes {
  readonly name: string;
  readonly position: Position;
  readonly exclusions: readonly Exclusion[];
  /** What is played where nothing is named. */
  readonly suites: readonly string[];
  /** Whether a cell for every pair of values is enough. */
  readonly coversPairs: boolean;
}

/** A cell as a matrix names it. */
export interface MatrixCell {
  readonly kernel: string;
  readonly qemu: string;
  readonly machine: string;
  /** Where and why the matrix leaves it out, if it does. */
  readonly excluded?: string;
}

/** Every cell, kernels first, machines last. */
export const cellsOf = ({ exclusions, ...axes }: Matrix): MatrixCell[] =>
  combined(axes).map((cell) => {
    const exclusion = exclusions.find((one) => isAbout(one, cell));
    return exclusion ? { ...cell, excluded: exclusionText(exclusion) } : cell;
  });

/** Each value with each of the others. */
export const combined = ({ kernels, qemus, machines }: Axes): MatrixCell[] =>
  kernels.flatMap((kernel) =>
    qemus.flatMap((qemu) => machines.map((machine) => ({ kernel, qemu, machine })))
  );

/** How many cells a matrix has, those that it leaves out included. */
export const sizeOf = ({ kernels, qemus, machines }: Axes): number =>
  kernels.length * qemus.length * machines.length;

/**
 * What of a matrix has one of the values; an empty list of them stands for all.
 * @throws UsageError for a value that the matrix doesn't have
 */
export function narrowed(matrix: Matrix, wanted: Axes): Matrix {
  for (const axis of AXES) {
    const missing = wanted[axis].find((value) => !matrix[axis].includes(value));
    if (missing === undefined) continue;
    const option = `--${axis.slice(0, -1)} ${missing}`;
    throw new UsageError(
      `${option}: matrix ${matrix.name} doesn't have it, but ${
        matrix[axis].join(", ")
      }; name one of these, or leave out --matrix`,
    );
  }
  const chosen = (axis: keyof Axes) =>
    wanted[axis].length === 0 ? matrix[axis] : matrix[axis].filter((value) => wanted[axis].includes(value));
  return { ...matrix, kernels: chosen("kernels"), qemus: chosen("qemus"), machines: chosen("machines") };
}

/** The matrix with other values in the place of its own; an empty list of them changes nothing. */
export function replaced(matrix: Matrix, other: Axes): Matrix {
  const chosen = (axis: keyof Axes) => other[axis].length === 0 ? matrix[axis] : other[axis];
  return { ...matrix, kernels: chosen("kernels"), qemus: chosen("qemus"), machines: chosen("machines") };
}

/** Whether the cell is one of those. */
export const isAbout = ({ kernels, qemus, machines }: Cut, cell: MatrixCell): boolean =>
  (kernels?.includes(cell.kernel) ?? true) && (qemus?.includes(cell.qemu) ?? true) &&
  (machines?.includes(cell.machine) ?? true);

const exclusionText = ({ reason, position }: Exclusion): string => `${reason} (${positionText(position)})`;
