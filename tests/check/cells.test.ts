import t from "#tap";
import { type KernelFacts, type Lookup, settleCells, type Wish } from "../../harness/check/cells.ts";
import { NotInArchiveError } from "../../harness/components/component_error.ts";
import type { QemuPreview } from "../../harness/components/preview.ts";
import type { Architecture } from "../../harness/components/types.ts";
import { parseMachines } from "../../harness/machine/machine.ts";

const MACHINES = parseMachines(
  ["intel", "amd", "virtio"].map((kind) => {
    const width = kind === "amd" ? "" : ", address-bits: 39";
    return `machine: ${kind}\niommu: { kind: ${kind}${width} }\ndevices: [slot: 3]\n`;
  }).join("---\n"),
  "m.yaml",
);

/** Specs mean what they say; the options of a kernel are known, and 6.1 has no virtio-iommu. */
class Archive implements Lookup<KernelFacts, QemuPreview> {
  readonly asked: string[] = [];
  readonly told: string[] = [];

  readonly kernel = async (spec: string): Promise<KernelFacts> => {
    this.asked.push(spec);
    const options = [
      ...["CONFIG_ARM_SMMU_V3", "CONFIG_INTEL_IOMMU", "CONFIG_AMD_IOMMU", "CONFIG_VIRTIO_IOMMU"],
      "CONFIG_ACPI_TABLE_UPGRADE",
    ];
    const has = options.filter((option) => option !== "CONFIG_VIRTIO_IOMMU" || spec !== "debian:6.1");
    const config = new Map(has.map((option) => [option, "y"]));
    const arch = spec.endsWith("@arm64") ? "arm64" : "amd64";
    return { spec, version: spec.replace(/debian:|@.*/g, ""), arch, config };
  };

  readonly qemu = async (spec: string, arch: Architecture): Promise<QemuPreview> => {
    this.asked.push(arch === "amd64" ? spec : `${spec} for ${arch}`);
    if (spec === "debian:10.0.13") throw new NotInArchiveError(`QEMU "${spec}" is not in the archive`);
    return { spec, version: spec.replace("debian:", "") };
  };

  readonly lackOfHeaders = async ({ spec }: KernelFacts): Promise<string | undefined> => {
    this.asked.push(`headers of ${spec}`);
    return spec === "debian:6.16" ? "they are gone" : undefined;
  };

  settle(wish: Partial<Wish>) {
    const whole = { cells: cellsOf(KERNELS, QEMUS), coversPairs: false, instead: {}, ...wish };
    return settleCells(whole, this, { cacheDir: "", progress: (line) => void this.told.push(line) });
  }
}

const KERNELS = ["debian:6.1", "debian:6.12", "debian:7.3"];
const QEMUS = ["debian:7.2", "debian:10.0.14", "debian:11.1"];

function cellsOf(kernels: readonly string[], qemus: readonly string[]): Wish["cells"] {
  return kernels.flatMap((kernel) =>
    qemus.flatMap((qemu) => MACHINES.map((machine) => ({ kernel, qemu, machine })))
  );
}

t.test("each kernel and QEMU is looked up once, however many cells have it", async (t) => {
  const archive = new Archive();
  t.equal((await archive.settle({})).length, 27);
  t.same(archive.asked, [...QEMUS, ...KERNELS, ...KERNELS.map((kernel) => `headers of ${kernel}`)]);
});

t.test("a cell that is wanted twice is one cell", async (t) => {
  const cells = cellsOf(["debian:6.12", "debian:6.12"], ["debian:11.1"]);
  t.same((await new Archive().settle({ cells })).map(({ id }) => id), [
    "debian:6.12 debian:11.1 intel",
    "debian:6.12 debian:11.1 amd",
    "debian:6.12 debian:11.1 virtio",
  ]);
});

const ARM_MACHINES = parseMachines(
  "machine: smmuv3\narch: arm64\niommu: { kind: smmuv3 }\ndevices: [slot: 3]\n",
  "m.yaml",
);

t.test("a machine's architecture decides which QEMU and which kernel is meant", async (t) => {
  const archive = new Archive();
  const cells = [...MACHINES, ...ARM_MACHINES].map((machine) => ({
    kernel: "debian:6.12",
    qemu: "debian:11.1",
    machine,
  }));
  const settled = await archive.settle({ cells });
  t.same(archive.asked, [
    ...["debian:11.1", "debian:11.1 for arm64", "debian:6.12", "debian:6.12@arm64"],
    ...["headers of debian:6.12", "headers of debian:6.12@arm64"],
  ]);
  t.same(settled.map(({ skip }) => skip), Array(4).fill(undefined));
  t.equal(settled[3]?.id, "debian:6.12@arm64 debian:11.1 smmuv3");
});

t.test("a kernel that is named for one architecture is for no machine of another", async (t) => {
  const cells = [...MACHINES.slice(0, 1), ...ARM_MACHINES].flatMap((machine) =>
    ["debian:6.12@amd64", "debian:6.12@arm64"].map((kernel) => ({ kernel, qemu: "debian:11.1", machine }))
  );
  const skips = (await new Archive().settle({ cells })).map(({ skip }) => skip);
  t.same(skips, [
    undefined,
    "debian:6.12@arm64 is for arm64, the machine is amd64",
    "debian:6.12@amd64 is for amd64, the machine is arm64",
    undefined,
  ]);
});

t.test("a kernel that doesn't see what the machine's firmware reserves", async (t) => {
  const machines = parseMachines(
    "machine: m\narch: arm64\niommu: { kind: smmuv3 }\n" +
      "devices: [{ slot: 3, reserved: [0x50000000..0x5000ffff rmr] }]\n",
    "m.yaml",
  );
  const archive = new Archive();
  const cells = machines.flatMap((machine) =>
    ["debian:5.10", "debian:6.12"].map((kernel) => ({ kernel, qemu: "debian:7.2", machine }))
  );
  t.same((await archive.settle({ cells })).map(({ skip }) => skip), [
    "kernels before 6.0 don't look for reserved memory ranges in an IORT table",
    undefined,
  ]);
});

t.test("cells that can't be, and why", async (t) => {
  const cells = cellsOf(KERNELS, QEMUS).map((cell) =>
    cell.kernel === "debian:7.3" && cell.machine.name === "amd"
      ? { ...cell, excluded: "takes too long" }
      : cell
  );
  const settled = await new Archive().settle({ cells });
  const skips = settled.flatMap(({ id, skip }) => skip === undefined ? [] : [`${id}: ${skip}`]);
  const noDriver = "debian:6.1 is built without CONFIG_VIRTIO_IOMMU";
  const noWidth = "virtio-iommu has no aw-bits before QEMU 9.0";
  t.same(skips, [
    ...QEMUS.map((qemu) => `debian:6.1 ${qemu} virtio: ${noDriver}`),
    `debian:6.12 debian:7.2 virtio: ${noWidth}`,
    ...[`debian:7.3 debian:7.2 amd: takes too long`, `debian:7.3 debian:7.2 virtio: ${noWidth}`],
    ...[`debian:7.3 debian:10.0.14 amd: takes too long`, `debian:7.3 debian:11.1 amd: takes too long`],
  ]);
});

t.test("every pair that can be, in cells that can be", async (t) => {
  const archive = new Archive();
  const chosen = await archive.settle({ coversPairs: true });
  t.ok(chosen.every(({ skip }) => skip === undefined));
  const seen = (pair: (cell: typeof chosen[number]) => string) => new Set(chosen.map(pair)).size;
  t.equal(seen(({ kernel, qemu }) => `${kernel.spec} ${qemu.spec}`), 9);
  t.equal(seen(({ kernel, machine }) => `${kernel.spec} ${machine.name}`), 8, "6.1 has no virtio-iommu");
  t.equal(seen(({ qemu, machine }) => `${qemu.spec} ${machine.name}`), 8, "nor has QEMU 7.2");
  const cells = chosen.length;
  const text = `pairwise: ${cells} cells cover all 25 pairs; ${
    22 - cells
  } of 27 saved, 5 can't be or are excluded`;
  t.same(archive.told, [text]);
});

t.test("what the archive no longer has, where there is something instead", async (t) => {
  const cells = cellsOf(["debian:6.12"], ["debian:10.0.13"]);
  const archive = new Archive();
  const settled = await archive.settle({ cells, instead: { "debian:10.0.13": "debian:10.0" } });
  t.ok(settled.every(({ qemu }) => qemu.spec === "debian:10.0"));
  t.same(archive.told, ['QEMU "debian:10.0.13" is not in the archive; using debian:10.0 instead']);
  await t.rejects(new Archive().settle({ cells }), { name: "NotInArchiveError" });
});

t.test("a kernel that modules can't be built for is told of once, if a guest is to have it", async (t) => {
  const archive = new Archive();
  const settled = await archive.settle({ cells: cellsOf(["debian:6.12", "debian:6.16"], QEMUS) });
  const lacking = settled.filter(({ lackOfModules }) => lackOfModules !== undefined);
  t.same(lacking, settled.filter(({ kernel }) => kernel.spec === "debian:6.16"));
  t.ok(lacking.every(({ lackOfModules }) => lackOfModules === "they are gone"));
  const text = "debian:6.16: they are gone; scenarios that need a module of guests/ are skipped";
  t.same(archive.told, [text]);
  const cells = cellsOf(["debian:6.16"], QEMUS).map((cell) => ({ ...cell, excluded: "so" }));
  const other = new Archive();
  await other.settle({ cells });
  t.same(other.told, []);
});
