/** Addresses and groups as guests of 5.10, 6.1, 6.12 and 7.3 have them, SPEC.md §9.8. */
import t from "#tap";
import { groupsOf } from "../../harness/machine/grouping.ts";
import { addressesOf, addressOf } from "../../harness/machine/topology.ts";
import { machineWith } from "./machines.ts";

const INTEL = "{ kind: intel, address-bits: 39 }";

const PORT = "bridge: pcie-root-port";
const EDU = "devices: [slot: 0]";
const DOWNSTREAM = [1, 0].map((slot) => `{ slot: ${slot}, bridge: xio3130-downstream, ${EDU} }`).join(", ");
const SWITCH =
  `{ slot: 3, ${PORT}, devices: [{ slot: 0, bridge: x3130-upstream, devices: [${DOWNSTREAM}] }] }`;

/** What there is, and which addresses share a group, `bus:slot.function`. */
const TOPOLOGIES: readonly [name: string, devices: string, groups: string[]][] = [
  ["slots of the board", "[slot: 3, { slot: 29, functions: 3 }]", ["00:03.0", "00:1d.0 00:1d.1 00:1d.2"]],
  ["functions of different kinds", "[slot: 3, { slot: 3, function: 1, device: pci-testdev }]", [
    "00:03.0 00:03.1",
  ]],
  ["a port and what is behind it", `[{ slot: 3, ${PORT}, ${EDU} }]`, ["01:00.0", "00:03.0"]],
  ["functions behind a port", `[{ slot: 3, ${PORT}, devices: [{ slot: 0, functions: 2 }] }]`, [
    "01:00.0 01:00.1",
    "00:03.0",
  ]],
  ["an empty port", `[slot: 4, { slot: 3, ${PORT} }]`, ["00:04.0", "00:03.0"]],
  [
    "buses are numbered as slots are, not as they are written",
    `[{ slot: 4, ${PORT}, ${EDU} }, { slot: 3, ${PORT}, ${EDU} }]`,
    [
      "02:00.0",
      "01:00.0",
      "00:04.0",
      "00:03.0",
    ],
  ],
  [
    "two ports of one slot",
    `[{ slot: 3, ${PORT}, ${EDU} }, { slot: 3, function: 1, ${PORT}, ${EDU} }]`,
    ["01:00.0", "02:00.0", "00:03.0", "00:03.1"],
  ],
  ["a port without ACS", `[{ slot: 3, ${PORT}, acs: false, ${EDU} }]`, ["00:03.0 01:00.0"]],
  [
    "two of them in one slot",
    `[{ slot: 3, ${PORT}, acs: false, ${EDU} }, { slot: 3, function: 1, ${PORT}, acs: false, ${EDU} }]`,
    ["00:03.0 00:03.1 01:00.0 02:00.0"],
  ],
  [
    "one of them beside one that isolates",
    `[{ slot: 3, ${PORT}, acs: false, ${EDU} }, { slot: 3, function: 1, ${PORT}, ${EDU} }]`,
    ["00:03.0 01:00.0", "02:00.0", "00:03.1"],
  ],
  [
    "a conventional bus behind a port",
    `[{ slot: 3, ${PORT}, devices: [{ slot: 0, bridge: pcie-pci-bridge, devices: [slot: 1, slot: 2] }] }]`,
    ["01:00.0 02:01.0 02:02.0", "00:03.0"],
  ],
  [
    "one behind another",
    "[{ slot: 3, bridge: pcie-pci-bridge, devices: [slot: 1, { slot: 2, bridge: pci-bridge, devices: [slot: 1] }] }]",
    ["00:03.0 01:01.0 01:02.0 02:01.0"],
  ],
  ["one of the board", "[{ slot: 3, bridge: pci-bridge, devices: [slot: 1, slot: 2] }]", [
    "00:03.0 01:01.0 01:02.0",
  ]],
  ["a switch", `[${SWITCH}]`, ["02:01.0 04:00.0", "02:00.0 03:00.0", "00:03.0", "01:00.0"]],
  [
    "ports of one slot of a switch",
    `[${SWITCH.replace("{ slot: 1,", "{ slot: 0, function: 1,")}]`,
    ["02:00.0 02:00.1 03:00.0 04:00.0", "00:03.0", "01:00.0"],
  ],
  [
    "behind a port without ACS a switch isolates nothing",
    `[${SWITCH.replace(PORT, `${PORT}, acs: false`)}]`,
    ["00:03.0 01:00.0 02:00.0 02:01.0 03:00.0 04:00.0"],
  ],
  [
    "further root buses, one of them untranslated",
    `[
      { slot: 3, bridge: pxb-pcie, bus: 0x40, devices: [{ slot: 1, ${PORT}, ${EDU} }] },
      { slot: 4, bridge: pxb-pcie, bus: 0x80, translated: false, devices: [{ slot: 1, ${PORT}, ${EDU} }] },
      { slot: 5, ${PORT}, ${EDU} },
    ]`,
    ["41:00.0", "01:00.0", "00:03.0", "40:01.0", "00:04.0", "00:05.0"],
  ],
];

for (const [name, devices, groups] of TOPOLOGIES) {
  t.test(`groups: ${name}`, async (t) => {
    const seen = groupsOf(machineWith(INTEL, devices)).map((members) =>
      members.join(" ").replaceAll("0000:", "")
    );
    t.same(seen, groups);
  });
}

t.test("PCI addresses are hexadecimal", async (t) => {
  const root = { bridge: undefined, function: 0 };
  t.same(addressesOf({ ...root, slot: 3, functions: 1 }), ["0000:00:03.0"]);
  t.same(addressesOf({ ...root, slot: 29, functions: 3 }), ["0000:00:1d.0", "0000:00:1d.1", "0000:00:1d.2"]);
  t.same(addressesOf({ ...root, slot: 3, function: 5, functions: 2 }), ["0000:00:03.5", "0000:00:03.6"]);
  const { bridges: [far] } = machineWith(INTEL, "[slot: 2, { slot: 3, bridge: pxb-pcie, bus: 0xa0 }]");
  t.equal(addressOf({ bridge: far, slot: 10, function: 1 }), "0000:a0:0a.1");
});

const FAULTS: readonly [devices: string, message: RegExp][] = [
  ["[{ slot: 3, function: 8 }]", /devices\.0\.function: /],
  [
    "[{ slot: 3, function: 7, functions: 2 }, slot: 3]",
    /devices\.0\.functions: a slot has 8 functions; write fewer$/,
  ],
  ["[{ slot: 3, function: 1 }]", /devices\.0\.function: slot 3 has no function 0; write one$/],
  [
    "[{ slot: 3, functions: 3 }, { slot: 3, function: 2 }]",
    /devices\.1\.function: function 2 of slot 3 is taken/,
  ],
  ["[{ slot: 3, acs: false }]", /devices\.0\.acs: write bridge as well$/],
  ["[{ slot: 3, devices: [slot: 0] }]", /devices\.0\.devices: write bridge as well$/],
  ["[{ slot: 3, bridge: nvme }]", /devices\.0\.bridge: /],
  ["[{ slot: 3, bridge: pci-bridge, name: a }]", /devices\.0\.name: a pci-bridge has none; leave it out$/],
  [
    "[{ slot: 3, bridge: pci-bridge, device: edu }]",
    /devices\.0\.device: a pci-bridge has none; leave it out$/,
  ],
  [
    "[{ slot: 3, bridge: pci-bridge, functions: 2 }]",
    /devices\.0\.functions: a pci-bridge has none; leave it out$/,
  ],
  ["[{ slot: 3, bridge: pci-bridge, acs: true }]", /devices\.0\.acs: a pci-bridge has none; leave it out$/],
  ["[{ slot: 3, bridge: pci-bridge, bus: 0x40 }]", /devices\.0\.bus: a pci-bridge has none; leave it out$/],
  [
    "[{ slot: 3, bridge: pci-bridge, translated: true }]",
    /devices\.0\.translated: a pci-bridge has none; leave/,
  ],
  [
    "[{ slot: 3, bridge: pxb-pcie }]",
    /devices\.0\.bridge: a pxb-pcie is a root bus of its own; write bus, its number$/,
  ],
  ["[{ slot: 3, bridge: pxb-pcie, bus: 2 }]", /devices\.0\.bus: write a number from 0x20 on/],
  [
    "[{ slot: 3, bridge: pxb-pcie, bus: 0x40 }, { slot: 4, bridge: pxb-pcie, bus: 0x40 }]",
    /devices\.1\.bus: another bus has number 0x40; write another$/,
  ],
  [
    `[{ slot: 3, bridge: pxb-pcie, bus: 0x40, devices: [{ slot: 0, ${PORT} }] }, { slot: 4, bridge: pxb-pcie, bus: 0x41 }]`,
    /devices\.1\.bus: another bus has number 0x41; write another$/,
  ],
  [
    `[{ slot: 3, bridge: pxb-pcie, bus: 0x41 }, { slot: 4, bridge: pxb-pcie, bus: 0x40, devices: [{ slot: 0, ${PORT} }] }]`,
    /devices\.1\.devices\.0\.bridge: a root bus has its number, 0x41; write another there$/,
  ],
  [
    "[{ slot: 3, bridge: x3130-upstream }]",
    /devices\.0\.bridge: on the root bus there can be device, .*, not a x3130/,
  ],
  [
    "[{ slot: 3, bridge: pxb-pcie, bus: 0x40, devices: [slot: 1] }]",
    /devices\.0\.devices\.0\.slot: behind a pxb-pcie there can be pcie-root-port, .*, not a device$/,
  ],
  [
    `[{ slot: 3, ${PORT}, devices: [slot: 1] }]`,
    /devices\.0\.devices\.0\.slot: a pcie-root-port has slot 0 only$/,
  ],
  [
    "[{ slot: 3, bridge: pci-bridge, devices: [slot: 0] }]",
    /devices\.0\.devices\.0\.slot: slots below 1 belong to a pci-bridge$/,
  ],
  [
    `[{ slot: 3, ${PORT}, devices: [slot: 0, slot: 0] }]`,
    /devices\.0\.devices\.1\.slot: slot 0 is taken already/,
  ],
  [
    `[{ slot: 4, name: a }, { slot: 3, ${PORT}, devices: [{ slot: 0, name: a }] }]`,
    /devices\.1\.devices\.0\.name: another device is called a; write another$/,
  ],
  [
    "[{ slot: 3, name: a }, { slot: 3, function: 1, name: b }]",
    /devices\.1\.name: its group is called a already; leave it out$/,
  ],
];

for (const [devices, message] of FAULTS) {
  t.test(`refused: ${devices}`, async (t) => {
    t.throws(() => machineWith(INTEL, devices), { name: "ConfigError", message });
  });
}

t.test("bridges need an IOMMU that knows what is behind them", async (t) => {
  t.throws(() => machineWith("{ kind: virtio }", `[{ slot: 3, ${PORT}, ${EDU} }]`), {
    message: "m.yaml:4:10: devices: bridges need an IOMMU of intel, amd or smmuv3",
  });
});
