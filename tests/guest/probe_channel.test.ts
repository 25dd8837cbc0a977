import t from "#tap";
import { ProbeChannel } from "../../harness/guest/probe_channel.ts";
import { SilenceError, within } from "../../harness/guest/within.ts";
import { type SocketPair, socketPair } from "./socket_pair.ts";

const PATIENCE_MS = 5_000;

/** A channel, its other end and its log. */
async function open(): Promise<{ pair: SocketPair; channel: ProbeChannel; log: string[] }> {
  const pair = await socketPair();
  const log: string[] = [];
  return { pair, channel: new ProbeChannel(pair.near, (line) => log.push(line)), log };
}

/** Sends the commands and collects the replies; the far end answers. */
async function ask(
  channel: ProbeChannel,
  commands: readonly string[],
  replies: string[] = [],
): Promise<string[]> {
  await channel.request(commands, PATIENCE_MS, replies);
  return replies;
}

t.test("a greeting, then numbered requests and replies in order", async (t) => {
  const { pair, channel, log } = await open();
  using _ = pair;
  await pair.send("0 ok protocol=1\n");
  t.equal(await channel.greeting(PATIENCE_MS), "ok protocol=1");
  const first = ask(channel, ["open c0", "info c0"]);
  t.same(await pair.received(2), ["1 open c0", "2 info c0"]);
  await pair.send("1 ok\n2 err EINVAL\n");
  t.same(await first, ["ok", "err EINVAL"]);
  const second = ask(channel, ["reset"]);
  t.same(await pair.received(1), ["3 reset"], "numbers go on");
  await pair.send("3 ok vmlck=0x0\n");
  t.same(await second, ["ok vmlck=0x0"]);
  t.same(log, [
    "< 0 ok protocol=1",
    ...["> 1 open c0", "> 2 info c0", "< 1 ok", "< 2 err EINVAL"],
    ...["> 3 reset", "< 3 ok vmlck=0x0"],
  ]);
});

t.test("requests may follow before those before are replied to; each gets its own replies", async (t) => {
  const { pair, channel } = await open();
  using _ = pair;
  const [first, second] = [ask(channel, ["open c0", "info c0"]), ask(channel, ["reset"])];
  t.same(await pair.received(3), ["1 open c0", "2 info c0", "3 reset"]);
  await pair.send("1 ok\n2 err EINVAL\n3 ok vmlck=0x0\n");
  t.same(await second, ["ok vmlck=0x0"]);
  t.same(await first, ["ok", "err EINVAL"]);
});

t.test("requests that follow those without a reply fail as well", async (t) => {
  const { pair, channel } = await open();
  using _ = pair;
  const both = Promise.allSettled([ask(channel, ["open c0", "info c0"]), ask(channel, ["reset"])]);
  await pair.received(3);
  await pair.send("1 ok\n");
  pair.close();
  t.match(await both, Array(2).fill({ status: "rejected", reason: { name: "LineClosedError" } }));
});

t.test("no requests, no replies", async (t) => {
  const { pair, channel } = await open();
  using _ = pair;
  t.same(await ask(channel, []), []);
});

const NONSENSE: readonly [name: string, sent: string][] = [
  ["a later number", "2 ok\n"],
  ["an earlier number", "0 ok\n"],
  ["the number in another way", "01 ok\n"],
  ["no number", "ok\n"],
  ["only the number", "1\n"],
  ["an empty line", "\n"],
  ["garbage", "\x00\xff\x1b[31m not a reply\n"],
];

for (const [name, sent] of NONSENSE) {
  t.test(`nonsense is refused: ${name}`, async (t) => {
    const { pair, channel } = await open();
    using _ = pair;
    const asked = ask(channel, ["open c0", "info c0"]);
    await pair.send(sent);
    await t.rejects(asked, { name: "ProtocolError", message: /^reply 1 expected, the probe sent "/ });
  });
}

t.test("much nonsense is shown in part", async (t) => {
  const { pair, channel } = await open();
  using _ = pair;
  const asked = ask(channel, ["open c0"]);
  await pair.send(`${"x".repeat(5000)}\n`);
  const { message } = await asked.then(() => new Error(""), (error: Error) => error);
  t.ok(message.startsWith("reply 1 expected") && message.length < 300, message);
});

t.test("silence is told by what was waited for, after what came has been handed over", async (t) => {
  const { pair, channel } = await open();
  using _ = pair;
  const replies: string[] = [];
  await pair.send("1 ok\n2 o");
  const asked = channel.request(["open c0", "info c0"], 50, replies);
  await t.rejects(asked, { name: "SilenceError", message: "no reply for 50 ms" });
  t.same(replies, ["ok"], "half a line is silence");
});

const CLOSED = { name: "LineClosedError", message: "the probe closed the line" };

t.test("a line that is closed in the middle, after what came has been handed over", async (t) => {
  const { pair, channel } = await open();
  using _ = pair;
  const replies: string[] = [];
  const asked = ask(channel, ["a", "b", "c"], replies);
  await pair.received(3);
  await pair.send("1 ok x=1\n2 ok x=2\n3 ok cut");
  pair.close();
  await t.rejects(asked, CLOSED);
  t.same(replies, ["ok x=1", "ok x=2"]);
});

t.test("a line that is closed before it is used, and one that is known to be closed", async (t) => {
  const { pair, channel } = await open();
  pair.close();
  t.equal(await channel.greeting(PATIENCE_MS), undefined);
  await t.rejects(ask(channel, ["a"]), CLOSED);
});

t.test("replies are read while requests are still being written", async (t) => {
  const { pair, channel } = await open();
  using _ = pair;
  const commands = Array.from({ length: 20_000 }, (_, index) => `say ${index} ${"x".repeat(50)}`);
  const asked = ask(channel, commands);
  // Answers before it reads on: whoever writes all first would wait forever.
  for (let done = 0; done < commands.length; done += 1000) {
    await pair.received(1000);
    const lines = Array.from({ length: 1000 }, (_, index) => `${done + index + 1} ok ${"y".repeat(50)}\n`);
    await pair.send(lines.join(""));
  }
  t.equal((await asked).length, commands.length);
});

t.test("a reply of 10 MB", async (t) => {
  const { pair, channel } = await open();
  using _ = pair;
  const asked = ask(channel, ["klog"]);
  const reply = `ok lines=${"z".repeat(10_000_000)}`;
  await pair.send(`1 ${reply}\n`);
  t.equal((await asked)[0] === reply, true);
});

t.test("a character that is cut in two arrives whole", async (t) => {
  const { pair, channel } = await open();
  using _ = pair;
  const asked = ask(channel, ["a", "b"]);
  const bytes = new TextEncoder().encode("1 ok x=ä€𝄞\n2 ok\n");
  for (const byte of bytes) await pair.send(Uint8Array.of(byte));
  t.same(await asked, ["ok x=ä€𝄞", "ok"]);
});

t.test("within a time, or not", async (t) => {
  t.equal(await within(PATIENCE_MS, Promise.resolve(7)), 7);
  await t.rejects(within(PATIENCE_MS, Promise.reject(new TypeError("own"))), { name: "TypeError" });
  await t.rejects(within(10, new Promise(() => {})), SilenceError);
});
