/** The board of arm64 machines: QEMU's arguments and the world. [spec §9.4, §9.5, §10, §19] */
import t from "#tap";
import { firmwareParameters, unseenBy } from "../../harness/machine/acpi/firmware.ts";
import { machineArgs, unsupported } from "../../harness/machine/qemu_args.ts";
import { membershipsOf, predictedGroups } from "../../harness/machine/predicted.ts";
import { parseMachines } from "../../harness/machine/machine.ts";
import { needsTables } from "../../harness/machine/virt.ts";
import { hex } from "../../harness/model/range_list.ts";
import { regionText } from "../../harness/model/reserved.ts";
import { machineWith, version } from "./machines.ts";

const SMMU = "{ kind: smmuv3 }";
const GIVEN =
  "[0x20000000..0x2fffffff reserved, 0x28000000..0x37ffffff msi, 0x40000010..0x40000010 reserved]";
const REGIONS = `{ kind: virtio, reserved: ${GIVEN} }`;
const TESTDEV = "[{ slot: 3, device: pci-testdev }]";
const GIVEN_TO_QEMU = ["0x20000000:0x2fffffff:0", "0x28000000:0x37ffffff:1", "0x40000010:0x40000010:0"];

const arm = (iommu: string, devices = TESTDEV) => machineWith(iommu, devices, "arm64");

/** IOMMU, QEMU, board, IOMMU device. */
const BOARDS: readonly [iommu: string, qemu: string, board: string, device: string[]][] = [
  [SMMU, "7.2", "virt,gic-version=3,iommu=smmuv3", []],
  ["{ kind: smmuv3, interrupt-remapping: false }", "10.0.13", "virt,gic-version=2,iommu=smmuv3", []],
  ["{ kind: virtio }", "7.2", "virt,gic-version=3", ["-device", "virtio-iommu-pci,addr=1"]],
  [
    "{ kind: virtio, address-bits: 40, interrupt-remapping: false }",
    "11.1.3",
    "virt,gic-version=2",
    ["-device", "virtio-iommu-pci,addr=1,aw-bits=40"],
  ],
  [REGIONS, "8.2.9", "virt,gic-version=3,its=off", [
    "-device",
    "virtio-iommu-pci,addr=1,len-reserved-regions=3," +
    GIVEN_TO_QEMU.map((text, index) => `reserved-regions[${index}]=${text}`).join(","),
  ]],
  [REGIONS, "9.0.0", "virt,gic-version=3,its=off", [
    "-device",
    JSON.stringify({ driver: "virtio-iommu-pci", addr: "1", "reserved-regions": GIVEN_TO_QEMU }),
  ]],
  [REGIONS.replace("reserved:", "address-bits: 32, reserved:"), "11.1.3", "virt,gic-version=3,its=off", [
    "-device",
    JSON.stringify({
      driver: "virtio-iommu-pci",
      addr: "1",
      "aw-bits": 32,
      "reserved-regions": GIVEN_TO_QEMU,
    }),
  ]],
];

for (const [iommu, qemu, board, device] of BOARDS) {
  t.test(`${iommu} on QEMU ${qemu}`, async (t) => {
    const args = machineArgs(arm(iommu), version(qemu));
    t.same(args, ["-machine", board, "-m", "256M", ...device, "-device", "pci-testdev,addr=3"]);
  });
}

t.test("a width needs a QEMU that has it", async (t) => {
  const machine = arm("{ kind: virtio, address-bits: 40 }");
  t.equal(unsupported(machine, version("8.2.9")), "virtio-iommu has no aw-bits before QEMU 9.0");
  t.equal(unsupported(machine, version("9.0.0")), undefined);
});

const [SW_MSI, ITS, V2M] = [
  "0x8000000..0x80fffff:msi",
  "0x8090000..0x809ffff:msi",
  "0x8020000..0x8020fff:msi",
];
const NO_ITS = "interrupt-remapping: false";

const WORLDS: readonly [iommu: string, qemu: string, last: string, isolates: boolean, regions: string[]][] = [
  [SMMU, "7.2", "0xffffffffffff", true, [SW_MSI]],
  [`{ kind: smmuv3, ${NO_ITS} }`, "10.0.13", "0xffffffffffff", false, [SW_MSI]],
  ["{ kind: virtio }", "7.2", "0xffffffffffffffff", true, [ITS]],
  ["{ kind: virtio }", "10.0.13", "0xffffffffffff", true, [ITS]],
  [`{ kind: virtio, address-bits: 40, ${NO_ITS} }`, "10.0.13", "0xffffffffff", false, [V2M]],
  [
    REGIONS,
    "7.2",
    "0xffffffffffffffff",
    false,
    ["0x20000000..0x2fffffff:reserved", "0x28000000..0x37ffffff:msi", "0x40000010..0x40000010:reserved"],
  ],
  [
    REGIONS,
    "10.0.13",
    "0xffffffffffff",
    false,
    ["0x20000000..0x27ffffff:reserved", "0x28000000..0x37ffffff:msi", "0x40000010..0x40000010:reserved"],
  ],
  [
    "{ kind: virtio, reserved: [0x9000000..0x9000fff reserved, 0x9001000..0x9001fff reserved] }",
    "7.2",
    "0xffffffffffffffff",
    false,
    [SW_MSI, "0x9000000..0x9001fff:reserved"],
  ],
];

for (const [iommu, qemu, last, isolates, regions] of WORLDS) {
  t.test(`the world of ${iommu} on QEMU ${qemu}`, async (t) => {
    const [group] = predictedGroups(arm(iommu), { kernel: version("6.12.117"), qemu: version(qemu) });
    t.same([group?.iommu.aperture.last ?? 0n].map(hex), [last]);
    t.equal(group?.iommu.isolatesInterrupts, isolates);
    t.same(group?.reserved.map(regionText), regions);
  });
}

t.test("a region takes its place from those before it, and may leave two parts of one", async (t) => {
  const given = "[0x20000000..0x2fffffff reserved, 0x24000000..0x24000fff msi]";
  const regions = (qemu: string) =>
    predictedGroups(arm(`{ kind: virtio, reserved: ${given} }`), {
      kernel: version("6.12.117"),
      qemu: version(qemu),
    })[0]?.reserved.map(regionText);
  t.same(regions("9.0.0"), [
    "0x20000000..0x23ffffff:reserved",
    "0x24000000..0x24000fff:msi",
    "0x24001000..0x2fffffff:reserved",
  ]);
  t.same(regions("8.2.9"), ["0x20000000..0x2fffffff:reserved", "0x24000000..0x24000fff:msi"]);
});

const TWO = "[slot: 3, { slot: 7, bridge: pxb-pcie, bus: 32, devices: [" +
  "{ slot: 0, bridge: pcie-root-port, devices: [{ slot: 0, name: far }] }] }]";

t.test("a further root bus has an SMMU of its own, which QEMU is told of before what is behind it", async (t) => {
  const mask = "dma_mask=0xffffffffffffffff";
  t.same(machineArgs(arm(SMMU, TWO), version("11.1.3")), [
    ...["-machine", "virt,gic-version=3", "-m", "256M"],
    ...["-device", "arm-smmuv3,primary-bus=pcie.0,id=smmu-pcie.0,stage=nested"],
    ...["-device", "pxb-pcie,id=bus0-7.0,bus=pcie.0,addr=7,bus_nr=32"],
    ...["-device", "arm-smmuv3,primary-bus=bus0-7.0,id=smmu-bus0-7.0,stage=nested"],
    ...["-device", "pcie-root-port,id=bus20-0.0,bus=bus0-7.0,addr=0,chassis=2"],
    ...["-device", `edu,bus=pcie.0,addr=3,${mask}`],
    ...["-device", `edu,id=bus21-0.0,bus=bus20-0.0,addr=0,${mask}`],
  ]);
});

t.test("QEMUs without SMMUs as devices can't make it", async (t) => {
  const machine = arm(SMMU, TWO);
  t.equal(unsupported(machine, version("10.0.13")), "QEMU has no SMMUv3 for each root bus before 10.2");
  t.equal(unsupported(machine, version("11.1.3")), undefined);
  t.equal(unsupported(arm(SMMU, "[slot: 3]"), version("7.2")), undefined);
});

t.test("groups behind different SMMUs never share a domain; the bus itself may have a group", async (t) => {
  const machine = arm(SMMU, TWO);
  const platform = { kernel: version("6.12.117"), qemu: version("11.1.3") };
  t.same(predictedGroups(machine, platform).map(({ name, devices, iommu }) => [name, devices, iommu.name]), [
    [undefined, ["0000:00:03.0"], "smmuv3-0"],
    ["far", ["0000:21:00.0"], "smmuv3-20"],
  ]);
  const groups = [["0000:00:03.0"], ["0000:21:00.0"], ["0000:20:00.0"]];
  const sorted = (kernel: string) => membershipsOf(machine, version(kernel)).sort();
  t.same(sorted("6.12.117"), groups.toSorted());
  t.same(sorted("7.3.4"), [...groups, ["0000:00:07.0"]].sort());
});

t.test("an SMMU's ranges are direct unless the table says that they needn't stay", async (t) => {
  const machine = machineWith(
    "{ kind: smmuv3, reserved: [0x60000000..0x6000ffff rmr for 00:04.1] }",
    `[slot: 2, { slot: 3, reserved: [0x50000000..0x5000ffff rmr, 0x90000000..0x9000ffff rmr-relaxable] },
      { slot: 4, functions: 2 }, { slot: 5, device: qemu-xhci, reserved: [0x50000000..0x5000ffff rmr] },
      { slot: 6, reserved: [0x50000000..0x5000ffff rmr-relaxable] }]`,
    "arm64",
  );
  const groups = predictedGroups(machine, { kernel: version("6.1.192"), qemu: version("10.0.13") });
  t.same(
    groups.map(({ reserved, requiresDirect }) => [
      ...reserved.map(regionText).filter((text) => text.includes("direct")),
      requiresDirect,
    ]),
    [
      [false],
      ["0x50000000..0x5000ffff:direct", "0x90000000..0x9000ffff:direct-relaxable", true],
      ["0x60000000..0x6000ffff:direct", true],
      ["0x50000000..0x5000ffff:direct", true],
      ["0x50000000..0x5000ffff:direct-relaxable", false],
    ],
  );
  t.equal(unseenBy(machine, version("6.0")), undefined);
  t.match(
    unseenBy(machine, version("5.19.17")),
    /^kernels before 6\.0 don't look for reserved memory ranges/,
  );
  t.equal(unseenBy(arm(SMMU), version("5.10.262")), undefined);
});

t.test("what has ranges of its own starts from tables, and needs no kernel parameters", async (t) => {
  const withRanges = machineWith(
    "{ kind: smmuv3 }",
    "[{ slot: 3, reserved: [0x50000000..0x5000ffff rmr] }]",
    "arm64",
  );
  t.equal(needsTables(withRanges), true);
  t.equal(needsTables(arm(SMMU)), false);
  t.same(firmwareParameters(withRanges), []);
});

t.test("what an SMMU says of nesting", async (t) => {
  const nesting = (kernel: string, qemu: string) =>
    predictedGroups(arm(SMMU), { kernel: version(kernel), qemu: version(qemu) })[0]?.iommu.nesting;
  t.same(nesting("6.1.192", "7.2"), { start: 0n, last: 0xffff_ffff_ffffn });
  t.same(nesting("6.1.192", "10.0.13"), { start: 0n, last: 0xfff_ffff_ffffn });
  t.equal(nesting("6.12.117", "10.0.13"), "EPERM");
});

const machine = (iommu: string, devices = TESTDEV, arch = "arm64") =>
  `machine: m\narch: ${arch}\niommu: ${iommu}\ndevices: ${devices}\n`;
const withRegion = (text: string) => machine(`{ kind: virtio, reserved: [${text}] }`);
const RANGE = "0x50000000..0x5000ffff rmr for 00:03.0";
const withRange = (text: string) => machine(`{ kind: smmuv3, reserved: [${text}] }`);
const many = (count: number) =>
  Array.from(
    { length: count },
    (_, index) => `${hex(BigInt(index + 1) << 20n)}..${hex((BigInt(index + 1) << 20n) + 1n)} msi`,
  );

const FAULTS: readonly [text: string, message: RegExp][] = [
  [machine("{ kind: intel }"), /^m\.yaml:3:16: iommu\.kind: no arm64 board has one; write smmuv3 or virtio$/],
  [
    machine(SMMU, TESTDEV, "amd64"),
    /^m\.yaml:3:16: iommu\.kind: no amd64 board has one; write intel or amd or virtio$/,
  ],
  [machine("{ kind: smmuv3, address-bits: 48 }"), /^m\.yaml:3:38: iommu\.address-bits: leave it out;/],
  [withRange("0x0..0xffff msi"), /no region is called msi; there are rmrr, .*, rmr, rmr-relaxable$/],
  [
    withRange(`${RANGE.replace("rmr", "rmrr")}`),
    /no table of smmuv3 tells of rmrr; write rmr or rmr-relaxable$/,
  ],
  [
    withRange("0x50001000..0x50002fff rmr for 00:03.0"),
    /^m\.yaml:3:35: iommu\.reserved\.0: tables tell of whole pages of 64 KiB; write 0x50000000\.\.0x5000ffff$/,
  ],
  [withRange("0x50000000..0x5000ffff rmr"), /an rmr is for devices; write for 00:03\.0, or for/],
  [
    withRange("0x50000000..0x5000ffff rmr-relaxable"),
    /an rmr-relaxable is for devices; write for 00:03\.0, or for/,
  ],
  [withRange("0x50000000..0x5000ffff rmr r for 00:03.0"), /leave out r; a table can say that of unity only$/],
  [withRange("0x50000000..0x5000ffff rmr for 00:09.0"), /the machine has no such device; /],
  [
    withRange("0x4fff0000..0x5000ffff rmr for 00:03.0"),
    /the guest's memory is 0x40000000\.\.0x4fffffff; write addresses above, or below 0x10000$/,
  ],
  [
    withRange("0x8000000..0x80fffff rmr for 00:03.0"),
    /devices have 0x10000\.\.0x3fffffff; write addresses below or above$/,
  ],
  [withRange("0x8000000000..0x800000ffff rmr for 00:03.0"), /devices have 0x4000000000\.\.0xffffffffff; /],
  [
    withRange("0x100000000000..0x10000000ffff rmr for 00:03.0"),
    /it ends above 0xfffffffffff, which the IOMMU can't map; write lower addresses$/,
  ],
  [
    machine("{ kind: virtio }", "[{ slot: 3, device: pci-testdev, reserved: [0x50000000..0x5000ffff rmr] }]"),
    /^m\.yaml:4:\d+: devices\.0\.reserved\.0: no table tells of regions of virtio; leave it out$/,
  ],
  [
    withRegion("0x2000..0x1fff reserved"),
    /^m\.yaml:3:35: iommu\.reserved\.0: 0x2000\.\.0x1fff ends before it starts; write/,
  ],
  [withRegion("0x0..0xffffffffffffffff reserved"), /kernels refuse a region of all addresses/],
  [withRegion("0x0..0x10000000000000000 reserved"), /an address has 64 bits/],
  [withRegion("0x0..0xfff unity"), /a virtio-iommu has no kind unity; write reserved or msi$/],
  [withRegion("0x0 reserved"), /0x0 reserved: write START\.\.LAST KIND/],
  [
    withRegion(many(22).join(", ")),
    /^m\.yaml:3:\d+: iommu\.reserved\.21: a virtio-iommu reports at most 21 regions; write fewer$/,
  ],
  [
    machine("{ kind: virtio, reserved: [0x0..0xfff msi] }", "[slot: 3]"),
    /^m\.yaml:4:11: devices\.0\.device: edu needs interrupts that a board with chosen regions lacks; write pci-testdev or/,
  ],
];

for (const [text, message] of FAULTS) {
  t.test(`refused: ${message.source}`, async (t) => {
    t.throws(() => parseMachines(text, "m.yaml"), { name: "ConfigError", message });
  });
}

t.test("as many regions as the device reports", async (t) => {
  const [machine] = parseMachines(withRegion(many(21).join(", ")), "m.yaml");
  t.equal(machine?.iommu.reserved.length, 21);
});
