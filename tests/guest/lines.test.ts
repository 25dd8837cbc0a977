import t from "#tap";
import fc from "fast-check";
import { linesOf, writeAll } from "../../harness/guest/lines.ts";
import { socketPair } from "./socket_pair.ts";

/** A connection from which these pieces come, one by one; then it ends, or fails. */
const connWith = (pieces: readonly Uint8Array[], failure?: Error): Deno.Conn => {
  const left = [...pieces];
  const readable = new ReadableStream<Uint8Array>({
    pull(controller) {
      const piece = left.shift();
      if (piece) controller.enqueue(piece);
      else if (failure) controller.error(failure);
      else controller.close();
    },
  });
  return { readable } as unknown as Deno.Conn;
};

const read = (pieces: readonly Uint8Array[], failure?: Error): Promise<string[]> =>
  Array.fromAsync(linesOf(connWith(pieces, failure)));

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

const TEXTS: readonly [text: string, lines: string[]][] = [
  ["", []],
  ["a\n", ["a"]],
  ["a\n\nb\n", ["a", "", "b"]],
  ["a\nno newline", ["a"]],
  ["no newline", []],
];

t.test("complete lines; a last one without a newline is lost", async (t) => {
  for (const [text, lines] of TEXTS) t.same(await read([encode(text)]), lines, JSON.stringify(text));
});

t.test("however the bytes are cut into pieces, even inside a character", async (t) => {
  const text = "1 ok x=ä€𝄞\n2 ok\n3 err EINVAL\n";
  const bytes = encode(text);
  const cutsArb = fc.uniqueArray(fc.nat({ max: bytes.length })).map((cuts) => cuts.sort((a, b) => a - b));
  const property = fc.asyncProperty(cutsArb, async (cuts) => {
    const pieces = [...cuts, bytes.length].map((end, index) => bytes.subarray(cuts[index - 1] ?? 0, end));
    return (await read(pieces)).join("\n") === text.trimEnd();
  });
  const details = await fc.check(property);
  t.notOk(details.failed, `${details.numRuns} cases`, { report: fc.defaultReportMessage(details) });
  t.same(await read([...bytes].map((byte) => Uint8Array.of(byte))), text.trimEnd().split("\n"));
});

t.test("a connection that is reset has ended; any other failure is told", async (t) => {
  t.same(await read([encode("a\n")], new Deno.errors.ConnectionReset("gone")), ["a"]);
  await t.rejects(read([encode("a\n")], new TypeError("ours")), { name: "TypeError" });
});

t.test("all bytes are written, in as many pieces as the other side takes", async (t) => {
  using pair = await socketPair();
  const lines = Array.from({ length: 100_000 }, (_, index) => `line ${index}`);
  const [, received] = await Promise.all([
    writeAll(pair.near, encode(lines.map((line) => `${line}\n`).join(""))),
    pair.received(lines.length),
  ]);
  t.equal(received.join() === lines.join(), true, `${received.length} lines`);
});
