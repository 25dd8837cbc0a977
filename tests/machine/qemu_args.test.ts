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
      "edu,addr=3,dma_mask=0xffffffffffffffff",
    ]);
  });
}

const DEVICES: readonly [devices: string, args: string[]][] = [
  ["[{ slot: 29, device: pci-testdev }]", ["pci-testdev,addr=1d"]],
  ["[{ slot: 4, device: nvme }]", ["nvme,addr=4,serial=iovacheck"]],
  ["[{ slot: 10, functions: 3 }]", [
    "edu,addr=a.0,multifunction=on,dma_mask=0xffffffffffffffff",
    "edu,addr=a.1,dma_mask=0xffffffffffffffff",
    "edu,addr=a.2,dma_mask=0xffffffffffffffff",
  ]],
  ["[slot: 4, { slot: 3, functions: 2 }]", [
    "edu,addr=4,dma_mask=0xffffffffffffffff",
    "edu,addr=3.0,multifunction=on,dma_mask=0xffffffffffffffff",
    "edu,addr=3.1,dma_mask=0xffffffffffffffff",
  ]],
];

const BRIDGED: typeof DEVICES = [
  [
    "[slot: 2, { slot: 10, bridge: pcie-root-port, devices: [{ slot: 0, functions: 2 }] }]",
    [
      "pcie-root-port,id=bus0-a.0,bus=pcie.0,addr=a,chassis=1",
      "edu,bus=pcie.0,addr=2,dma_mask=0xffffffffffffffff",
      "edu,id=bus1-0.0,bus=bus0-a.0,addr=0.0,multifunction=on,dma_mask=0xffffffffffffffff",
      "edu,id=bus1-0.1,bus=bus0-a.0,addr=0.1,dma_mask=0xffffffffffffffff",
    ],
  ],
  [
    "[{ slot: 4, bridge: pcie-root-port, acs: false }, { slot: 4, function: 2, bridge: pcie-root-port }]",
    [
      "pcie-root-port,id=bus0-4.0,bus=pcie.0,addr=4.0,multifunction=on,chassis=1,disable-acs=on",
      "pcie-root-port,id=bus0-4.2,bus=pcie.0,addr=4.2,chassis=2",
    ],
  ],
  [
    "[{ slot: 4, bridge: pcie-root-port, devices: [{ slot: 0, bridge: x3130-upstream, " +
    "devices: [{ slot: 1, bridge: xio3130-downstream, devices: [slot: 0] }] }] }]",
    [
      "pcie-root-port,id=bus0-4.0,bus=pcie.0,addr=4,chassis=1",
      "x3130-upstream,id=bus1-0.0,bus=bus0-4.0,addr=0",
      "xio3130-downstream,id=bus2-1.0,bus=bus1-0.0,addr=1,chassis=3",
      "edu,id=bus3-0.0,bus=bus2-1.0,addr=0,dma_mask=0xffffffffffffffff",
    ],
  ],
  [
    "[{ slot: 4, bridge: pcie-pci-bridge, devices: [{ slot: 1, bridge: pci-bridge, devices: [slot: 31] }] }]",
    [
      "pcie-pci-bridge,id=bus0-4.0,bus=pcie.0,addr=4",
      "pci-bridge,id=bus1-1.0,bus=bus0-4.0,addr=1,chassis_nr=2",
      "edu,id=bus2-1f.0,bus=bus1-1.0,addr=1f,dma_mask=0xffffffffffffffff",
    ],
  ],
  [
    "[{ slot: 4, bridge: pxb-pcie, bus: 64 }, { slot: 5, bridge: pxb-pcie, bus: 128, translated: false }]",
    [
      "pxb-pcie,id=bus0-4.0,bus=pcie.0,addr=4,bus_nr=64",
      "pxb-pcie,id=bus0-5.0,bus=pcie.0,addr=5,bus_nr=128,bypass_iommu=on",
    ],
  ],
];

for (const [devices, args] of [...DEVICES, ...BRIDGED]) {
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
  [
    "{ kind: amd }",
    "10.0.2",
    "amd-iommu of QEMU 10.0.2 loses the timer's interrupts, without which no kernel boots",
  ],
  ["{ kind: amd }", "10.0.13", undefined],
  ["{ kind: intel }", "10.0.2", undefined],
];

t.test("ports without ACS are of the past", async (t) => {
  const machine = machineWith("{ kind: intel }", "[{ slot: 4, bridge: pcie-root-port, acs: false }]");
  t.equal(unsupported(machine, version("10.0.13")), undefined);
  t.equal(unsupported(machine, version("11.1.3")), "pcie-root-port has no disable-acs from QEMU 11.0 on");
});

t.test("what a QEMU can't make is told in words", async (t) => {
  for (const [iommu, qemu, why] of SUPPORT) {
    t.equal(unsupported(machineWith(iommu), version(qemu)), why, `${iommu} on ${qemu}`);
  }
});
