import t from "#tap";
import { DEVIATIONS, deviationsOf, isFrom, semanticsOf } from "../../harness/model/semantics.ts";
import { KERNELS, versionOf } from "./play.ts";

const rulesOf = (kernel: string) => semanticsOf(versionOf(kernel), new Set());

t.test("which kernels have which deviation [§12]", async (t) => {
  const all = DEVIATIONS.map(({ name }) => name);
  const ofOld = all.filter((name) => name !== "sibling-cuts-off");
  for (const kernel of ["5.10.262", "5.11.22"]) t.same([...deviationsOf(versionOf(kernel))], ofOld, kernel);
  t.same([...deviationsOf(versionOf("5.12"))], ofOld.filter((name) => name !== "unmap-by-tree"));
  for (const kernel of ["6.1.192", "6.12.117", "6.17.9"]) {
    t.same([...deviationsOf(versionOf(kernel))], all.filter((name) => name !== "unmap-by-tree"), kernel);
  }
  for (const kernel of ["6.18", "7.3.4"]) {
    const open = ["sticky-edges", "stale-dirty-bits", "sibling-cuts-off"];
    t.same([...deviationsOf(versionOf(kernel))], open, kernel);
  }
  t.same(
    [...deviationsOf(versionOf("5.3"))],
    ["unmap-to-the-end", "map-at-the-top", "wrap-is-einval", "unmap-by-tree"],
    "before the IOVA list",
  );
});

t.test("which kernels have which rules [§15]", async (t) => {
  const table = [
    ["capabilityAlignmentBytes", [1, 1, 8, 8]],
    ["knowsNesting", [true, true, true, false]],
    ["knowsUnmapAll", [false, true, true, true]],
    ["claimsDmaOwnership", [false, true, true, true]],
    ["containerErrnos", [
      { negative: "EINVAL", otherFile: "EINVAL" },
      { negative: "EBADF", otherFile: "EINVAL" },
      { negative: "EBADF", otherFile: "EBADFD" },
      { negative: "EBADF", otherFile: "EBADFD" },
    ]],
    ["looksUpContainerFirst", [false, true, true, true]],
    ["looksUpDeviceFirst", [false, true, true, true]],
    ["unmapsOwnOnly", [true, false, false, false]],
    ["pinsZeroPage", [true, true, false, false]],
    ["pinsFilesForWriting", [true, true, false, false]],
    ["containerMmapErrno", ["EINVAL", "ENODEV", "ENODEV", "ENODEV"]],
  ] as const;
  for (const [rule, expected] of table) {
    t.same(KERNELS.map((kernel) => rulesOf(kernel)[rule]), expected, rule);
  }
});

t.test("a bound is part of its own range", async (t) => {
  t.equal(isFrom(versionOf("6.18"), "6.18"), true);
  t.equal(isFrom(versionOf("6.17.99"), "6.18"), false);
  t.throws(() => isFrom(versionOf("6.18"), "soon"), { message: "soon is no kernel version" });
});
