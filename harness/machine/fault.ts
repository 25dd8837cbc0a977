/** A fault of a machine file, and where it stands below what it is a part of. */
export interface Fault {
  readonly path: readonly (string | number)[];
  readonly message: string;
}
