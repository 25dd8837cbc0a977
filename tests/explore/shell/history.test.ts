import t from "#tap";
import { join } from "node:path";
import { History, historyFile, KEPT_LINES } from "../../../harness/explore/shell/history.ts";

const fails = (complaint: string) => {
  throw new Error(complaint);
};

t.test("history has its place below the user's state", async (t) => {
  const file = (env: Record<string, string>) => historyFile({ get: (name) => env[name] });
  t.equal(file({ XDG_STATE_HOME: "/s", HOME: "/h" }), "/s/iovacheck/shell_history");
  t.equal(file({ HOME: "/h" }), "/h/.local/state/iovacheck/shell_history");
  t.equal(file({ XDG_STATE_HOME: "relative", HOME: "/h" }), "/h/.local/state/iovacheck/shell_history");
  t.equal(file({}), undefined);
});

t.test("what is typed is there the next time, and nobody else can read it", async (t) => {
  const file = join(t.testdir(), "state/iovacheck/shell_history");
  const history = new History(file, fails);
  t.same(await history.load(), []);
  for (const line of ["attach A", "why"]) await history.add(line);
  t.same(await new History(file, fails).load(), ["attach A", "why"]);
  t.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
});

t.test("the oldest lines are given up", async (t) => {
  const lines = Array.from({ length: KEPT_LINES + 5 }, (_, index) => `info c${index}`);
  const file = join(t.testdir({ history: lines.map((line) => `${line}\n`).join("") }), "history");
  t.same(await new History(file, fails).load(), lines.slice(5));
  t.equal((await Deno.readTextFile(file)).split("\n").length, KEPT_LINES + 1);
});

t.test("a place that can't be written is told of once", async (t) => {
  const complaints: string[] = [];
  const file = join(t.testdir({ blocked: "a file" }), "blocked/shell_history");
  const history = new History(file, (complaint) => complaints.push(complaint));
  t.same(await history.load(), []);
  await history.add("a");
  await history.add("b");
  t.equal(complaints.length, 1);
  t.match(complaints[0], /blocked\/shell_history: history can't be kept/);
});

t.test("nowhere is no place", async (t) => {
  const history = new History(undefined, fails);
  await history.add("a");
  t.same(await history.load(), []);
});
