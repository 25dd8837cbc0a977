import t from "#tap";
import { CommandError, run, runBytes } from "../../harness/components/command.ts";
import { CannotTestError } from "../../harness/errors.ts";

t.test("standard output is the result", async (t) => {
  t.equal(await run("printf", ["%s-%s\\n", "a b", "$HOME"]), "a b-$HOME", "arguments are never a shell's");
  t.same(await runBytes("cat", [], new Uint8Array([0, 255, 10])), new Uint8Array([0, 255, 10]));
  t.equal(await run("sh", ["-c", "echo $LC_ALL $EXTRA"], { env: { EXTRA: "x" } }), "C x");
});

t.test("a failure says what failed and what it said", async (t) => {
  const error = await run("sh", ["-c", "echo one >&2; echo two >&2; exit 7"]).catch((error) => error);
  t.type(error, CommandError);
  t.type(error, CannotTestError);
  t.equal(error.exitCode, 7);
  t.equal(error.stderr, "one\ntwo");
  t.match(error.message, /^sh -c .*: exit code 7 \(one; two\)$/);
  t.equal(error.message.split("\n").length, 1);
});

t.test("other ends", async (t) => {
  await t.rejects(run("no-such-program", ["-x"]), {
    message: "no-such-program -x: not found on this machine; install it",
  });
  await t.rejects(run("sh", ["-c", "kill -9 $$"]), { name: "CommandError", message: /ended by SIGKILL/ });
  await t.rejects(runBytes("false", [], new Uint8Array()), { message: "false: exit code 1" });
});

t.test("an abort ends the program", async (t) => {
  const controller = new AbortController();
  const running = run("sleep", ["60"], { signal: controller.signal });
  controller.abort();
  t.match(await running.catch((error) => error), { isCanceled: true });
});
