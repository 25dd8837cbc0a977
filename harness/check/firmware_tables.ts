/**
 * Tables of firmware that a machine has otherwise than QEMU makes them: QEMU's own is read in a guest, changed,
 * handed to the kernel at the front of its initramfs, and read back. What QEMU says of its devices stays as it is.
 */
import { join } from "node:path";
import { ensureEntry } from "../components/cache.ts";
import type { Context, QemuBuild } from "../components/types.ts";
import { CannotTestError } from "../errors.ts";
import { Guest, type GuestLimits } from "../guest/guest.ts";
import { archive } from "../guest/initramfs.ts";
import type { QemuPlan } from "../guest/qemu_process.ts";
import { type FirmwareTable, firmwareTables } from "../machine/acpi/firmware.ts";
import { TableError } from "../machine/acpi/table.ts";
import type { Machine } from "../machine/machine.ts";
import { parseReply } from "./observation.ts";

/** What lets a kernel take tables from its initramfs. */
export const TABLE_OPTION = "CONFIG_ACPI_TABLE_UPGRADE";

const FOLDER = "/sys/firmware/acpi/tables";

/** A table as the guest must have it. */
export interface OwnTable {
  readonly signature: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What QEMU gave the machine. */
  readonly qemus: Uint8Array;
}

/** The part of an initramfs from which kernels take tables: uncompressed, and in front of all else. */
export const tablesArchive = (tables: readonly OwnTable[]): Uint8Array<ArrayBuffer> =>
  archive(tables.map(({ signature, bytes }) => ({
    path: `kernel/firmware/acpi/${signature.toLowerCase()}.aml`,
    data: bytes,
  })));

/** A table to change, and what QEMU gives the machine. */
interface FoundTable {
  readonly table: FirmwareTable;
  readonly qemus: Uint8Array;
}

const fileOf = ({ signature }: FirmwareTable): string => `${signature}.aml`;

/** Where tables come from; what a QEMU makes of a machine is read once. */
export class FirmwareTables {
  readonly #context: Context;
  readonly #limits: GuestLimits;
  readonly #read = new Map<string, Promise<FoundTable[]>>();

  constructor(limits: GuestLimits, context: Context) {
    this.#limits = limits;
    this.#context = context;
  }

  /**
   * The tables that a machine has of its own; none when QEMU's will do.
   * @param plan the guest as it is without
   * @throws CannotTestError when QEMU has no such table, or one that nothing can be added to; GuestLost
   */
  async of(machine: Machine, qemu: QemuBuild, plan: QemuPlan): Promise<OwnTable[]> {
    const tables = firmwareTables(machine);
    if (tables.length === 0) return [];
    const found = await this.#qemus(tables, machine, qemu, plan);
    return found.map((table) => changed(table, machine, qemu));
  }

  async #qemus(
    tables: readonly FirmwareTable[],
    machine: Machine,
    qemu: QemuBuild,
    plan: QemuPlan,
  ): Promise<FoundTable[]> {
    const key = JSON.stringify([qemu.spec, machine.name]);
    // That another kernel didn't get as far as to tell is no fault of this one.
    const known = await this.#read.get(key)?.catch(() => undefined);
    if (known) return known;
    const read = this.#fromCache(tables, machine, qemu, plan);
    this.#read.set(key, read);
    return await read;
  }

  /** A QEMU of somebody's own may be another one tomorrow: what it says isn't kept. */
  async #fromCache(
    tables: readonly FirmwareTable[],
    machine: Machine,
    qemu: QemuBuild,
    plan: QemuPlan,
  ): Promise<FoundTable[]> {
    if (qemu.packages.length === 0) return await this.#ask(tables, plan);
    const { machineArgs, firmware } = plan;
    const signatures = tables.map(({ signature }) => signature);
    const { directory } = await ensureEntry<null>(this.#context, {
      kind: "firmware",
      label: `${signatures.join("-")}-${qemu.version}-${machine.name}`,
      inputs: { qemu: qemu.packages, machineArgs, firmware: firmware ?? null },
      packages: [],
      fill: async (directory) => {
        this.#context.progress(
          `reading the ${signatures.join(" and ")} that QEMU ${qemu.spec} gives ${machine.name}`,
        );
        for (const { table, qemus } of await this.#ask(tables, plan)) {
          await Deno.writeFile(join(directory, fileOf(table)), qemus);
        }
        return { data: null, required: "all" };
      },
    });
    return await Promise.all(
      tables.map(async (table) => ({ table, qemus: await Deno.readFile(join(directory, fileOf(table))) })),
    );
  }

  /** Boots a guest with the tables that QEMU makes. */
  async #ask(tables: readonly FirmwareTable[], plan: QemuPlan): Promise<FoundTable[]> {
    const artifactsDir = join(plan.artifactsDir, "qemus-tables");
    await Deno.mkdir(artifactsDir, { recursive: true });
    await using guest = await Guest.boot({ ...plan, artifactsDir }, this.#limits, this.#context.signal);
    const found: FoundTable[] = [];
    for (const table of tables) found.push({ table, qemus: await readTable(guest, table.signature) });
    return found;
  }
}

/** @throws CannotTestError when nothing can be added to QEMU's table */
function changed({ table, qemus }: FoundTable, machine: Machine, qemu: QemuBuild): OwnTable {
  const { signature } = table;
  try {
    return { signature, bytes: table.override(qemus), qemus };
  } catch (error) {
    if (!(error instanceof TableError)) throw error;
    const what = `what QEMU ${qemu.spec} gives machine ${machine.name} as ${signature}`;
    throw new CannotTestError(`${what} can't be added to: ${error.message}`, { cause: error });
  }
}

/** @throws CannotTestError when the guest has no such table */
async function readTable(guest: Pick<Guest, "ask">, signature: string): Promise<Uint8Array> {
  const { errno, values: { value = "" } } = parseReply(await guest.ask(`read-hex ${FOLDER}/${signature}`));
  if (errno !== null) throw new CannotTestError(`the guest has no ${signature} table: ${errno}`);
  return Uint8Array.fromHex(value);
}

/** @throws CannotTestError when the guest doesn't have the table as it was handed over */
export async function requireTable(guest: Pick<Guest, "ask">, table: OwnTable): Promise<void> {
  const { signature, bytes, qemus } = table;
  const found = await readTable(guest, signature);
  if (isSame(found, bytes)) return;
  const instead = isSame(found, qemus) ? "QEMU's own" : firstDifference(found, bytes);
  throw new CannotTestError(
    `the kernel has not taken the ${signature} table of the machine: what it has is ${instead}`,
  );
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, index) => byte === b[index]);

function firstDifference(found: Uint8Array, wanted: Uint8Array): string {
  const index = found.findIndex((byte, index) => byte !== wanted[index]);
  const at = index < 0 ? found.length : index;
  return `${found.length} bytes, not ${wanted.length}, and another one from byte ${at}`;
}
