import { CannotTestError } from "../errors.ts";

/** A component can't be had. The message is one line: the spec, what there is instead, the mend. */
export class ComponentError extends CannotTestError {
  override readonly name: string = "ComponentError";
}

/** The archive was asked, and doesn't have what is wanted: a release, or in its lists what the spec asks for. */
export class NotInArchiveError extends ComponentError {
  override readonly name = "NotInArchiveError";
}
