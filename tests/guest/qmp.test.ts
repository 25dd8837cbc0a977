import t from "#tap";
import { Qmp } from "../../harness/guest/qmp.ts";
import { type SocketPair, socketPair } from "./socket_pair.ts";

const GREETING = '{"QMP": {"version": {}, "capabilities": []}}\r\n';

async function open(): Promise<{ pair: SocketPair; qmp: Qmp; log: string[] }> {
  const pair = await socketPair();
  const log: string[] = [];
  await pair.send(GREETING);
  return { pair, qmp: new Qmp(pair.near, (line) => log.push(line)), log };
}

/** The next command as QEMU sees it. */
const nextCommand = async (pair: SocketPair) =>
  JSON.parse((await pair.received(1))[0] ?? "") as Record<string, unknown>;

t.test("commands are numbered, and answered with what QEMU returns", async (t) => {
  const { pair, qmp, log } = await open();
  using _ = pair;
  const first = qmp.execute("qmp_capabilities");
  t.same(await nextCommand(pair), { execute: "qmp_capabilities", id: 1 });
  await pair.send('{"return": {}, "id": 1}\r\n');
  t.same(await first, {});
  const second = qmp.execute("query-x", { name: "y" });
  t.same(await nextCommand(pair), { execute: "query-x", arguments: { name: "y" }, id: 2 });
  await pair.send('{"return": [1], "id": 2}\r\n');
  t.same(await second, [1]);
  t.equal(log.length, 5, "greeting, commands and answers are logged");
  t.ok(log.includes('> {"execute":"qmp_capabilities","id":1}'));
});

t.test("answers find their commands, whatever comes between", async (t) => {
  const { pair, qmp } = await open();
  using _ = pair;
  const answers = Promise.all([qmp.execute("a"), qmp.execute("b")]);
  await pair.received(2);
  await pair.send('{"return": "of b", "id": 2}\n{"event": "STOP", "data": {"x": 1}}\n{"event": "RESUME"}\n');
  await pair.send('{"return": "of nobody", "id": 9}\n{"return": "of a", "id": 1}\n');
  t.same(await answers, ["of a", "of b"]);
  t.same(qmp.events, [{ event: "STOP", data: { x: 1 } }, { event: "RESUME" }]);
});

t.test("an event is waited for, and found when it has come already", async (t) => {
  const { pair, qmp } = await open();
  using _ = pair;
  const isWanted = ({ event, data }: { event: string; data?: { [key: string]: unknown } }) =>
    event === "DEVICE_DELETED" && data?.device === "a";
  const waiting = qmp.event(0, isWanted);
  await pair.send('{"event": "DEVICE_DELETED", "data": {"device": "b"}}\n{"event": "STOP"}\n');
  await pair.send('{"event": "DEVICE_DELETED", "data": {"device": "a"}}\n');
  t.same(await waiting, { event: "DEVICE_DELETED", data: { device: "a" } });
  t.same(await qmp.event(2, isWanted), { event: "DEVICE_DELETED", data: { device: "a" } });
  const never = qmp.event(3, isWanted);
  pair.close();
  await t.rejects(never, { name: "QmpError" }, "one before the position doesn't count, and QEMU is gone");
  await t.rejects(qmp.event(3, isWanted), { name: "QmpError" });
});

t.test("a refusal has QEMU's words", async (t) => {
  const { pair, qmp } = await open();
  using _ = pair;
  const asked = qmp.execute("nonsense");
  await pair.received(1);
  await pair.send('{"id": 1, "error": {"class": "CommandNotFound", "desc": "no such command"}}\n');
  await t.rejects(asked, { name: "QmpError", message: "CommandNotFound: no such command" });
});

t.test("a QEMU that goes leaves no command waiting", async (t) => {
  const { pair, qmp } = await open();
  using _ = pair;
  const asked = Promise.allSettled([qmp.execute("a"), qmp.execute("b")]);
  await pair.received(2);
  pair.close();
  for (const result of await asked) {
    t.match(result, {
      status: "rejected",
      reason: { name: "QmpError", message: "the connection to QEMU is closed" },
    });
  }
  await qmp.closed;
  await t.rejects(qmp.execute("c"), { name: "QmpError" }, "nor does a later one");
});
