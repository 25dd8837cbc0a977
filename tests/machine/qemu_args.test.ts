import t from "#tap";
import { machineArgs, unsupported } from "../../harness/machine/qemu_args.ts";
import { machineWith, version } from "./machines.ts";

const SPLIT = "q35,sata=off,smbus=off,vmport=off,kernel-irqchip=split";
const SOUTHBRIDGE = [
  "-blockdev",
  "driver=null-co,node-name=nothing,size=512",
  "-device",
  "virtio-blk-pci,addr=14,class=0x0c05,drive=nothing",
];

/** IOMMU, QEMU, board, and the arguments between memory and devices. */
const IOMMUS: readonly [iommu: string, qemu: string, board: string, args: string[]][] = [
  ["{ kind: intel }", "10.0.13", SPLIT, ["-device", "intel-iommu,intremap=on"]],
  [
    "{ kind: intel, address-bits: 39, interrupt-remapping: false }",
    "7.2.0",
    SPLIT,
    ["-device", "intel-iommu,intremap=off,aw-bits=39"],
  ],
  ["{ kind: amd }", "7.2.0", SPLIT, ["-device", "amd-iommu,intremap=on", ...SOUTHBRIDGE]],
  ["{ kind: amd }", "10.2.99", SPLIT, ["-device", "amd-iommu,intremap=on", ...SOUTHBRIDGE]],
  ["{ kind: amd }", "11.0.0", SPLIT, ["-device", "amd-iommu,intremap=on,dma-remap=on", ...SOUTHBRIDGE]],
  [
    "{ kind: amd, interrupt-remapping: false }",
    "11.1.3",
    SPLIT,
    ["-device", "amd-iommu,intremap=off,dma-remap=on", ...SOUTHBRIDGE],
  ],
  [
    "{ kind: virtio }",
    "7.2.0",
    "q35,sata=off,smbus=off,vmport=off",
    ["-device", "virtio-iommu-pci,addr=1"],
  ],
  [
    "{ kind: virtio, address-bits: 39 }",
    "9.0.0",
    "q35,sata=off,smbus=off,vmport=off",
    ["-device", "virtio-iommu-pci,addr=1,aw-bits=39"],
  ],
];

for (const [iommu, qemu, board, args] of IOMMUS) {
  t.test(`${iommu} on QEMU ${qemu}`, async (t) => {
    t.same(machineArgs(machineWith(iommu, "[slot: 3]"), version(qemu)), [
      "-machine",
      board,
      "-m",
      "256M",
      ...args,
      "-device",
      "edu,addr=3",
    ]);
  });
}

const DEVICES: readonly [devices: string, args: string[]][] = [
  ["[{ slot: 29, device: pci-testdev }]", ["pci-testdev,addr=1d"]],
  ["[{ slot: 10, functions: 3 }]", ["edu,addr=a.0,multifunction=on", "edu,addr=a.1", "edu,addr=a.2"]],
  ["[slot: 4, { slot: 3, functions: 2 }]", ["edu,addr=4", "edu,addr=3.0,multifunction=on", "edu,addr=3.1"]],
];

for (const [devices, args] of DEVICES) {
  t.test(`devices ${devices}`, async (t) => {
    const all = machineArgs(machineWith("{ kind: intel }", devices), version("10.0.13"));
    t.same(all.slice(6), args.flatMap((arg) => ["-device", arg]));
  });
}

const SUPPORT: readonly [iommu: string, qemu: string, why: string | undefined][] = [
  ["{ kind: virtio, address-bits: 39 }", "8.2.9", "virtio-iommu has no aw-bits before QEMU 9.0"],
  ["{ kind: virtio, address-bits: 39 }", "9.0.0", undefined],
  ["{ kind: virtio }", "7.2.0", undefined],
  ["{ kind: intel, address-bits: 39 }", "7.2.0", undefined],
  ["{ kind: amd }", "7.2.0", undefined],
];

t.test("what a QEMU can't make is told in words", async (t) => {
  for (const [iommu, qemu, why] of SUPPORT) {
    t.equal(unsupported(machineWith(iommu), version(qemu)), why, `${iommu} on ${qemu}`);
  }
});
