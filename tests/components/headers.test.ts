import t from "#tap";
import { headerPackages, kbuildPackages } from "../../harness/components/headers.ts";
import type { ArchivePackage } from "../../harness/components/package_index.ts";
import type { Kernel } from "../../harness/components/types.ts";

const entry = (name: string, version: string, depends = ""): ArchivePackage => ({
  name,
  version,
  release: "bullseye",
  suite: "bullseye-security",
  depends,
  sha256: "aa",
  sizeBytes: 1,
});

const release = "5.10.0-43-amd64";
const common = "linux-headers-5.10.0-43-common";
const kbuild = "linux-kbuild-5.10";
const headers = entry(
  `linux-headers-${release}`,
  "5.10.251-5",
  `${common} (= 5.10.251-5), ${kbuild} (>= 5.10.251-5), linux-compiler-gcc-10-x86`,
);

const kernel: Kernel = {
  spec: "debian:5.10.251",
  arch: "amd64",
  version: "5.10.251",
  release,
  debianRelease: "bullseye",
  packages: [{ name: `linux-image-${release}`, version: "5.10.251-5", sha256: "aa" }],
  image: "/k/vmlinux",
  modulesDir: "/k/modules",
  config: new Map(),
  directory: "/k",
};

const chosen = (...packages: ArchivePackage[]) =>
  [...headerPackages(packages, kernel), ...kbuildPackages(packages, packages, kernel)].map((
    { name, version },
  ) => `${name} ${version}`);

t.test("headers are the kernel's own, tools may be newer, but no more than need be", async (t) => {
  const own = [`linux-headers-${release} 5.10.251-5`, `${common} 5.10.251-5`];
  const parts = [headers, entry(common, "5.10.259-1"), entry(common, "5.10.251-5")];
  const versions = (...all: string[]) => all.map((version) => entry(kbuild, version));
  t.same(chosen(...parts, ...versions("5.10.262-1", "5.10.259-1", "5.10.223-1")), [
    ...own,
    `${kbuild} 5.10.259-1`,
  ]);
  t.same(chosen(...parts, ...versions("5.10.262-1", "5.10.251-5")), [...own, `${kbuild} 5.10.251-5`]);
});

t.test("tools for another architecture are those that run here", async (t) => {
  const arm: Kernel = { ...kernel, arch: "arm64", release: "5.10.0-43-arm64" };
  const own = { ...headers, name: "linux-headers-5.10.0-43-arm64" };
  const host = { ...entry(kbuild, "5.10.259-1"), sha256: "bb" };
  t.same(kbuildPackages([own, entry(kbuild, "5.10.251-5")], [host], arm), [host]);
});

t.test("what is missing is named", async (t) => {
  const message = (name: string) => ({ message: new RegExp(`${name} 5\\.10\\.251-5 is not in the archive`) });
  t.throws(() => chosen(headers, entry(common, "5.10.251-5"), entry(kbuild, "5.10.223-1")), message(kbuild));
  t.throws(() => chosen(headers, entry(common, "5.10.262-1"), entry(kbuild, "5.10.262-1")), message(common));
  t.throws(() => chosen(entry(common, "5.10.251-5")), message(`linux-headers-${release}`));
});
