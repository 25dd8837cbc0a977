/** The numbers are those of SPEC.md, §6.2, §9, §10 and §19, written out again. */
import t from "#tap";
import { predictedGroups } from "../../harness/machine/predicted.ts";
import { regionText } from "../../harness/model/reserved.ts";
import { hex } from "../../harness/model/range_list.ts";
import { isViable } from "../../harness/model/world.ts";
import { machineWith, version } from "./machines.ts";

const groupsOf = (iommu: string, kernel: string, qemu: string) =>
  predictedGroups(machineWith(iommu), { kernel: version(kernel), qemu: version(qemu) });

const INTEL_PAGES = "0x40201000";
const ALL_PAGES = "0xfffffffffffff000";

const IOMMUS: readonly [iommu: string, kernel: string, qemu: string, last: string, pageSizes: string][] = [
  ["{ kind: intel, address-bits: 39 }", "5.10.262", "10.0.13", "0x7fffffffff", ALL_PAGES],
  ["{ kind: intel, address-bits: 48 }", "5.14.21", "10.0.13", "0xffffffffffff", ALL_PAGES],
  ["{ kind: intel, address-bits: 48 }", "5.15", "10.0.13", "0xffffffffffff", INTEL_PAGES],
  ["{ kind: amd }", "5.10.262", "10.0.13", "0xffffffffffffffff", "0xffffff7ffffff000"],
  ["{ kind: intel, address-bits: 39 }", "6.1.192", "7.2", "0x7fffffffff", INTEL_PAGES],
  ["{ kind: intel, address-bits: 39 }", "7.3.4", "10.0.13", "0x7fffffffff", INTEL_PAGES],
  ["{ kind: intel, address-bits: 48 }", "6.12.117", "10.0.13", "0xffffffffffff", INTEL_PAGES],
  ["{ kind: intel }", "6.12.117", "9.1.2", "0x7fffffffff", INTEL_PAGES],
  ["{ kind: intel }", "6.12.117", "9.2.0", "0xffffffffffff", INTEL_PAGES],
  ["{ kind: virtio }", "6.12.117", "8.2.9", "0xffffffffffffffff", ALL_PAGES],
  ["{ kind: virtio }", "6.12.117", "9.0.0", "0x7fffffffff", ALL_PAGES],
  ["{ kind: virtio, address-bits: 48 }", "6.12.117", "10.0.13", "0xffffffffffff", ALL_PAGES],
  ["{ kind: virtio, address-bits: 64 }", "7.3.4", "10.0.13", "0xffffffffffffffff", ALL_PAGES],
  ["{ kind: amd }", "6.1.192", "7.2", "0xffffffffffffffff", "0xffffff7ffffff000"],
  ["{ kind: amd }", "6.1.192", "10.0.13", "0xffffffffffffffff", "0xffffff7ffffff000"],
  ["{ kind: amd }", "6.12.117", "7.2", "0xffffffffffffffff", "0xfff7ffffff000"],
  ["{ kind: amd }", "6.12.117", "10.0.13", "0xffffffffffffffff", "0xfff7ffffff000"],
  ["{ kind: amd }", "6.16.12", "7.2", "0xffffffffffffffff", "0xfff7ffffff000"],
  ["{ kind: amd }", "6.17.13", "7.2", "0xffffffffffff", "0xfff7ffffff000"],
  ["{ kind: amd }", "6.17.13", "10.0.13", "0xffffffffffffffff", "0xfff7ffffff000"],
  ["{ kind: amd }", "7.2.12", "7.2", "0xffffffffffff", "0x7f7ffffff000"],
  ["{ kind: amd }", "7.2.12", "10.0.13", "0xffffffffffffffff", "0xfff7ffffff000"],
  ["{ kind: amd }", "7.3.4", "7.2", "0xffffffffffff", "0x7f7ffffff000"],
  ["{ kind: amd }", "7.3.4", "11.1.3", "0xffffffffffffffff", "0xfff7ffffff000"],
];

for (const [iommu, kernel, qemu, last, pageSizes] of IOMMUS) {
  t.test(`aperture and page sizes: ${iommu}, kernel ${kernel}, QEMU ${qemu}`, async (t) => {
    const groups = groupsOf(iommu, kernel, qemu);
    const seen = groups.map((
      { iommu: { aperture, pageSizes } },
    ) => [aperture.start, aperture.last, pageSizes]);
    t.same(seen.map((numbers) => numbers.map(hex)), Array(3).fill(["0x0", last, pageSizes]));
  });
}

const MSI = "0xfee00000..0xfeefffff:msi";
const REGIONS = {
  intel: [MSI],
  amd: [MSI, "0xfd00000000..0xffffffffff:reserved"],
  virtio: [MSI],
};

for (const [kind, regions] of Object.entries(REGIONS)) {
  t.test(`reserved regions of ${kind}, merged over the devices of a group`, async (t) => {
    const groups = groupsOf(`{ kind: ${kind} }`, "6.12.117", "10.0.13");
    t.same(groups.map(({ reserved }) => reserved.map(regionText)), [regions, regions, regions]);
  });
}

/** Regions per group, those of hardware left out, and whether the kernel keeps it to its default domain. */
const firmwareOf = (iommu: string, devices: string) =>
  predictedGroups(machineWith(iommu, devices), { kernel: version("6.1.192"), qemu: version("10.0.13") })
    .map(({ reserved, requiresDirect }) => [
      ...reserved.map(regionText).filter((text) => text.includes("direct")),
      requiresDirect,
    ]);

const DISPLAY = "{ slot: 4, device: bochs-display, reserved: [0x40000000..0x4000ffff rmrr] }";
const USB = "{ slot: 5, device: qemu-xhci, reserved: [0x40000000..0x4000ffff rmrr] }";

t.test("VT-d: direct, but relaxable for USB controllers and displays", async (t) => {
  t.same(
    firmwareOf(
      "{ kind: intel, reserved: [0x50000000..0x50000fff rmrr for 00:05.0..00:06.1] }",
      `[{ slot: 3, reserved: [0x40000000..0x4000ffff rmrr] }, ${DISPLAY}, ${USB}, { slot: 6, functions: 2 }, slot: 7]`,
    ),
    [
      ["0x40000000..0x4000ffff:direct", true],
      ["0x40000000..0x4000ffff:direct-relaxable", false],
      ["0x40000000..0x4000ffff:direct-relaxable", "0x50000000..0x50000fff:direct-relaxable", false],
      ["0x50000000..0x50000fff:direct", true],
      [false],
    ],
  );
});

t.test("AMD: direct, whatever the entry; neighbours are merged, over the devices of a group as well", async (t) => {
  t.same(
    firmwareOf(
      "{ kind: amd, reserved: [0x50000000..0x50000fff unity for 00:04.1, 0x60000000..0x60000fff exclusion] }",
      `[{ slot: 3, device: qemu-xhci, reserved: [0x40000000..0x40000fff unity r, 0x40001000..0x40001fff exclusion] },
        { slot: 4, functions: 2, reserved: [0x50001000..0x50001fff unity] }]`,
    ),
    [
      ["0x40000000..0x40001fff:direct", "0x60000000..0x60000fff:direct", true],
      ["0x50000000..0x50001fff:direct", "0x60000000..0x60000fff:direct", true],
    ],
  );
});

const behindBridges = (kind: string): string =>
  `[{ slot: 4, bridge: pcie-root-port, reserved: [0x40000000..0x4000ffff ${kind}], devices: [{ slot: 0 }] },
    { slot: 5, bridge: pcie-root-port, reserved: [0x40000000..0x4000ffff ${kind}], devices: [{ slot: 0, device: qemu-xhci }] },
    { slot: 6, bridge: pcie-root-port, devices: [{ slot: 0, reserved: [0x50000000..0x5000ffff ${kind}] }] },
    { slot: 7, bridge: pcie-pci-bridge, reserved: [0x60000000..0x6000ffff ${kind}], devices: [slot: 1, slot: 2] }]`;

t.test("a region of a bridge is one of what is behind it for VT-d only", async (t) => {
  t.same(firmwareOf("{ kind: intel }", behindBridges("rmrr")), [
    ["0x40000000..0x4000ffff:direct", true],
    ["0x40000000..0x4000ffff:direct-relaxable", false],
    ["0x50000000..0x5000ffff:direct", true],
    ["0x60000000..0x6000ffff:direct", true],
  ]);
  t.same(firmwareOf("{ kind: amd }", behindBridges("unity")), [
    [false],
    [false],
    ["0x50000000..0x5000ffff:direct", true],
    ["0x60000000..0x6000ffff:direct", true],
  ]);
});

t.test("a slot is a group", async (t) => {
  const groups = groupsOf("{ kind: intel }", "6.12.117", "10.0.13");
  t.same(groups.map(({ devices }) => devices), [
    ["0000:00:03.0"],
    ["0000:00:04.0"],
    ["0000:00:06.0", "0000:00:06.1"],
  ]);
  t.ok(groups.every(isViable));
});

const ISOLATION: readonly [iommu: string, isolates: boolean, coherent: boolean][] = [
  ["{ kind: intel }", true, false],
  ["{ kind: intel, interrupt-remapping: false }", false, false],
  ["{ kind: amd }", true, true],
  ["{ kind: amd, interrupt-remapping: false }", false, true],
  ["{ kind: virtio }", false, false],
];

t.test("interrupts and coherency", async (t) => {
  for (const [text, isolates, coherent] of ISOLATION) {
    const [group] = groupsOf(text, "6.12.117", "10.0.13");
    t.match(group?.iommu, { isolatesInterrupts: isolates, enforcesCoherency: coherent }, text);
  }
});

t.test("who refuses nesting", async (t) => {
  const refusal = (kind: string, kernel: string) =>
    groupsOf(`{ kind: ${kind} }`, kernel, "10.0.13")[0]?.iommu.nesting;
  t.equal(refusal("intel", "5.10.262"), "ENODEV", "the driver, for want of hardware");
  for (const kind of ["amd", "virtio"]) t.equal(refusal(kind, "5.10.262"), "EINVAL", kind);
  t.equal(refusal("intel", "6.1.192"), "EINVAL");
});

t.test("all groups of a machine have the same IOMMU, machines of different kinds different ones", async (t) => {
  const names = ["intel", "amd", "virtio"].map((kind) => {
    const groups = groupsOf(`{ kind: ${kind} }`, "6.12.117", "10.0.13");
    t.equal(new Set(groups.map(({ iommu }) => iommu.name)).size, 1);
    return groups[0]?.iommu.name;
  });
  t.equal(new Set(names).size, 3);
});
