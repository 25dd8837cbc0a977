import t from "#tap";
import { join } from "node:path";
import { addressesOf, loadMachines, parseMachines } from "../../harness/machine/machine.ts";

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
  iommu: { kind: "intel", addressBits: 48, interruptRemapping: false },
  slots: [{ slot: 3, name: "odd", device: "pci-testdev", functions: 1 }, {
    slot: 29,
    name: undefined,
    device: "edu",
    functions: 8,
  }],
  position: { file: FILE, line: 2, column: 10 },
}, {
  name: "amd",
  arch: "amd64",
  memoryMib: 256,
  iommu: { kind: "amd", addressBits: undefined, interruptRemapping: true },
  slots: [{ slot: 2, name: undefined, device: "edu", functions: 1 }],
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

for (const [text, message] of FAULTS) {
  t.test(`refused: ${message.source}`, async (t) => {
    t.throws(() => parseMachines(text, FILE), { name: "ConfigError", message });
  });
}

t.test("slot 20 is free where no southbridge is needed", async (t) => {
  t.equal(parseMachines(machine({ devices: "[slot: 20]" }), FILE).length, 1);
});

t.test("PCI addresses are hexadecimal", async (t) => {
  t.same(addressesOf({ slot: 3, name: undefined, device: "edu", functions: 1 }), ["0000:00:03.0"]);
  t.same(addressesOf({ slot: 29, name: undefined, device: "edu", functions: 3 }), [
    "0000:00:1d.0",
    "0000:00:1d.1",
    "0000:00:1d.2",
  ]);
});
