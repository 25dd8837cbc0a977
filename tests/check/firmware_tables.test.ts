import t from "#tap";
import { archive } from "../../harness/guest/initramfs.ts";
import { join } from "node:path";
import {
  FirmwareTables,
  type OwnTable,
  requireTable,
  tablesArchive,
} from "../../harness/check/firmware_tables.ts";
import { ensureEntry } from "../../harness/components/cache.ts";
import type { QemuBuild } from "../../harness/components/types.ts";
import type { QemuPlan } from "../../harness/guest/qemu_process.ts";
import { recorded } from "../machine/acpi/recorded.ts";
import { machineWith } from "../machine/machines.ts";

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

const QEMU: QemuBuild = {
  spec: "debian:10.0.13",
  version: "10.0.13",
  arch: "amd64",
  packages: [{ name: "qemu-system-x86", version: "1", sha256: "0" }],
  command: () => [],
  env: {},
};

const PLAN: QemuPlan = {
  arch: "amd64",
  command: [],
  env: {},
  accelerator: "tcg",
  machineArgs: ["-machine", "q35"],
  kernelImage: "",
  kernelParameters: [],
  initramfs: "",
  artifactsDir: "",
};

/** Tables for machines of which the cache knows already what QEMU gives them. */
async function tablesOf(cacheDir: string, table: Uint8Array): Promise<FirmwareTables> {
  const context = { cacheDir, progress: () => {} };
  await ensureEntry<null>(context, {
    kind: "firmware",
    label: "IVRS-10.0.13-m",
    inputs: { qemu: QEMU.packages, machineArgs: PLAN.machineArgs, firmware: null },
    packages: [],
    fill: async (directory) => {
      await Deno.writeFile(join(directory, "IVRS.aml"), table);
      return { data: null, required: "all" };
    },
  });
  return new FirmwareTables({ bootTimeoutMs: 1, replyTimeoutMs: 1 }, context);
}

const OWN = machineWith("{ kind: amd, reserved: [0x40000000..0x40000fff unity] }");

t.test("what QEMU gives a machine is read once, and changed", async (t) => {
  const qemus = recorded("ivrs-10.0.13");
  const tables = await tablesOf(t.testdir(), qemus);
  const [table, ...others] = await tables.of(OWN, QEMU, PLAN);
  t.same(table?.qemus, qemus);
  t.equal(table?.bytes.length, qemus.length + 32);
  t.same(others, []);
  t.same(await tables.of(machineWith("{ kind: amd }"), QEMU, PLAN), [], "QEMU's own will do");
});

t.test("a table that nothing can be added to is told with what is wrong with it", async (t) => {
  const tables = await tablesOf(t.testdir(), recorded("ivrs-10.0.13").fill(0, 100, 101));
  await t.rejects(tables.of(OWN, QEMU, PLAN), {
    name: "CannotTestError",
    message:
      /^what QEMU debian:10\.0\.13 gives machine m as IVRS can't be added to: the checksum .* is wrong$/,
  });
});

t.test("kernels find a table by its folder", async (t) => {
  t.same(
    tablesArchive([TABLE, { ...TABLE, signature: "DSDT" }]),
    archive([
      { path: "kernel/firmware/acpi/ivrs.aml", data: TABLE.bytes },
      { path: "kernel/firmware/acpi/dsdt.aml", data: TABLE.bytes },
    ]),
  );
});
