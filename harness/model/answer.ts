/** The name of an error number; the probe writes `E` and the number for one it has no name for. */
export type Errno = `E${string}`;

/** Where the specification says it: `§4.1 row 8`, `§12 R1a`, `§2.2`, or several of these with commas between them. */
export type RuleText = `§${string}`;

/**
 * What a call answered, predicted and observed alike: the errno, or null and the values that came back,
 * each in the one way it is written (see the probe's protocol).
 */
export interface Answer {
  readonly errno: Errno | null;
  readonly values: Readonly<Record<string, string>>;
  /** What decided a predicted answer, in SPEC.md; it is no part of what is compared. Every refusal has one. */
  readonly rule?: RuleText;
}

/** An answer that says no, and why. */
export interface Refusal extends Answer {
  readonly errno: Errno;
  readonly rule: RuleText;
}

/**
 * Success, with the values that the call returns.
 * @param rule left out where nothing had to be decided
 */
export const ok = (values: Record<string, string> = {}, rule?: RuleText): Answer =>
  rule === undefined ? { errno: null, values } : { errno: null, values, rule };

/** Refusal, by the rule that is the first to apply. */
export const refused = (errno: Errno, rule: RuleText): Refusal => ({ errno, values: {}, rule });

/** `ok size=0x1000` or `EINVAL`. */
export function answerText({ errno, values }: Answer): string {
  if (errno !== null) return errno;
  return ["ok", ...Object.entries(values).map(([key, value]) => `${key}=${value}`)].join(" ");
}
