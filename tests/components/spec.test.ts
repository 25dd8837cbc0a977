import t from "#tap";
import { kernelSpecFor, parseKernelSpec, parseQemuSpec } from "../../harness/components/spec.ts";
import { UsageError } from "../../harness/errors.ts";

t.test("kernel specs", async (t) => {
  const debian = { kind: "debian", flavour: "standard", arch: "amd64" };
  t.same(parseKernelSpec("debian:6.12"), { ...debian, wanted: "6.12" });
  t.same(parseKernelSpec("debian:6.12.117+deb13"), { ...debian, wanted: "6.12.117+deb13" });
  t.same(parseKernelSpec("debian:6.1@amd64"), { ...debian, wanted: "6.1" });
  for (const spec of ["debian:6.12@cloud@arm64", "debian:6.12@arm64@cloud"]) {
    t.same(parseKernelSpec(spec), { kind: "debian", wanted: "6.12", flavour: "cloud", arch: "arm64" }, spec);
  }
  t.same(parseKernelSpec("debian:7.3@cloud"), { ...debian, wanted: "7.3", flavour: "cloud" });
  t.same(parseKernelSpec("deb:/tmp/a b.deb"), { kind: "deb", file: "/tmp/a b.deb" });
});

t.test("QEMU specs", async (t) => {
  t.same(parseQemuSpec("host"), { kind: "host" });
  t.same(parseQemuSpec("debian:11.1"), { kind: "debian", wanted: "11.1" });
  t.same(parseQemuSpec("path:/opt/qemu"), { kind: "path", file: "/opt/qemu" });
});

t.test("a malformed spec is an error of usage that quotes it", async (t) => {
  for (const spec of ["", "6.12", "debian:", "debian:trixie", "debian:6.12/../..", "deb:", "debian:6.12@"]) {
    t.throws(() => parseKernelSpec(spec), { name: "UsageError", message: `"${spec}"` }, `kernel "${spec}"`);
  }
  for (const spec of ["", "qemu", "path:", "debian:", "debian:$(id)"]) {
    t.throws(() => parseQemuSpec(spec), UsageError, `QEMU "${spec}"`);
  }
  t.throws(() => parseKernelSpec("debian:6.12@rt"), { message: /"@rt" is unknown/ });
  t.throws(() => parseKernelSpec("debian:6.12@amd64@arm64"), { message: /has two architectures/ });
});

t.test("a machine's architecture says which kernel is meant, unless the spec does", async (t) => {
  t.equal(kernelSpecFor("arm64", "debian:6.12"), "debian:6.12@arm64");
  t.equal(kernelSpecFor("arm64", "debian:6.12@cloud"), "debian:6.12@cloud@arm64");
  for (const spec of ["debian:6.12@amd64", "debian:6.12@arm64", "deb:/tmp/a@b.deb"]) {
    t.equal(kernelSpecFor("arm64", spec), spec);
    t.equal(kernelSpecFor("amd64", spec), spec);
  }
  t.equal(kernelSpecFor("amd64", "debian:6.12"), "debian:6.12");
});
