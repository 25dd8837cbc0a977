import t from "#tap";
import { zstdCompressSync } from "node:zlib";
import { runBytes } from "../../harness/components/command.ts";
import { parseKernelConfig } from "../../harness/components/kernel.ts";
import { moduleClosure } from "../../harness/components/module_closure.ts";
import { moduleFile } from "./elf_fixture.ts";

const core = moduleFile({ depends: "vfio,irqbypass,unix" });
const type1 = moduleFile({ depends: "vfio", softdep: "pre: helper absent" });

async function kernelWith(modulesDir: string) {
  await Deno.mkdir(`${modulesDir}/kernel/drivers/vfio/pci`, { recursive: true });
  const files: Record<string, Uint8Array> = {
    "modules.builtin": new TextEncoder().encode(
      "kernel/net/unix/unix.ko\nkernel/drivers/virtio/virtio-ring.ko\n",
    ),
    "kernel/drivers/vfio/vfio.ko": moduleFile({ depends: "" }),
    "kernel/drivers/irqbypass.ko": moduleFile({ depends: "" }),
    "kernel/drivers/helper.ko": moduleFile({ depends: "" }),
    "kernel/drivers/broken.ko": moduleFile({ depends: "gone" }),
    "kernel/drivers/vfio/pci/vfio-pci-core.ko.xz": await runBytes("xz", ["--stdout", "--check=crc32"], core),
    "kernel/drivers/vfio/vfio_iommu_type1.ko.zst": zstdCompressSync(type1),
    "kernel/drivers/vfio/pci/vfio-pci.ko": moduleFile({ depends: "vfio-pci-core" }),
  };
  for (const [path, data] of Object.entries(files)) await Deno.writeFile(`${modulesDir}/${path}`, data);
  return { spec: "debian:6.12.117", release: "6.12.117+deb12-amd64", modulesDir };
}

t.test("modules come after what they depend on, each once", async (t) => {
  const kernel = await kernelWith(t.testdir());
  const modules = await moduleClosure(kernel, ["vfio-pci", "vfio_iommu_type1", "vfio"]);
  t.same(modules.map(({ name }) => name), [
    "vfio",
    "irqbypass",
    "vfio_pci_core",
    "vfio_pci",
    "helper",
    "vfio_iommu_type1",
  ]);
  t.same(modules.find(({ name }) => name === "vfio_pci_core")?.data, core, "unpacked from xz");
  t.same(modules.find(({ name }) => name === "vfio_iommu_type1")?.data, type1, "unpacked from zstd");
});

t.test("what is built in isn't loaded", async (t) => {
  t.same(await moduleClosure(await kernelWith(t.testdir()), ["virtio_ring", "unix"]), []);
});

t.test("a missing module is named, with the kernel", async (t) => {
  const kernel = await kernelWith(t.testdir());
  const message = (name: string) => new RegExp(`module ${name} is neither in debian:6\\.12\\.117 `);
  await t.rejects(moduleClosure(kernel, ["virtio-iommu"]), {
    name: "ComponentError",
    message: message("virtio_iommu"),
  });
  await t.rejects(moduleClosure(kernel, ["broken"]), { message: message("gone") });
});

t.test("a kernel's configuration", async (t) => {
  const config = parseKernelConfig(
    '# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_C=m\nCONFIG_D="two words"\nCONFIG_E=0x10\n',
  );
  t.same([...config], [["CONFIG_B", "y"], ["CONFIG_C", "m"], ["CONFIG_D", "two words"], [
    "CONFIG_E",
    "0x10",
  ]]);
});
