import t from "#tap";
import {
  alternatives,
  chooseKernel,
  type KernelChoice,
  kernelChoices,
  kernelSpec,
} from "../../harness/components/kernel_choice.ts";
import type { ArchivePackage } from "../../harness/components/package_index.ts";
import { parseKernelSpec } from "../../harness/components/spec.ts";

function entry(
  name: string,
  version: string,
  release: "bullseye" | "bookworm" | "trixie",
  depends = "kmod",
): ArchivePackage {
  return { name, version, release, depends, suite: `${release}-security`, sha256: "aa", sizeBytes: 1 };
}

const split = "7.3.4+deb13-amd64";
const choices = kernelChoices([
  entry("linux-image-6.1.0-55-amd64", "6.1.192-1", "bookworm"),
  entry("linux-image-6.1.0-56-amd64-unsigned", "6.1.192-2", "bookworm"),
  entry("linux-image-6.1.0-56-amd64", "6.1.192-2", "bookworm"),
  entry("linux-image-6.1.0-50-amd64-unsigned", "6.1.176-1", "bookworm"),
  entry("linux-image-6.12.117+deb13-amd64", "6.12.117-1", "trixie"),
  entry("linux-image-6.12.117+deb12-amd64", "6.12.117-1~deb12u1", "bookworm"),
  entry("linux-image-6.12.117+deb12-cloud-amd64", "6.12.117-1~deb12u1", "bookworm"),
  entry("linux-image-6.12.117+deb12-arm64", "6.12.117-1~deb12u1", "bookworm"),
  entry("linux-image-6.12.117+deb12-cloud-arm64-unsigned", "6.12.117-1~deb12u1", "bookworm"),
  entry("linux-image-6.12.117+deb13-arm64", "6.12.117-1", "trixie"),
  entry("linux-image-6.12.117+deb13-arm64-16k", "6.12.117-1", "trixie"),
  entry("linux-image-6.12.9+deb13-amd64", "6.12.9-1", "trixie"),
  entry("linux-image-6.12-amd64", "6.12.117-1~deb12u1", "bookworm", "linux-image-6.12.117+deb12-amd64"),
  entry(
    `linux-image-${split}`,
    "7.3.4-1",
    "trixie",
    `linux-binary-${split} (= 7.3.4-1), linux-modules-${split}`,
  ),
  entry(`linux-binary-${split}`, "7.3.4-1", "trixie"),
  entry(`linux-modules-${split}`, "7.3.4-1", "trixie"),
  entry("linux-image-5.10.0-46-amd64", "5.10.262-1", "bullseye"),
  entry("linux-image-7.4.1+deb13-amd64", "7.4.1-1", "trixie", "linux-binary-7.4.1+deb13-amd64"),
]);

function choose(spec: string): KernelChoice {
  const wish = parseKernelSpec(spec);
  if (wish.kind !== "debian") throw new Error(`${spec} isn't from the archive`);
  return chooseKernel(spec, wish, choices);
}

t.test("what a spec means", async (t) => {
  t.equal(
    choose("debian:6.12").release,
    "6.12.117+deb12-amd64",
    "newest by number; the older Debian release",
  );
  t.equal(choose("debian:6.12.9").release, "6.12.9+deb13-amd64");
  t.equal(choose("debian:6.12.117+deb13").release, "6.12.117+deb13-amd64");
  t.equal(choose("debian:6.12@cloud").release, "6.12.117+deb12-cloud-amd64");
  t.equal(choose("debian:6.1").release, "6.1.0-56-amd64", "newest build, the series isn't 6.12");
  t.equal(choose("debian:6.1.0-55").image.version, "6.1.192-1");
  for (const wanted of ["5.10", "5", "5.10.262", "5.10.0-46"]) {
    t.equal(choose(`debian:${wanted}`).release, "5.10.0-46-amd64", wanted);
  }
  t.equal(choose("debian:6.1.192-1").release, "6.1.0-55-amd64");
});

t.test("kernels of another architecture, which their specs name", async (t) => {
  const arm = choose("debian:6.12@arm64");
  t.match(arm, { release: "6.12.117+deb12-arm64", arch: "arm64" });
  t.equal(kernelSpec(arm, choices), "debian:6.12.117@arm64");
  const cloud = choose("debian:6.12@cloud@arm64");
  t.match(cloud, { release: "6.12.117+deb12-cloud-arm64", flavour: "cloud" });
  t.equal(kernelSpec(cloud, choices), "debian:6.12.117@cloud@arm64");
  t.same(alternatives(arm, choices).map(({ release }) => release), ["6.12.117+deb13-arm64"]);
  t.throws(() => choose("debian:6.1@arm64"), { name: "NotInArchiveError" });
});

t.test("signed images are preferred, unsigned ones do", async (t) => {
  t.equal(choose("debian:6.1.192").image.name, "linux-image-6.1.0-56-amd64");
  t.equal(choose("debian:6.1.176").image.name, "linux-image-6.1.0-50-amd64-unsigned");
});

t.test("a kernel in parts has them all, or isn't offered", async (t) => {
  t.same(choose("debian:7.3").parts.map(({ name }) => name), [
    `linux-image-${split}`,
    `linux-binary-${split}`,
    `linux-modules-${split}`,
  ]);
  t.throws(() => choose("debian:7.4"), { name: "NotInArchiveError" });
});

t.test("metapackages are no kernels", async (t) => {
  t.notOk(choices.some(({ release }) => release === "6.12-amd64"));
});

t.test("a canonical spec means the same kernel when given again", async (t) => {
  for (const choice of choices) {
    t.equal(choose(kernelSpec(choice, choices)), choice, kernelSpec(choice, choices));
  }
  t.equal(kernelSpec(choose("debian:6.12"), choices), "debian:6.12.117");
  t.equal(kernelSpec(choose("debian:6.12.117+deb13"), choices), "debian:6.12.117+deb13");
});

t.test("what isn't there is refused with what is", async (t) => {
  t.throws(() => choose("debian:6.12.50"), { message: /"debian:6\.12\.50".*nearest: 6\.12\.117, 6\.12\.9/ });
  t.throws(() => choose("debian:5.4"), { message: /there are 7\.3, 6\.12, 6\.1, 5\.10;/ });
  const recent = choices.filter(({ image }) => image.release !== "bullseye");
  const wish = { wanted: "5.4", flavour: "standard", arch: "amd64" } as const;
  t.throws(
    () => chooseKernel("debian:5.4", wish, recent),
    { message: /there are 7\.3, 6\.12, 6\.1, 5\.10;/ },
    "kernels of old releases count, though nobody has looked there",
  );
});
