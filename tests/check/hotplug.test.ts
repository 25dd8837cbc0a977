import t from "#tap";
import { hotplug } from "../../harness/check/hotplug.ts";
import { GuestLost } from "../../harness/guest/guest_lost.ts";
import { Qmp } from "../../harness/guest/qmp.ts";
import { predictedGroups } from "../../harness/machine/predicted.ts";
import { type SocketPair, socketPair } from "../guest/socket_pair.ts";
import { machineWith, version } from "../machine/machines.ts";

const PORT = "{ slot: 4, bridge: pcie-root-port, devices: [slot: 0] }";
const MACHINE = machineWith("{ kind: intel }", `[slot: 3, ${PORT}]`);
const [A, H] = predictedGroups(MACHINE, { kernel: version("6.12.117"), qemu: version("10.0.13") });
const DEVICE = "0000:01:00.0";

/** A machine whose QEMU is at the far end of a socket, and whose probe answers one thing. */
async function open(reply: string | GuestLost = "ok group=7") {
  const pair = await socketPair();
  const asked: string[] = [];
  const guest = {
    qmp: new Qmp(pair.near, () => {}),
    ask: (command: string) => {
      asked.push(command);
      return typeof reply === "string" ? Promise.resolve(reply) : Promise.reject(reply);
    },
  };
  const numbers = new Map([["0000:00:03.0", 1], [DEVICE, 5]]);
  const world = new Map([["A", A!], ["H", H!]]);
  return { pair, asked, numbers, host: hotplug(guest, MACHINE, numbers, world) };
}

const answered = async (pair: SocketPair, answer: string): Promise<unknown> => {
  const { id, ...command } = JSON.parse((await pair.received(1))[0] ?? "") as { id: number };
  await pair.send(`{"id": ${id}, ${answer}}\n`);
  return command;
};

const DELETED = (device: string) => `{"event": "DEVICE_DELETED", "data": {"device": "${device}"}}\n`;

t.test("a device is plugged in where it was, bound, and its group's number learnt", async (t) => {
  const { pair, asked, numbers, host } = await open();
  using _ = pair;
  const plugged = host({ kind: "plug", group: "H", index: 0 });
  t.same(await answered(pair, '"return": ""'), {
    execute: "human-monitor-command",
    arguments: {
      "command-line": "device_add edu,id=bus1-0.0,bus=bus0-4.0,addr=0,dma_mask=0xffffffffffffffff",
    },
  });
  t.equal(await plugged, "ok");
  t.same(asked, [`bind ${DEVICE} plugged=1`]);
  t.equal(numbers.get(DEVICE), 7);
});

t.test("a device that the guest doesn't take is its answer", async (t) => {
  const { pair, numbers, host } = await open("err ETIMEDOUT");
  using _ = pair;
  const plugged = host({ kind: "plug", group: "H", index: 0 });
  await answered(pair, '"return": ""');
  t.equal(await plugged, "err ETIMEDOUT");
  t.equal(numbers.get(DEVICE), 5);
});

t.test("a device has left when QEMU says so, since it was last asked to", async (t) => {
  const { pair, host } = await open();
  using _ = pair;
  const ask = async () => {
    const asked = host({ kind: "ask-to-leave", group: "H", index: 0 });
    t.same(await answered(pair, '"return": {}'), { execute: "device_del", arguments: { id: "bus1-0.0" } });
    t.equal(await asked, "ok");
  };
  await ask();
  await pair.send(DELETED("bus1-0.0"));
  t.equal(await host({ kind: "await-leaving", group: "H", index: 0 }), "ok");
  await ask();
  let hasLeft = false;
  const left = host({ kind: "await-leaving", group: "H", index: 0 }).finally(() => hasLeft = true);
  await pair.send(DELETED("another"));
  const later = host({ kind: "plug", group: "H", index: 0 });
  await answered(pair, '"return": ""');
  await later;
  t.notOk(hasLeft, "neither the first time nor another device counts");
  await pair.send(DELETED("bus1-0.0"));
  t.equal(await left, "ok");
});

t.test("what QEMU refuses is no answer of the kernel", async (t) => {
  const { pair, host } = await open();
  using _ = pair;
  const asked = host({ kind: "ask-to-leave", group: "H", index: 0 });
  asked.catch(() => {});
  await answered(pair, '"error": {"class": "DeviceNotFound", "desc": "no such device"}');
  await t.rejects(asked, {
    name: "BadRequestError",
    message: "ask-to-leave H: DeviceNotFound: no such device",
  });
});

t.test("nor is what its monitor has to say", async (t) => {
  const { pair, asked, host } = await open();
  using _ = pair;
  const plugged = host({ kind: "plug", group: "H", index: 0 });
  plugged.catch(() => {});
  await answered(pair, '"return": "Error: no such bus\\r\\n"');
  await t.rejects(plugged, { name: "BadRequestError", message: "plug H: Error: no such bus" });
  t.same(asked, ["state"]);
});

t.test("a QEMU that is gone is told as that", async (t) => {
  const { pair, host } = await open(new GuestLost("harness-fault", "QEMU ended by SIGABRT", []));
  const asked = host({ kind: "plug", group: "H", index: 0 });
  asked.catch(() => {});
  pair.close();
  await t.rejects(asked, { name: "GuestLost", message: "QEMU ended by SIGABRT" });
});

t.test("only what can be unplugged is", async (t) => {
  const { pair, host } = await open();
  using _ = pair;
  await t.rejects(host({ kind: "ask-to-leave", group: "A", index: 0 }), { name: "RangeError" });
});
