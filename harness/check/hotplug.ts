/** Devices that leave a machine and come back to it while its guest runs. */
import type { Guest } from "../guest/guest.ts";
import { QmpError } from "../guest/qmp.ts";
import { SilenceError, within } from "../guest/within.ts";
import type { Machine } from "../machine/machine.ts";
import { pluggableDevice } from "../machine/qemu_args.ts";
import { addressesOf, isPluggable } from "../machine/topology.ts";
import type { Group } from "../model/world.ts";
import type { HostOperation } from "../scenario/action.ts";
import type { Host } from "./execution.ts";
import { BadRequestError, parseReply } from "./observation.ts";
import type { GroupNumbers } from "./world_check.ts";

/** A guest lets go of a device within 0.2 s, on a busy host within a second or two. */
const LEAVING_LIMIT_MS = 15_000;

/**
 * Does to a guest's machine what scenarios ask for.
 * @param numbers what the groups are called, which is another number for a device that comes back, now and then
 * @param world the scenario's groups
 */
export function hotplug(
  guest: Pick<Guest, "qmp" | "ask">,
  machine: Machine,
  numbers: GroupNumbers,
  world: ReadonlyMap<string, Group>,
): Host {
  /** How many events there had been when a device was asked to leave, by its id. */
  const askedAt = new Map<string, number>();

  const plug = async (address: string): Promise<string> => {
    const { device } = pluggable(machine, address);
    // In the words of the command line, as it was put in when QEMU started.
    const said = await guest.qmp.execute("human-monitor-command", { "command-line": `device_add ${device}` });
    if (said !== "") throw new QmpError(String(said).trim());
    const reply = await guest.ask(`bind ${address} plugged=1`);
    const { errno, values } = parseReply(reply);
    if (errno !== null) return reply;
    numbers.set(address, Number(values.group));
    return "ok";
  };

  const askToLeave = async (address: string): Promise<string> => {
    const { id } = pluggable(machine, address);
    askedAt.set(id, guest.qmp.events.length);
    await guest.qmp.execute("device_del", { id });
    return "ok";
  };

  const awaitLeaving = async (address: string): Promise<string> => {
    const { id } = pluggable(machine, address);
    const left = guest.qmp.event(
      askedAt.get(id) ?? 0,
      ({ event, data }) => event === "DEVICE_DELETED" && data?.device === id,
    );
    try {
      await within(LEAVING_LIMIT_MS, left);
      return "ok";
    } catch (error) {
      if (!(error instanceof SilenceError)) throw error;
      return "err ETIMEDOUT";
    }
  };

  const operations = { plug, "ask-to-leave": askToLeave, "await-leaving": awaitLeaving };
  return async ({ kind, group, index }: HostOperation) => {
    try {
      return await operations[kind](world.get(group)?.devices[index] ?? "");
    } catch (error) {
      if (!(error instanceof QmpError)) throw error;
      // A QEMU that is gone is told as what it is.
      await guest.ask("state");
      throw new BadRequestError(`${kind} ${group}: ${error.message}`);
    }
  };
}

/** @throws RangeError for a device that can't be plugged, which no group that may be has */
function pluggable(machine: Machine, address: string): { id: string; device: string } {
  const slot = machine.slots.find((slot) =>
    isPluggable(slot, machine) && addressesOf(slot).includes(address)
  );
  if (!slot) throw new RangeError(`${address} can't be unplugged or plugged in`);
  return pluggableDevice(slot, machine);
}
