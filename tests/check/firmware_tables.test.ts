import t from "#tap";
import { archive } from "../../harness/guest/initramfs.ts";
import { type OwnTable, requireTable, tableArchive } from "../../harness/check/firmware_tables.ts";

const TABLE: OwnTable = {
  signature: "IVRS",
  bytes: new Uint8Array([1, 2, 3, 4]),
  qemus: new Uint8Array([1, 2]),
};

const guest = (reply: string) => ({ ask: () => Promise.resolve(reply) });

t.test("the guest has the table that it was given", async (t) => {
  const asked: string[] = [];
  const guest = {
    ask: (command: string) => {
      asked.push(command);
      return Promise.resolve("ok value=01020304");
    },
  };
  await t.resolves(requireTable(guest, TABLE));
  t.same(asked, ["read-hex /sys/firmware/acpi/tables/IVRS"]);
});

const WRONG: readonly [reply: string, message: RegExp][] = [
  ["ok value=0102", /^the kernel has not taken the IVRS table of the machine: what it has is QEMU's own$/],
  ["ok value=01020305", /what it has is 4 bytes, not 4, and another one from byte 3$/],
  ["ok value=010203", /what it has is 3 bytes, not 4, and another one from byte 3$/],
  ["ok value=0102030405", /what it has is 5 bytes, not 4, and another one from byte 4$/],
  ["ok value=", /what it has is 0 bytes, not 4, and another one from byte 0$/],
  ["err ENOENT", /^the guest has no IVRS table: ENOENT$/],
];

for (const [reply, message] of WRONG) {
  t.test(`refused: ${reply}`, async (t) => {
    await t.rejects(requireTable(guest(reply), TABLE), { name: "CannotTestError", message });
  });
}

t.test("kernels find a table by its folder", async (t) => {
  t.same(tableArchive(TABLE), archive([{ path: "kernel/firmware/acpi/ivrs.aml", data: TABLE.bytes }]));
});
