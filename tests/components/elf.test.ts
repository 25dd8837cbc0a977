import t from "#tap";
import { elfSection, hasPvhEntry } from "../../harness/components/elf.ts";
import { moduleName, readModuleInfo } from "../../harness/components/modinfo.ts";
import { elfFile, elfNote, moduleFile } from "./elf_fixture.ts";

t.test("sections are found by name", async (t) => {
  const content = new Uint8Array([1, 2, 3]);
  t.same(elfSection(elfFile({ ".one": new Uint8Array(5), ".two": content }), ".two"), content);
  t.equal(elfSection(elfFile({ ".one": content }), ".two"), undefined);
});

t.test("the PVH note is found among others", async (t) => {
  const merged = new Uint8Array([...elfNote("GNU", 3), ...elfNote("Xen", 6), ...elfNote("Xen", 18)]);
  t.ok(hasPvhEntry(elfFile({}, [elfNote("Linux", 0x100), merged])));
  t.notOk(hasPvhEntry(elfFile({}, [elfNote("GNU", 3)])));
  t.notOk(hasPvhEntry(elfFile({})));
});

t.test("what is no ELF file is refused", async (t) => {
  for (const data of [new Uint8Array(), new Uint8Array(64), new TextEncoder().encode("MZ".repeat(64))]) {
    t.throws(() => hasPvhEntry(data), { name: "CannotTestError", message: /ELF/ });
  }
});

t.test("what a module says of itself", async (t) => {
  const info = readModuleInfo(moduleFile({
    license: "GPL",
    softdep: "pre: crc32c-intel blake2b post: other",
    depends: "vfio,vfio-pci-core",
    vermagic: "6.1.0-56-amd64 SMP",
  }));
  t.same(info, {
    depends: ["vfio", "vfio_pci_core"],
    softDepends: ["crc32c_intel", "blake2b"],
    vermagic: "6.1.0-56-amd64 SMP",
  });
  t.same(readModuleInfo(moduleFile({ depends: "", softdep: "post: late" })), {
    depends: [],
    softDepends: [],
    vermagic: "",
  });
  t.throws(() => readModuleInfo(elfFile({})), { message: /\.modinfo/ });
});

t.test("a module has one name in all spellings", async (t) => {
  for (
    const name of [
      "vfio-pci",
      "vfio_pci",
      "kernel/drivers/vfio/pci/vfio-pci.ko",
      "a/vfio-pci.ko.xz",
      "vfio-pci.ko.zst",
    ]
  ) {
    t.equal(moduleName(name), "vfio_pci", name);
  }
});
