/** What pinning the memory behind a mapping costs, and what it fails for. [spec §4.2, §8] */
import { type Refusal, refused } from "./answer.ts";
import { PAGE_SIZE } from "./constants.ts";
import { lockablePages } from "./process.ts";
import type { State } from "./state.ts";

/**
 * Kinds of memory that a process may have: `private` is anonymous and touched, `untouched` never was,
 * `read-only` neither and not writable, `none` can't be accessed at all, `shared` has no file system behind
 * it, `file` one that keeps track of what is to be written back, `huge` consists of huge pages, `scattered` of
 * pages no two of which are neighbours in the guest's memory, `device`
 * are registers of the device that was opened first, `transparent` is `private` memory in huge pages.
 */
export const MEMORY_KINDS = [
  "private",
  "untouched",
  "read-only",
  "none",
  "shared",
  "file",
  "huge",
  "scattered",
  "device",
  "transparent",
] as const;
export type MemoryKind = typeof MEMORY_KINDS[number];

/** The memory behind a mapping. */
export interface Backing {
  readonly kind: MemoryKind;
  /** Number of one page of it that can't be accessed. */
  readonly inaccessiblePage?: bigint;
}

/**
 * Pins page after page, until one can't be had or is one too many for the limit; then none is.
 * @param isWritten the device may write
 * @returns pages charged, or EFAULT or ENOMEM [kernel: vfio_pin_map_dma, vfio_pin_pages_remote]
 */
export function pin(state: State, size: bigint, isWritten: boolean, backing: Backing): bigint | Refusal {
  const pages = size / PAGE_SIZE;
  const failing = firstInaccessible(state, isWritten, backing);
  const charge = isFree(state, isWritten, backing) ? 0n : 1n;
  const reached = failing !== undefined && failing < pages ? failing : pages;
  const room = lockablePages(state);
  if (room !== undefined && reached * charge > room) return refused("ENOMEM", "§8 row 3");
  return reached < pages ? refused("EFAULT", "§4.2") : pages * charge;
}

/** Number of the first page that can't be pinned. */
function firstInaccessible({ semantics }: State, isWritten: boolean, backing: Backing): bigint | undefined {
  const { kind, inaccessiblePage } = backing;
  if (kind === "none") return 0n;
  if (isWritten && kind === "read-only") return 0n;
  if (isWritten && kind === "file" && !semantics.pinsFilesForWriting) return 0n;
  return inaccessiblePage;
}

/** Whether nothing is charged: for registers, and for the page that stands for memory nobody has written to. */
const isFree = ({ semantics }: State, isWritten: boolean, { kind }: Backing): boolean =>
  kind === "device" ||
  (!isWritten && (kind === "untouched" || kind === "read-only") && semantics.pinsZeroPage);
