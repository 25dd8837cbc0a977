/**
 * Where kernel versions differ. Rules that changed are switches; what is wrong in a range of versions is a
 * named deviation, which the model can be asked to imitate or not. [spec §12, §15]
 */
import type { Errno } from "./answer.ts";
import { compareVersions, type KernelVersion, parseVersion } from "./version.ts";

/** A way in which real kernels depart from what is right, and the versions that do so. */
export interface Deviation {
  readonly name: string;
  /** What a user of the kernel sees. */
  readonly summary: string;
  readonly spec: string;
  readonly from: string;
  /** First version that does it right; open while no kernel does. */
  readonly before?: string;
}

/**
 * Every deviation that the model can imitate. What came with fixes that a distribution may carry back into an
 * older version belongs here as well, not among the switches: then either answer is fine.
 */
export const DEVIATIONS = [
  {
    name: "sticky-edges",
    summary: "a detached group's region at an edge of the list stays excluded while its domain lives",
    spec: "§3.3, §12 Q1",
    from: "5.4",
  },
  {
    name: "unmap-to-the-end",
    summary: "UNMAP of a range that ends at 2^64 unmaps nothing and reports success",
    spec: "§5.3, §12 R1b",
    from: "4.0",
    before: "6.18",
  },
  {
    name: "map-at-the-top",
    summary: "a mapping that ends at 2^64 can be neither seen nor unmapped, and its pages stay pinned",
    spec: "§4.3, §12 R1a, R1c",
    from: "4.0",
    before: "6.18",
  },
  {
    name: "conflict-to-the-end",
    summary: "a reserved region that ends at 2^64 doesn't conflict with a mapping inside it",
    spec: "§2.3, §12 R1e",
    from: "5.4",
    before: "6.18",
  },
  {
    name: "dirty-to-the-end",
    summary: "the dirty pages of a range that ends at 2^64 can't be asked for",
    spec: "§7.1, §12 R1d",
    from: "5.8",
    before: "6.18",
  },
  {
    name: "stale-dirty-bits",
    summary:
      "pages behind a mapping are reported dirty once its bits had to be shifted for an earlier answer",
    spec: "§7.4, §12 Q2",
    from: "5.8",
  },
  {
    name: "wrap-is-einval",
    summary:
      "a range that wraps around is refused after other faults and like them, with EINVAL, not EOVERFLOW",
    spec: "§4.1 rows 3b and 6, §5.1 row 9",
    from: "4.0",
    before: "6.18",
  },
  {
    name: "unmap-by-tree",
    summary:
      "UNMAP that comes to a mapping which it may not remove has removed others, whichever its search met first",
    spec: "§5.2",
    from: "4.0",
    before: "5.12",
  },
  {
    name: "sibling-cuts-off",
    summary:
      "when one of several devices behind a conventional bus leaves, the others reach nothing until one comes",
    spec: "§12 Q4",
    from: "5.19",
  },
] as const satisfies readonly Deviation[];

export type DeviationName = typeof DEVIATIONS[number]["name"];

/** The rules of one kernel version. */
export interface Semantics {
  readonly version: KernelVersion;
  /** Alignment of each capability behind GET_INFO's header, in bytes. [spec §6.2] */
  readonly capabilityAlignmentBytes: number;
  /** SET_IOMMU knows the nesting type. [spec §1.5] */
  readonly knowsNesting: boolean;
  /**
   * CHECK_EXTENSION knows UNMAP_ALL, and SET_IOMMU lets that number through to the backend. UNMAP knows ALL,
   * and MAP and UNMAP know VADDR, which came with it. [spec §1.2, §1.5, §4.1 row 2, §5.1 row 2]
   */
  readonly knowsUnmapAll: boolean;
  /** SET_CONTAINER refuses a group whose DMA somebody else owns; before, GET_DEVICE_FD did. [spec §1.4, §1.6] */
  readonly claimsDmaOwnership: boolean;
  /** Nobody gets a device whose firmware requires a direct region, whatever its IOMMU; before, VT-d's driver alone said so. [spec §9.7] */
  readonly refusesDirectDevices: boolean;
  /** What SET_CONTAINER says to a negative descriptor, and to one of some other file. [spec §1.4 rows 2 and 6] */
  readonly containerErrnos: { readonly negative: Errno; readonly otherFile: Errno };
  /** SET_CONTAINER wants the descriptor to be open before it looks at the group. [spec §1.4 rows 3 and 4] */
  readonly looksUpContainerFirst: boolean;
  /**
   * A group whose devices are gone leaves its container at once, and is none any more for whoever has it open; before,
   * the last device waited until the group had left. [spec §1.3, §1.4 row 5, §1.7]
   */
  readonly losesGroups: boolean;
  /** GET_DEVICE_FD looks for the name before it looks at the group. [spec §1.6] */
  readonly looksUpDeviceFirst: boolean;
  /** Only the process that made a mapping can unmap it; another's UNMAP ends there. [spec §5.2] */
  readonly unmapsOwnOnly: boolean;
  /** A page that was never touched is pinned for reading as the zero page, which costs nothing. [spec §4.2, §8] */
  readonly pinsZeroPage: boolean;
  /** Memory of a file that is written back can be pinned for writing. [spec §4.2] */
  readonly pinsFilesForWriting: boolean;
  /** What mmap of a container says. [spec §1.1] */
  readonly containerMmapErrno: Errno;
  readonly deviations: ReadonlySet<DeviationName>;
}

/** The deviations that kernels of this version show. */
export const deviationsOf = (version: KernelVersion): ReadonlySet<DeviationName> =>
  new Set(
    DEVIATIONS.filter(({ from, ...range }) =>
      isFrom(version, from) && !("before" in range && isFrom(version, range.before))
    ).map(({ name }) => name),
  );

/**
 * The rules of a kernel version.
 * @param deviations which of its faults to imitate; none makes the model say what would be right
 */
export const semanticsOf = (version: KernelVersion, deviations: ReadonlySet<DeviationName>): Semantics => ({
  version,
  capabilityAlignmentBytes: isFrom(version, "6.6") ? 8 : 1,
  knowsNesting: !isFrom(version, "6.13"),
  knowsUnmapAll: isFrom(version, "5.12"),
  claimsDmaOwnership: isFrom(version, "5.19"),
  refusesDirectDevices: isFrom(version, "6.6"),
  containerErrnos: {
    negative: isFrom(version, "6.1") ? "EBADF" : "EINVAL",
    otherFile: isFrom(version, "6.2") ? "EBADFD" : "EINVAL",
  },
  looksUpContainerFirst: isFrom(version, "6.1"),
  losesGroups: isFrom(version, "6.1"),
  looksUpDeviceFirst: isFrom(version, "6.1"),
  unmapsOwnOnly: !isFrom(version, "5.12"),
  pinsZeroPage: !isFrom(version, "6.2"),
  pinsFilesForWriting: !isFrom(version, "6.5"),
  containerMmapErrno: isFrom(version, "6.1") ? "ENODEV" : "EINVAL",
  deviations,
});

/** Whether `version` is `bound` or newer. */
export function isFrom(version: KernelVersion, bound: string): boolean {
  const from = parseVersion(bound);
  if (!from) throw new RangeError(`${bound} is no kernel version`);
  return compareVersions(version, from) >= 0;
}
