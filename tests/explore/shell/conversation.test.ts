import t from "#tap";
import { linesOf, obey } from "../../../harness/explore/shell/conversation.ts";
import { shellOf } from "./begun.ts";

const NEVER = new AbortController().signal;

async function* pieces(...texts: string[]): AsyncGenerator<string> {
  yield* texts;
}

t.test("lines are whole however they arrive, the last one without a line feed", async (t) => {
  t.same(await Array.fromAsync(linesOf(pieces("a", "tt\nb", "\n\nc"))), ["att", "b", "", "c"]);
  t.same(await Array.fromAsync(linesOf(pieces("a\n"))), ["a"]);
  t.same(await Array.fromAsync(linesOf(pieces())), []);
});

t.test("lines are obeyed up to the first that is wrong, which is named", async (t) => {
  const { shell, session } = await shellOf();
  const lines = pieces("attach A", "", "mapp 0 1", "detach A");
  await t.rejects(obey(shell, lines, "standard input", NEVER), {
    name: "UsageError",
    message: "standard input:3: no step or command is called mapp; did you mean map?",
  });
  t.equal(session.steps.length, 1);
});

t.test("exit is the end", async (t) => {
  const { shell, session } = await shellOf();
  await obey(shell, pieces("attach A", "exit", "nonsense"), "standard input", NEVER);
  t.equal(session.steps.length, 1);
});

t.test("without a guest there is nothing to go on with, and that is no fault of the lines", async (t) => {
  const { shell, printed } = await shellOf({ lostAt: ["open c0", "crash"] });
  await obey(shell, pieces("attach A", "info", "nonsense"), "standard input", NEVER);
  t.equal(printed.at(-1), "the guest is gone; `restart` boots another");
  t.ok(shell.hasDiffered);
});

t.test("an interruption is the end", async (t) => {
  const { shell, session } = await shellOf();
  await obey(shell, pieces("attach A"), "standard input", AbortSignal.abort());
  t.same(session.steps, []);
});
