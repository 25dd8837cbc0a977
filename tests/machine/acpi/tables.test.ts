/** The bytes are written out from the specifications of both tables. */
import t from "#tap";
import { type Target, withRmrrs } from "../../../harness/machine/acpi/dmar.ts";
import { firmwareTable } from "../../../harness/machine/acpi/firmware.ts";
import { withIvmds } from "../../../harness/machine/acpi/ivrs.ts";
import { type FirmwareRegion, parseFirmwareRegion } from "../../../harness/machine/acpi/region.ts";
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
  const after = machine && firmwareTable(machine)?.override(before);
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
