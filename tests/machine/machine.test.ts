import t from "#tap";
import { join } from "node:path";
import { loadMachines, parseMachines } from "../../harness/machine/machine.ts";

const FILE = "machines/m.yaml";

const GOOD = `
machine: intel-48
memory-mib: 512
iommu: { kind: intel, address-bits: 48, interrupt-remapping: false }
devices:
  - { slot: 3, name: odd, device: pci-testdev }
  - { slot: 0x1d, functions: 8 }
---
machine: amd
iommu: { kind: amd }
devices: [slot: 2]
`;

const EXPECTED = [{
  name: "intel-48",
  arch: "amd64",
  memoryMib: 512,
  iommu: { kind: "intel", addressBits: 48, interruptRemapping: false, reserved: [] },
  slots: [
    { bridge: undefined, slot: 3, function: 0, name: "odd", device: "pci-testdev", functions: 1 },
    { bridge: undefined, slot: 29, function: 0, name: undefined, device: "edu", functions: 8 },
  ],
  bridges: [],
  firmware: [],
  position: { file: FILE, line: 2, column: 10 },
}, {
  name: "amd",
  arch: "amd64",
  memoryMib: 256,
  iommu: { kind: "amd", addressBits: undefined, interruptRemapping: true, reserved: [] },
  slots: [{ bridge: undefined, slot: 2, function: 0, name: undefined, device: "edu", functions: 1 }],
  bridges: [],
  firmware: [],
  position: { file: FILE, line: 9, column: 10 },
}];

t.test("a machine per document, with what is left out filled in", async (t) => {
  t.same(parseMachines(GOOD, FILE), EXPECTED);
  const dir = t.testdir({ "m.yaml": GOOD });
  t.same(await loadMachines(join(dir, "m.yaml"), FILE), EXPECTED);
});

/** A machine with one line written otherwise; the fault is sought in that line. */
const machine = (lines: Partial<Record<"machine" | "more" | "iommu" | "devices", string>>): string =>
  [
    `machine: ${lines.machine ?? "m"}`,
    lines.more ?? "memory-mib: 256",
    `iommu: ${lines.iommu ?? "{ kind: intel }"}`,
    `devices: ${lines.devices ?? "[slot: 3]"}`,
  ].join("\n");

const FAULTS: readonly [text: string, message: RegExp][] = [
  [machine({ machine: "Intel" }), /^machines\/m\.yaml:1:10: machine: write a name such as intel-iommu$/],
  [machine({ more: "colour: red" }), /^machines\/m\.yaml:2:1: unknown key colour$/],
  [machine({ more: "arch: sparc" }), /^machines\/m\.yaml:2:7: arch: /],
  [machine({ more: "memory-mib: 64" }), /^machines\/m\.yaml:2:13: memory-mib: a guest needs 128 MiB$/],
  [machine({ more: "memory-mib: 65537" }), /^machines\/m\.yaml:2:13: memory-mib: /],
  [machine({ iommu: "{ kind: smmu }" }), /^machines\/m\.yaml:3:16: iommu\.kind: /],
  [machine({ iommu: "{ kind: intel, bits: 39 }" }), /^machines\/m\.yaml:3:23: unknown key bits$/],
  [
    machine({ iommu: "{ kind: intel, address-bits: 40 }" }),
    /^machines\/m\.yaml:3:37: iommu\.address-bits: write 39 or 48$/,
  ],
  [
    machine({ iommu: "{ kind: amd, address-bits: 48 }" }),
    /^machines\/m\.yaml:3:35: iommu\.address-bits: leave it out/,
  ],
  [
    machine({ iommu: "{ kind: virtio, address-bits: 65 }" }),
    /^machines\/m\.yaml:3:38: iommu\.address-bits: write 32 to 64$/,
  ],
  [machine({ devices: "[]" }), /^machines\/m\.yaml:4:10: devices: write at least one device$/],
  [machine({ devices: "[slot: 1]" }), /^machines\/m\.yaml:4:17: devices\.0\.slot: slots below 2 belong/],
  [machine({ devices: "[slot: 30]" }), /^machines\/m\.yaml:4:17: devices\.0\.slot: slots above 29 belong/],
  [
    machine({ devices: "[{ slot: 3, device: floppy }]" }),
    /^machines\/m\.yaml:4:30: devices\.0\.device: /,
  ],
  [machine({ devices: "[{ slot: 3, functions: 9 }]" }), /^machines\/m\.yaml:4:33: devices\.0\.functions: /],
  [machine({ devices: "[{ slot: 3, functions: 0 }]" }), /^machines\/m\.yaml:4:33: devices\.0\.functions: /],
  [
    machine({ devices: "[slot: 3, slot: 4, slot: 0x3]" }),
    /^machines\/m\.yaml:4:35: devices\.2\.slot: slot 3 is taken already; write another$/,
  ],
  [
    machine({ devices: "[{ slot: 3, name: a }, { slot: 4, name: a }]" }),
    /^machines\/m\.yaml:4:50: devices\.1\.name: another device is called a; write another$/,
  ],
  [
    machine({ devices: "[{ slot: 3, name: A }]" }),
    /^machines\/m\.yaml:4:28: devices\.0\.name: write a name /,
  ],
  [
    machine({ iommu: "{ kind: amd }", devices: "[slot: 20]" }),
    /^machines\/m\.yaml:4:17: devices\.0\.slot: slot 20 is taken already; write another$/,
  ],
];

/** A machine with four devices, firmware's regions beside the IOMMU or beside the first device. */
const amd = (...regions: string[]): string => firmware("amd", regions, []);
const intel = (...regions: string[]): string => firmware("intel, address-bits: 48", regions, []);
const beside = (kind: string, ...regions: string[]): string => firmware(kind, [], regions);

const firmware = (iommu: string, forIommu: readonly string[], forDevice: readonly string[]): string =>
  [
    "machine: m",
    `iommu: { kind: ${iommu}, reserved: [${forIommu.join(", ")}] }`,
    `devices: [{ slot: 3, functions: 2, reserved: [${forDevice.join(", ")}] }, slot: 4, slot: 5, slot: 6]`,
  ].join("\n");

const UNITY = "0x40000000..0x4000ffff unity";
const RMRR = "0x40000000..0x4000ffff rmrr";

/** Faults of firmware's regions: each is told at the region, with the mend. */
const FIRMWARE_FAULTS: readonly [text: string, message: RegExp][] = [
  [
    amd("0x40000000 unity"),
    /^machines\/m\.yaml:2:32: iommu\.reserved\.0: 0x40000000 unity: write START\.\.LAST KIND, /,
  ],
  [amd("40000000..4000ffff unity"), /: write START\.\.LAST KIND, such as 0x40000000\.\.0x4000ffff unity$/],
  [
    amd(UNITY, "0x40000000..0x4000ffff reserved"),
    /:2:62: iommu\.reserved\.1: no region is called reserved; there are rmrr, unity, exclusion, rmr, rmr-relaxable$/,
  ],
  [
    amd("0x40000000..0x3fffffff unity"),
    /0x40000000\.\.0x3fffffff ends before it starts; write start\.\.last with last ≥ start$/,
  ],
  [amd("0x40000800..0x4000ffff unity"), /whole pages of 4 KiB; write 0x40000000\.\.0x4000ffff$/],
  [amd("0x40000000..0x40010000 unity"), /whole pages of 4 KiB; write 0x40000000\.\.0x40010fff$/],
  [intel("0x40000000..0x400000ff rmrr for 00:03.0"), /whole pages of 4 KiB; write 0x40000000\.\.0x40000fff$/],
  [amd(RMRR), /no table of amd tells of rmrr; write unity or exclusion$/],
  [intel(`${UNITY} for 00:03.0`), /no table of intel tells of unity; write rmrr$/],
  [
    beside("virtio", RMRR),
    /:3:47: devices\.0\.reserved\.0: no table tells of regions of virtio; leave it out$/,
  ],
  [amd("0x40000000..0x4000ffff exclusion r"), /leave out r; a table can say that of unity only$/],
  [beside("intel", "0x40000000..0x4000ffff rmrr w"), /leave out w; a table can say that of unity only$/],
  [intel(RMRR), /an rmrr is for devices; write for 00:03\.0, or for 00:03\.0\.\.00:04\.7, behind it$/],
  [amd(`${UNITY} for 00:07.0`), /the machine has no such device; name one that it has$/],
  [intel(`${RMRR} for 01:00.0..01:1f.7`), /the machine has no such device; name one that it has$/],
  [amd(`${UNITY} for 00:04.0..00:03.0`), /the last device is before the first; write first\.\.last$/],
  [amd(`${UNITY} for 3`), /: write START\.\.LAST KIND, /],
  [beside("amd", `${UNITY} for 00:03.0`), /:3:47: devices\.0\.reserved\.0: leave out for and what follows; /],
  [
    amd("0x0..0x1ffff unity"),
    /the guest's memory is 0x0\.\.0xfffffff; write addresses above, or below 0x10000$/,
  ],
  [amd("0xffff000..0xfffffff unity"), /the guest's memory is 0x0\.\.0xfffffff; /],
  [
    amd("0xfee00000..0xfeefffff unity"),
    /devices have 0xb0000000\.\.0xffffffff; write addresses below or above$/,
  ],
  [amd("0x40000000..0xffffffff unity"), /devices have 0xb0000000\.\.0xffffffff; /],
  [
    amd("0x1000000000000..0x1000000000fff unity"),
    /it ends above 0xffffffffffff, which the IOMMU can't map; /,
  ],
  [intel("0x1000000000000..0x1000000000fff rmrr for 00:03.0"), /it ends above 0xffffffffffff, /],
  [beside("intel, address-bits: 39", "0x8000000000..0x8000000fff rmrr"), /it ends above 0x7fffffffff, /],
  [beside("intel", "0x8000000000..0x8000000fff rmrr"), /it ends above 0x7fffffffff, /],
  [
    amd(UNITY, "0x4000f000..0x4001ffff exclusion for 00:06.0"),
    /:2:62: iommu\.reserved\.1: it overlaps 0x40000000\.\.0x4000ffff of the same device; write one region$/,
  ],
  [firmware("amd", [`${UNITY} for 00:03.1`], [UNITY]), /:2:32: iommu\.reserved\.0: it overlaps 0x40000000/],
  [
    amd(...Array.from({ length: 33 }, (_, index) => `0x5${index + 10}00000..0x5${index + 10}00fff unity`)),
    /iommu\.reserved\.32: more than 32 regions don't fit a kernel's command line; write fewer$/,
  ],
  [amd("5"), /iommu\.reserved\.0: /],
];

for (const [text, message] of FIRMWARE_FAULTS) {
  t.test(`refused: ${message.source}`, async (t) => {
    t.throws(() => parseMachines(text, FILE), { name: "ConfigError", message });
  });
}

t.test("a fault behind a bridge is told where it stands", async (t) => {
  const nested = `machine: m
iommu: { kind: amd }
devices:
  - slot: 3
    bridge: pcie-root-port
    devices: [{ slot: 0, reserved: [0x40000800..0x4000ffff unity] }]
`;
  t.throws(() => parseMachines(nested, FILE), {
    name: "ConfigError",
    message:
      /^machines\/m\.yaml:6:37: devices\.0\.devices\.0\.reserved\.0: .* write 0x40000000\.\.0x4000ffff$/,
  });
});

t.test("what firmware reserves, beside devices and beside the IOMMU", async (t) => {
  const [machine] = parseMachines(
    firmware("amd", [`${UNITY} r for 00:04.0..00:05.7`, "0x0..0xffff exclusion"], [
      "0x100_000_000..0x100_000_fff unity",
      UNITY,
    ]),
    FILE,
  );
  const whole = { access: "rw", devices: undefined };
  const own = { first: 0x18, last: 0x19 };
  t.same(machine?.firmware, [
    { ...whole, kind: "unity", start: 0x100000000n, last: 0x100000fffn, devices: own },
    { ...whole, kind: "unity", start: 0x40000000n, last: 0x4000ffffn, devices: own },
    {
      kind: "unity",
      start: 0x40000000n,
      last: 0x4000ffffn,
      access: "r",
      devices: { first: 0x20, last: 0x2f },
    },
    { ...whole, kind: "exclusion", start: 0n, last: 0xffffn },
  ]);
});

t.test("memory above 4 GiB is no place for regions either", async (t) => {
  const big = (region: string) => `memory-mib: 4096\n${amd(region)}`;
  t.throws(() => parseMachines(big("0x17ffff000..0x17fffffff unity"), FILE), {
    message: /memory is 0x100000000\.\.0x17fffffff/,
  });
  t.doesNotThrow(() => parseMachines(big("0x180000000..0x180000fff unity"), FILE));
  t.doesNotThrow(() => parseMachines(big("0x80000000..0x8000ffff unity"), FILE), "below the devices");
});

for (const [text, message] of FAULTS) {
  t.test(`refused: ${message.source}`, async (t) => {
    t.throws(() => parseMachines(text, FILE), { name: "ConfigError", message });
  });
}

t.test("slot 20 is free where no southbridge is needed", async (t) => {
  t.equal(parseMachines(machine({ devices: "[slot: 20]" }), FILE).length, 1);
});
