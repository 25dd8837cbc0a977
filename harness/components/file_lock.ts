import { dirname } from "node:path";

/** Shared locks of one file can be held together. */
export type LockMode = "exclusive" | "shared";

/**
 * A lock on a file, exclusive or shared, held until disposed or until the process is gone, however it ends.
 *
 * The kernel keeps the lock (flock), so it also works between containers that share the file system, and
 * nothing needs tidying after a crash. The empty file stays: removing it would let two processes hold "the" lock.
 */
export class FileLock implements Disposable {
  readonly #file: Deno.FsFile;

  private constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  /** Waits for the lock; `onWait` is called once if another holder has it. */
  static async acquire(
    path: string,
    mode: LockMode = "exclusive",
    onWait: () => void = () => {},
  ): Promise<FileLock> {
    const file = await openLockFile(path);
    if (!await file.tryLock(mode === "exclusive")) {
      onWait();
      await file.lock(mode === "exclusive");
    }
    return new FileLock(file);
  }

  /** @returns nothing when another holder has the lock */
  static async tryAcquire(path: string, mode: LockMode = "exclusive"): Promise<FileLock | undefined> {
    const file = await openLockFile(path);
    if (await file.tryLock(mode === "exclusive")) return new FileLock(file);
    file.close();
    return undefined;
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

async function openLockFile(path: string): Promise<Deno.FsFile> {
  await Deno.mkdir(dirname(path), { recursive: true });
  return await Deno.open(path, { read: true, write: true, create: true });
}
