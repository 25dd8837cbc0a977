/** The bytes are written out from the specifications of the tables. */
import t from "#tap";
import { type Target, withRmrrs } from "../../../harness/machine/acpi/dmar.ts";
import { preservingConfiguration } from "../../../harness/machine/acpi/dsdt.ts";
import { firmwareTables } from "../../../harness/machine/acpi/firmware.ts";
import { IORT_LAYOUT, withRmrs } from "../../../harness/machine/acpi/iort.ts";
import { withIvmds } from "../../../harness/machine/acpi/ivrs.ts";
import { type FirmwareRegion, parseFirmwareRegion } from "../../../harness/machine/acpi/region.ts";
import { structuresOf } from "../../../harness/machine/acpi/table.ts";
import { parseMachines } from "../../../harness/machine/machine.ts";
import { changed, recorded, sumOf } from "./recorded.ts";

const regions = (...texts: string[]): FirmwareRegion[] => texts.map(parseFirmwareRegion);

const onRootBus = (slot: number, fn: number): Target => ({
  id: slot << 3 | fn,
  isBridge: false,
  rootBus: 0,
  path: [{ slot, function: fn }],
});

const DEVICES = [onRootBus(3, 0), onRootBus(4, 0), onRootBus(4, 1), onRootBus(5, 0)];

t.test("an RMRR for each range, behind the hardware units, its devices in scope", async (t) => {
  const before = recorded("dmar-10.0.13");
  const after = withRmrrs(
    before,
    regions(
      "0x40000000..0x4000ffff rmrr for 00:03.0",
      "0x0..0xfff rmrr for 00:04.0..00:04.7",
      "0x40000000..0x4000ffff rmrr for 00:05.0",
    ),
    DEVICES,
  );
  t.equal(sumOf(after), 0);
  t.same(after.subarray(48, before.length), before.subarray(48));
  t.equal(
    after.subarray(before.length).toHex(),
    [
      "0100" + "2800" + "0000" + "0000" + "0000004000000000" + "ffff004000000000",
      "01080000" + "0000" + "0300",
      "01080000" + "0000" + "0500",
      "0100" + "2800" + "0000" + "0000" + "0000000000000000" + "ff0f000000000000",
      "01080000" + "0000" + "0400",
      "01080000" + "0000" + "0401",
    ].join(""),
  );
});

t.test("an RMRR for a bridge, and for what is behind bridges, on further root buses too", async (t) => {
  const [machine] = parseMachines(
    `machine: m
iommu: { kind: intel, reserved: [0x50000000..0x50000fff rmrr for 41:00.0] }
devices:
  - { slot: 0x10, bridge: pcie-root-port, reserved: [0x40000000..0x40000fff rmrr], devices: [slot: 0] }
  - slot: 0x11
    bridge: pcie-root-port
    devices:
      - slot: 0
        bridge: pcie-pci-bridge
        devices: [{ slot: 0x12, functions: 2, reserved: [0x40000000..0x40000fff rmrr] }]
  - slot: 0x13
    bridge: pxb-pcie
    bus: 0x40
    devices: [{ slot: 2, bridge: pcie-root-port, devices: [slot: 0] }]
`,
    "m.yaml",
  );
  const before = recorded("dmar-10.0.13");
  const after = machine && firmwareTables(machine)[0]?.override(before);
  t.equal(
    after?.subarray(before.length).toHex(),
    [
      "0100" + "3800" + "0000" + "0000" + "0000004000000000" + "ff0f004000000000",
      "010c0000" + "0000" + "1100" + "0000" + "1200",
      "010c0000" + "0000" + "1100" + "0000" + "1201",
      "02080000" + "0000" + "1000",
      "0100" + "2200" + "0000" + "0000" + "0000005000000000" + "ff0f005000000000",
      "010a0000" + "0040" + "0200" + "0000",
    ].join(""),
  );
});

t.test("an RMRR goes before structures of a higher type", async (t) => {
  const plain = recorded("dmar-10.0.13");
  const withAtsr = changed(Uint8Array.from([...plain, 2, 0, 8, 0, 1, 0, 0, 0]), { 4: 0xa0 });
  const after = withRmrrs(withAtsr, regions("0x40000000..0x40000fff rmrr for 00:03.0"), DEVICES);
  t.equal(after.subarray(plain.length, plain.length + 4).toHex(), "01002000");
  t.equal(after.subarray(-8).toHex(), "0200080001000000");
});

const IVMDS: readonly [text: string, bytes: string][] = [
  [
    "0x40000000..0x4000ffff unity",
    "20072000" + "0000" + "0000" + "00".repeat(8) + "0000004000000000" + "0000010000000000",
  ],
  [
    "0x0..0xfff unity r for 00:04.1",
    "21032000" + "2100" + "0000" + "00".repeat(8) + "0000000000000000" + "0010000000000000",
  ],
  [
    "0x100000000000..0x100000000fff unity w for 00:03.0..00:04.7",
    "22052000" + "1800" + "2700" + "00".repeat(8) + "0000000000100000" + "0010000000000000",
  ],
  [
    "0x1000..0x2fff exclusion for 01:00.0",
    "21082000" + "0001" + "0000" + "00".repeat(8) + "0010000000000000" + "0020000000000000",
  ],
];

for (const name of ["ivrs-7.2.22", "ivrs-10.0.13"] as const) {
  t.test(`an IVMD for each region, behind what ${name} has`, async (t) => {
    const before = recorded(name);
    const after = withIvmds(before, regions(...IVMDS.map(([text]) => text)));
    t.equal(sumOf(after), 0);
    t.same(after.subarray(48, before.length), before.subarray(48));
    t.equal(after.subarray(before.length).toHex(), IVMDS.map(([, bytes]) => bytes).join(""));
  });
}

t.test("an RMR for each range, behind what QEMU has, a mapping for each of its functions", async (t) => {
  const before = recorded("iort-10.0.13");
  const after = withRmrs(
    before,
    regions(
      "0x50000000..0x5000ffff rmr for 00:03.0",
      "0x0..0x1ffff rmr-relaxable for 00:04.0..00:04.7",
      "0x50000000..0x5000ffff rmr for 00:05.0",
      "0x50000000..0x5000ffff rmr-relaxable for 00:04.1",
    ),
    DEVICES.map(({ id }) => id),
  );
  t.equal(sumOf(after), 0);
  t.same([...after.subarray(8, 9), ...after.subarray(36, 40)], [5, 6, 0, 0, 0], "revision, number of nodes");
  t.same(after.subarray(48, before.length), before.subarray(48));
  const stream = (id: string) => "00000000" + "00000000" + id + "48000000" + "00000000";
  t.equal(
    after.subarray(before.length).toHex(),
    [
      "06" + "5800" + "03" + "03000000" + "02000000" + "30000000" + "00000000" + "01000000" + "1c000000",
      "0000005000000000" + "0000010000000000" + "00000000",
      stream("18000000") + stream("28000000"),
      "06" + "5800" + "03" + "04000000" + "02000000" + "30000000" + "01000000" + "01000000" + "1c000000",
      "0000000000000000" + "0000020000000000" + "00000000",
      stream("20000000") + stream("21000000"),
      "06" + "4400" + "03" + "05000000" + "01000000" + "30000000" + "01000000" + "01000000" + "1c000000",
      "0000005000000000" + "0000010000000000" + "00000000",
      stream("21000000"),
    ].join(""),
  );
});

/** Where there are two SMMUs, 00:03.0 is behind the first, 21:00.0 behind the second. */
const FAR = regions("0x50000000..0x5000ffff rmr for 00:00.0..ff:1f.7");

t.test("an RMR of devices behind different SMMUs refers to both", async (t) => {
  const before = recorded("iort-two-11.1.3");
  const after = withRmrs(before, FAR, [0x0018, 0x2100]);
  t.equal(
    after.subarray(before.length + 48).toHex(),
    "00000000" + "00000000" + "18000000" + "48000000" + "00000000" +
      "00000000" + "00000000" + "00210000" + "a0000000" + "00000000",
  );
  t.same(structuresOf(after, IORT_LAYOUT).map(({ type }) => type), [0, 4, 4, 2, 6]);
});

t.test("streams are counted from where their mapping says", async (t) => {
  const shifted = changed(recorded("iort-10.0.13"), { 0xcc: 0x10, 0xcd: 0x01 });
  const after = withRmrs(shifted, FAR, [0x0018]);
  t.equal(after.subarray(-12, -8).toHex(), "28010000");
});

const WRONG_IORTS: readonly [what: string, changes: Readonly<Record<number, number>>, message: RegExp][] = [
  ["nodes elsewhere", { 40: 56 }, /^the nodes of the IORT table don't begin behind its header$/],
  [
    "mappings beyond their node",
    { 0xa8: 9 },
    /^a root complex of the IORT table has mappings beyond its end$/,
  ],
  // The first node, of 24 bytes, as three of 8.
  [
    "nodes too short",
    { 49: 8, 56: 6, 57: 8, 64: 6, 65: 8 },
    /^a node of the IORT table has less than 16 bytes$/,
  ],
  ["no SMMU in the way", { 0xd0: 0x30 }, /^no SMMU of the IORT table is in the way of function 0x18$/],
];

for (const [what, changes, message] of WRONG_IORTS) {
  t.test(`refused: an IORT with ${what}`, async (t) => {
    const table = changed(recorded("iort-10.0.13"), changes);
    t.throws(() => withRmrs(table, FAR, [0x18]), { name: "TableError", message });
  });
}

/** Where the host bridge says which of its functions there are, and answers all others. */
const FUNCTIONS_AT = 4943 + 16 + 9;
const ANSWER_AT = FUNCTIONS_AT + 1;

for (const functions of [0, 1]) {
  t.test(`a host bridge of functions ${functions} says that its configuration is to be preserved`, async (t) => {
    const before = changed(recorded("dsdt-10.0.13"), { [FUNCTIONS_AT]: functions });
    const after = preservingConfiguration(before);
    t.equal(before.subarray(ANSWER_AT, ANSWER_AT + 5).toHex(), "a411030100", "Return (Buffer (1) {0})");
    t.equal(after.subarray(FUNCTIONS_AT, ANSWER_AT + 5).toHex(), "21" + "a400" + "a3a3a3", "Return (Zero)");
    t.equal(sumOf(after), 0);
    t.equal(after[24], 2, "OEM revision");
    t.same(after.subarray(28, FUNCTIONS_AT), before.subarray(28, FUNCTIONS_AT));
    t.same(after.subarray(ANSWER_AT + 5), before.subarray(ANSWER_AT + 5));
  });
}

t.test("a host bridge with another method is left to whoever knows it", async (t) => {
  const another = changed(recorded("dsdt-10.0.13"), { [ANSWER_AT]: 0xa3 });
  t.throws(() => preservingConfiguration(another), {
    name: "TableError",
    message: /^no host bridge of the DSDT table has the _DSM method that QEMU is known to give it$/,
  });
  t.throws(() => preservingConfiguration(recorded("iort-10.0.13")), {
    name: "TableError",
    message: /^"IORT" is no DSDT table$/,
  });
});

t.test("an SMMU's machine has two tables of its own", async (t) => {
  const [machine] = parseMachines(
    `machine: m
arch: arm64
iommu: { kind: smmuv3 }
devices: [{ slot: 3, reserved: [0x50000000..0x5000ffff rmr] }]
`,
    "m.yaml",
  );
  const tables = machine ? firmwareTables(machine) : [];
  t.same(tables.map(({ signature }) => signature), ["IORT", "DSDT"]);
  const [iort, dsdt] = tables;
  t.equal(iort?.override(recorded("iort-10.0.13")).length, 236 + 28 + 20 + 20);
  t.equal(dsdt?.override(recorded("dsdt-10.0.13"))[FUNCTIONS_AT], 0x21);
});
