import t from "#tap";
import type { ArchivePackage } from "../../harness/components/package_index.ts";
import { chooseQemu, resolveQemu } from "../../harness/components/qemu.ts";

const newestFirst = [
  "1:11.1.3+ds-1~bpo13+1",
  "1:10.0.13+ds-0+deb13u1",
  "1:10.0.2+ds-2+deb13u1",
  "1:7.2+dfsg-7+deb12u18+b3",
]
  .map((version): ArchivePackage => ({
    name: "qemu-system-x86",
    version,
    sha256: "aa",
    release: "trixie",
    suite: "trixie",
    depends: "",
    sizeBytes: 1,
  }));

t.test("what a QEMU version means", async (t) => {
  const choose = (wanted: string) => chooseQemu(`debian:${wanted}`, wanted, newestFirst).version;
  t.equal(choose("11.1"), "1:11.1.3+ds-1~bpo13+1");
  t.equal(choose("10.0"), "1:10.0.13+ds-0+deb13u1", "newest by number");
  t.equal(choose("10.0.2"), "1:10.0.2+ds-2+deb13u1");
  t.equal(choose("7.2"), "1:7.2+dfsg-7+deb12u18+b3");
  t.throws(() => choose("9.2"), {
    name: "NotInArchiveError",
    message: 'QEMU "debian:9.2" is not in the archive; there are 11.1.3, 10.0.13, 10.0.2, 7.2',
  });
});

t.test("a QEMU of one's own is asked for its version", async (t) => {
  const directory = t.testdir({ qemu: "#!/bin/sh\necho 'QEMU emulator version 9.9.1 (own build)'\n" });
  await Deno.chmod(`${directory}/qemu`, 0o755);
  const context = { cacheDir: directory, progress: () => {} };
  const qemu = await resolveQemu(`path:${directory}/qemu`, "arm64", context);
  t.match(qemu, { spec: `path:${directory}/qemu`, version: "9.9.1", arch: "arm64", packages: [], env: {} });
  t.same(qemu.command(), [`${directory}/qemu`]);
  await t.rejects(resolveQemu("path:/bin/true", "amd64", context), {
    name: "ComponentError",
    message: /is no QEMU/,
  });
  await t.rejects(resolveQemu("path:/no/such", "amd64", context), {
    name: "ComponentError",
    message: /not found on this machine; install it; name another, or write debian:VERSION$/,
  });
});
