/** Matrices as files write them, and what can be wrong with them. */
import * as z from "zod";
import { parseKernelSpec, parseQemuSpec } from "../components/spec.ts";
import { ConfigError, type Loaded, loadYaml, parseYaml, type Position, positionText } from "../config.ts";
import { UsageError } from "../errors.ts";
import { AXES, type Axes, combined, type Exclusion, isAbout, type Matrix } from "./matrix.ts";

/** Stands for what configs/components.lock.yaml says. */
const PINNED = "pinned";

/** Stands for every machine, or suite, that there is. */
const ALL = "all";

const NAME = z.string().regex(/^[a-z0-9][a-z0-9-]*$/, "write a name such as full");

/** A spec that can be read, or the word for the pinned one. */
const specOf = (parse: (spec: string) => unknown) =>
  z.string().superRefine((spec, { addIssue }) => {
    if (spec === PINNED) return;
    try {
      parse(spec);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      addIssue({ code: "custom", message: error.message });
    }
  });

const KERNELS = z.array(specOf(parseKernelSpec)).min(1, "write at least one kernel")
  .describe("Specs as for --kernel, or pinned: the kernel of configs/components.lock.yaml");
const QEMUS = z.array(specOf(parseQemuSpec)).min(1, "write at least one QEMU")
  .describe("Specs as for --qemu, or pinned: the QEMU of configs/components.lock.yaml");
const MACHINES = z.array(z.string()).min(1, "write at least one machine");
const SUITES = z.array(z.string()).min(1, "write at least one suite");

const EXCLUSION = z.strictObject({
  kernels: KERNELS.optional(),
  qemus: QEMUS.optional(),
  machines: MACHINES.optional(),
  reason: z.string().regex(/\S/, "say why"),
}).refine(({ kernels, qemus, machines }) => kernels ?? qemus ?? machines, {
  message: "write kernels, qemus or machines: which cells it is about",
}).describe("Cells that are left out: those with one of each of these");

/** A document of a matrix file: every combination of these. */
const PRODUCT_SCHEMA = z.strictObject({
  matrix: NAME,
  kernels: KERNELS,
  qemus: QEMUS,
  machines: z.union([z.literal(ALL), MACHINES], { error: `write ${ALL}, or a list of machines` }),
  suites: z.union([z.literal(ALL), SUITES], { error: `write ${ALL}, or a list of suites` })
    .describe("What is played where nothing is named"),
  exclude: z.array(EXCLUSION).default([]),
});

/** A document of a matrix file: as few cells of another matrix as have each of its pairs. */
const PAIRS_SCHEMA = z.strictObject({
  matrix: NAME,
  "pairs-of": z.string().describe("The matrix whose every pair of two values is to be in some cell"),
});

/** One document of a matrix file. */
export const MATRIX_SCHEMA = z.union([PRODUCT_SCHEMA, PAIRS_SCHEMA]);

/** What the words of a matrix file can mean. */
export interface Known {
  readonly machines: readonly string[];
  readonly suites: readonly string[];
  /** Specs that are pinned. */
  readonly kernel: string;
  readonly qemu: string;
}

type Product = Matrix & { readonly coversPairs: false };

/** A matrix that is made of another one. */
interface Pairs {
  readonly name: string;
  readonly position: Position;
  readonly of: string;
  readonly ofPosition: Position;
}

/** What a file says, before the matrices of all files are put together. */
export type Written = Product | Pairs;

/**
 * Reads the matrices of a file.
 * @throws ConfigError that points at the first fault
 */
export async function loadMatrices(file: string, shownAs: string, known: Known): Promise<Written[]> {
  return (await loadYaml(file, shownAs, z.unknown())).map((document) => toWritten(document, known));
}

/** The same for a text already at hand. */
export const parseMatrices = (text: string, shownAs: string, known: Known): Written[] =>
  parseYaml(text, shownAs, z.unknown()).map((document) => toWritten(document, known));

/**
 * The matrices of all files, those that are made of others too.
 * @throws ConfigError for two of one name, or one that is made of none
 */
export function linkMatrices(written: readonly Written[]): Matrix[] {
  const byName = new Map<string, Written>();
  for (const matrix of written) {
    const earlier = byName.get(matrix.name);
    if (earlier) {
      const where = positionText(earlier.position);
      throw new ConfigError(
        matrix.position,
        `matrix ${matrix.name} stands at ${where} already; rename this one`,
      );
    }
    byName.set(matrix.name, matrix);
  }
  return written.map((matrix) => "of" in matrix ? pairsOf(matrix, byName.get(matrix.of)) : matrix);
}

function pairsOf({ name, position, of, ofPosition }: Pairs, whole: Written | undefined): Matrix {
  if (whole && !("of" in whole)) return { ...whole, name, position, coversPairs: true };
  const fault = whole ? "is one of pairs itself" : "is not there";
  throw new ConfigError(ofPosition, `matrix ${of} ${fault}; name one with kernels, qemus and machines`);
}

function toWritten(document: Loaded<unknown>, known: Known): Written {
  const { value, at } = document;
  if (typeof value === "object" && value !== null && "pairs-of" in value) {
    const { matrix, "pairs-of": of } = document.parse(PAIRS_SCHEMA, []);
    return { name: matrix, position: at(["matrix"]), of, ofPosition: at(["pairs-of"]) };
  }
  const { matrix: name, exclude, ...written } = document.parse(PRODUCT_SCHEMA, []);
  const axes = {
    kernels: meant(written.kernels, known.kernel),
    qemus: meant(written.qemus, known.qemu),
    machines: written.machines === ALL ? known.machines : written.machines,
  };
  const exclusions = exclude.map(({ kernels, qemus, machines, reason }, index): Exclusion => ({
    kernels: kernels && meant(kernels, known.kernel),
    qemus: qemus && meant(qemus, known.qemu),
    machines,
    reason: reason.trim().replace(/\s+/g, " "),
    position: at(["exclude", index]),
  }));
  const suites = written.suites === ALL ? known.suites : written.suites;
  const faults = new Faults(document, known);
  faults.requireAxes(axes);
  faults.requireExclusions(axes, exclusions);
  faults.requireSuites(suites);
  return { name, position: at(["matrix"]), ...axes, exclusions, suites, coversPairs: false };
}

/** The specs with the pinned one in the place of the word for it. */
const meant = (specs: readonly string[], pinned: string): string[] =>
  specs.map((spec) => spec === PINNED ? pinned : spec);

/** What a schema can't find wrong with a matrix. */
class Faults {
  readonly #at: Loaded<unknown>["at"];
  readonly #known: Known;

  constructor({ at }: Loaded<unknown>, known: Known) {
    this.#at = at;
    this.#known = known;
  }

  /** @throws ConfigError for a machine that isn't there, or a value that stands twice */
  requireAxes(axes: Axes): void {
    this.#requireAmong(this.#known.machines, axes.machines, ["machines"], "there are");
    for (const axis of AXES) {
      const index = axes[axis].findIndex((value, index) => axes[axis].indexOf(value) < index);
      if (index < 0) continue;
      throw new ConfigError(this.#at([axis, index]), `${axes[axis][index]} stands here already; delete one`);
    }
  }

  /** @throws ConfigError for a suite that isn't there */
  requireSuites(suites: readonly string[]): void {
    this.#requireAmong(this.#known.suites, suites, ["suites"], "there are");
  }

  /** @throws ConfigError for an exclusion that names what the matrix doesn't have, or excludes nothing more */
  requireExclusions(axes: Axes, exclusions: readonly Exclusion[]): void {
    let left = combined(axes);
    for (const [index, exclusion] of exclusions.entries()) {
      for (const axis of AXES) {
        this.#requireAmong(axes[axis], exclusion[axis] ?? [], ["exclude", index, axis], "this matrix has");
      }
      const leaves = left.filter((cell) => !isAbout(exclusion, cell));
      if (leaves.length === left.length) {
        throw new ConfigError(exclusion.position, "all that this excludes is excluded further up; delete it");
      }
      if (leaves.length === 0) throw new ConfigError(exclusion.position, "this leaves no cell; exclude less");
      left = leaves;
    }
  }

  #requireAmong(all: readonly string[], values: readonly string[], path: PropertyKey[], what: string): void {
    const index = values.findIndex((value) => !all.includes(value));
    if (index < 0) return;
    const position = this.#at([...path, index]);
    throw new ConfigError(position, `${values[index]} is not among them: ${what} ${all.join(", ")}`);
  }
}
