import { statfs } from "node:fs/promises";
import { ComponentError } from "./component_error.ts";

/**
 * Looks whether a folder has room for something.
 *
 * @param what for the message
 * @throws {ComponentError} it hasn't
 */
export async function requireRoom(directory: string, neededBytes: number, what: string): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const freeBytes = bavail * bsize;
  if (freeBytes >= neededBytes) return;
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
  throw new ComponentError(
    `${directory}: ${megabytes(freeBytes)} left, but ${what} need ${megabytes(neededBytes)}; ` +
      "make room there, or set XDG_CACHE_HOME to another place",
  );
}
