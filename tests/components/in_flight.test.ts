import t from "#tap";
import { type InFlight, joinInFlight } from "../../harness/components/in_flight.ts";

t.test("callers at the same time share one effort, later ones don't", async (t) => {
  const running: InFlight = new Map();
  let starts = 0;
  const work = () => Promise.resolve(++starts);
  t.same(await Promise.all([joinInFlight(running, "a", work), joinInFlight(running, "a", work)]), [1, 1]);
  t.equal(await joinInFlight(running, "a", work), 2);
  t.equal(running.size, 0);
});

t.test("a failure is shared too, and not kept", async (t) => {
  const running: InFlight = new Map();
  const failing = () => Promise.reject(new Error("no"));
  const both = [joinInFlight(running, "a", failing), joinInFlight(running, "a", failing)];
  for (const one of both) await t.rejects(one, { message: "no" });
  t.equal(await joinInFlight(running, "a", () => Promise.resolve(1)), 1);
});
