/** Property tests that count as assertions and tell how many cases they tried. */
import fc from "fast-check";

/** The part of a tap test that is used here. */
interface Assertions {
  ok(value: unknown, name: string, diagnostics: Record<string, unknown>): boolean;
}

/** Holds for every case that fast-check tries; the report of a failure has the seed and the smallest case. */
export function always<T>(t: Assertions, property: fc.IProperty<T>, parameters: fc.Parameters<T> = {}): void {
  const details = fc.check(property, parameters);
  const report = fc.defaultReportMessage(details);
  t.ok(report === undefined, `${details.numRuns} cases`, report === undefined ? {} : { report });
}

/** Some case refutes it: the proof that the property looks at what it says. */
export function refuted<T>(
  t: Assertions,
  name: string,
  property: fc.IProperty<T>,
  parameters: fc.Parameters<T> = {},
): void {
  const { failed, counterexample, numRuns } = fc.check(property, parameters);
  t.ok(failed && counterexample !== null, `${name}: refuted within ${numRuns} cases`, {});
}
