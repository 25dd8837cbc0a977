import t from "#tap";
import { type Event, EventLog, readEvents } from "../../harness/report/events.ts";

const END: Event = { type: "cell-end", cell: "a", durationMs: 1 };
const SKIP: Event = { type: "cell-skip", cell: "b\n", reason: "ü \u2028" };

t.test("events come back as they were written, and a log is continued", async (t) => {
  const path = `${t.testdir()}/events.jsonl`;
  for (const event of [END, SKIP]) {
    using log = new EventLog(path);
    log.emit(event);
  }
  const text = await Deno.readTextFile(path);
  t.match(text, /^\{"v":1,"type":"cell-end"[^\n]*\}\n\{"v":1,[^\n]*\}\n$/);
  t.same(readEvents(text, path), [END, SKIP]);
});

t.test("an event is in the file before a listener hears of it", async (t) => {
  const path = `${t.testdir()}/events.jsonl`;
  using log = new EventLog(path);
  const heard: Event[] = [];
  const stop = log.subscribe((event) => {
    t.same(readEvents(Deno.readTextFileSync(path), path).at(-1), event);
    heard.push(event);
  });
  log.emit(END);
  stop();
  log.emit(SKIP);
  t.same(heard, [END]);
});

t.test("an error of a listener is not swallowed", async (t) => {
  using log = new EventLog(`${t.testdir()}/events.jsonl`);
  log.subscribe(() => {
    throw new Error("listener");
  });
  t.throws(() => log.emit(END), /listener/);
});

t.test("a torn last line is left out", async (t) => {
  const line = JSON.stringify({ v: 1, ...END });
  t.same(readEvents(`${line}\n{"v":1,"ty`, "f"), [END]);
  t.same(readEvents("", "f"), []);
});

t.test("what is no event of this version is refused, with its line", async (t) => {
  const line = JSON.stringify({ v: 1, ...END });
  t.throws(() => readEvents(`${line}\nhello\n`, "f"), /f:2: not JSON/);
  t.throws(() => readEvents(`[]\n`, "f"), /f:1: not an event/);
  t.throws(
    () => readEvents(`{"v":2,"type":"cell-end"}\n`, "f"),
    /f:1: events of version 2/,
  );
  t.throws(
    () => readEvents(`{"v":1,"type":"toString"}\n`, "f"),
    /f:1: unknown event type "toString"/,
  );
});
