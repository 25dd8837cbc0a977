import t from "#tap";
import { DMAR_LAYOUT } from "../../../harness/machine/acpi/dmar.ts";
import { IVRS_LAYOUT } from "../../../harness/machine/acpi/ivrs.ts";
import { packed, structuresOf, withStructures } from "../../../harness/machine/acpi/table.ts";
import { changed, recorded, sumOf } from "./recorded.ts";

const IVRS = recorded("ivrs-10.0.13");
const DMAR = recorded("dmar-10.0.13");

t.test("numbers are little-endian and as wide as they are said to be", async (t) => {
  t.equal(
    packed([1, 0x12], [2, 0x1234], [4, 0x12345678], [8, 0x123n]).toHex(),
    "12341278563412" + "2301000000000000",
  );
  t.throws(() => packed([2, 0x10000]), {
    name: "TableError",
    message: "65536 doesn't fit 2 bytes of a table",
  });
  t.throws(() => packed([1, -1]), { name: "TableError" });
});

t.test("the structures of QEMU's tables", async (t) => {
  const types = (table: Uint8Array, layout: typeof IVRS_LAYOUT) =>
    structuresOf(table, layout).map(({ type, bytes }) => [type, bytes.length]);
  t.same(types(recorded("ivrs-7.2.22"), IVRS_LAYOUT), [[0x10, 0x58]]);
  t.same(types(IVRS, IVRS_LAYOUT), [[0x10, 0x58], [0x11, 0x68]]);
  t.same(types(DMAR, DMAR_LAYOUT), [[0, 0x68]]);
});

const FAULTS: readonly [what: string, table: Uint8Array, message: RegExp][] = [
  ["another table", DMAR, /^"DMAR" is no IVRS table$/],
  ["no table", new Uint8Array(), /^"" is no IVRS table$/],
  ["less than a header", IVRS.subarray(0, 47), /^a IVRS table has more than 47 bytes$/],
  ["a part of it", IVRS.subarray(0, 100), /^the IVRS table of 100 bytes says that it has 240$/],
  ["a wrong byte", Uint8Array.from(IVRS).fill(1, 100, 101), /^the checksum of the IVRS table is wrong$/],
  [
    "a structure that is too long",
    changed(IVRS, { 0x8a: 0x69 }),
    /no structure at byte 136 that ends within it$/,
  ],
  ["a structure that is too short", changed(IVRS, { 0x32: 3, 0x33: 0 }), /no structure at byte 48 /],
  ["a structure that ends early", changed(IVRS, { 0x8a: 0x66 }), /no structure at byte 238 /],
];

for (const [what, table, message] of FAULTS) {
  t.test(`refused: ${what}`, async (t) => {
    t.throws(() => structuresOf(table, IVRS_LAYOUT), { name: "TableError", message });
  });
}

t.test("a changed table is newer, and sound", async (t) => {
  const structures = structuresOf(IVRS, IVRS_LAYOUT);
  const longer = withStructures(IVRS, IVRS_LAYOUT, [...structures, {
    type: 9,
    bytes: packed([2, 9], [2, 4]),
  }]);
  t.equal(longer.length, IVRS.length + 4);
  t.equal(sumOf(longer), 0);
  const view = new DataView(longer.buffer);
  t.same([view.getUint32(4, true), view.getUint32(24, true)], [244, 2], "length and OEM revision");
  t.same(longer.subarray(10, 24), IVRS.subarray(10, 24), "what the kernel knows the table by is as it was");
  t.same(longer.subarray(28, 240), IVRS.subarray(28), "and so is the rest");
  t.same(structuresOf(longer, IVRS_LAYOUT).map(({ type }) => type), [0x10, 0x11, 9]);
});

t.test("no table is newer than the newest", async (t) => {
  const newest = changed(IVRS, { 24: 0xff, 25: 0xff, 26: 0xff, 27: 0xff });
  t.throws(() => withStructures(newest, IVRS_LAYOUT, []), { name: "TableError", message: /0xffffffff$/ });
});
