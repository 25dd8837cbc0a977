import t from "#tap";
import { join, resolve } from "node:path";
import { CommandError, programFolders, run, runBytes } from "../../harness/components/command.ts";
import { CannotTestError } from "../../harness/errors.ts";

t.test("standard output is the result", async (t) => {
  t.equal(await run("printf", ["%s-%s\\n", "a b", "$HOME"]), "a b-$HOME", "arguments are never a shell's");
  t.same(await runBytes("cat", [], new Uint8Array([0, 255, 10])), new Uint8Array([0, 255, 10]));
  t.equal(await run("sh", ["-c", "echo $LC_ALL $EXTRA"], { env: { EXTRA: "x" } }), "C x");
});

t.test("programs of root are found by those who haven't their folders in PATH", async (t) => {
  const path = Deno.env.get("PATH") ?? "";
  t.teardown(() => Deno.env.set("PATH", path));
  Deno.env.set("PATH", "/usr/bin:/bin");
  t.same(programFolders(), ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]);
  t.match(await run("sh", ["-c", "command -v chroot"]), /sbin\/chroot$/);
  Deno.env.set("PATH", "/sbin:/usr/bin::/usr/sbin");
  t.same(programFolders(), ["/sbin", "/usr/bin", "/usr/sbin"], "as they are, once each");
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

t.test("of many lines those are shown that tell most", async (t) => {
  const said = async (...lines: string[]) => {
    const error = await run("sh", ["-c", 'printf "%s\\n" "$@" >&2; exit 1', "sh", ...lines]).catch((error) =>
      error
    );
    return error.message.replace(/^.*?: exit code 1/, "");
  };
  t.equal(await said("1", "2", "3", "4", "5"), " (2; 3; 4; 5)", "the last");
  t.equal(
    await said("E: one", "W: two", "E: three", "E: four", "5", "6"),
    " (E: one; E: three)",
    "apt's errors",
  );
  t.match(
    await said("tar: x: Cannot write: No space left on device"),
    /\); make room there, or set XDG_CACHE_HOME/,
  );
  t.match(await said("E: x  Hash Sum mismatch"), /\); a mirror or a proxy delivers something else/);
});

t.test("other ends", async (t) => {
  await t.rejects(run("no-such-program", ["-x"]), {
    message: "no-such-program -x: not found on this machine; install it",
  });
  await t.rejects(run("sh", ["-c", "kill -9 $$"]), { name: "CommandError", message: /ended by SIGKILL/ });
  await t.rejects(runBytes("false", [], new Uint8Array()), { message: "false: exit code 1" });
});

t.test("a program that takes too long is ended", async (t) => {
  await t.rejects(run("sleep", ["60"], { timeoutMs: 50 }), { message: /^sleep 60: not done after 0 s$/ });
});

t.test("a program is gone with the process that started it, however that ends", async (t) => {
  const dir = t.testdir();
  const command = resolve(import.meta.dirname!, "../../harness/components/command.ts");
  const script = `
    import { run } from "${command}";
    void run("sh", ["-c", "echo $$ > ${dir}/pid; exec sleep 60"]);`;
  const args = ["eval", "--quiet", `--config=${resolve(import.meta.dirname!, "../deno.json")}`, script];
  using watcher = Deno.watchFs(dir);
  const parent = new Deno.Command(Deno.execPath(), { args }).spawn();
  for await (const { kind } of watcher) if (kind === "modify") break;
  const pid = Number(await Deno.readTextFile(join(dir, "pid")));
  t.doesNotThrow(() => Deno.kill(pid, "SIGCONT"), "it runs");
  parent.kill("SIGKILL");
  await parent.status;
  t.ok(await isGone(pid));
});

/** Whether a process ends within two seconds. It is nobody's child here, so that there is no event to wait for. */
async function isGone(pid: number): Promise<boolean> {
  const end = performance.now() + 2_000;
  while (performance.now() < end) {
    const { stdout } = await new Deno.Command("ps", { args: ["-o", "stat=", "-p", String(pid)] }).output();
    const state = new TextDecoder().decode(stdout).trim();
    if (state === "" || state.startsWith("Z")) return true;
  }
  return false;
}

t.test("an abort ends the program", async (t) => {
  const controller = new AbortController();
  const running = run("sleep", ["60"], { signal: controller.signal });
  controller.abort();
  t.match(await running.catch((error) => error), { isCanceled: true });
});
