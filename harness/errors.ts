/**
 * The user asked for something that can't be meant: a malformed spec, an unknown option, a bad file.
 * The command line ends with exit code 2.
 */
export class UsageError extends Error {
  override readonly name: string = "UsageError";
}

/**
 * Nothing was found out about the kernel under test: a component is missing, a tool failed, the guest never
 * reached the probe. The command line ends with exit code 3.
 */
export class CannotTestError extends Error {
  override readonly name: string = "CannotTestError";
}
