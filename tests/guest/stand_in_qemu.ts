/**
 * A program that is started like QEMU and behaves as its first argument, JSON, says. It runs no guest: it
 * plays the probe, the console and QMP.
 */
import { linesOf, writeAll } from "../../harness/guest/lines.ts";

export interface Behaviour {
  /** The probe's first line; left out, it never says a word. */
  readonly greeting?: string;
  /** Replies to a command, one after the other; to any other command it is `ok`. */
  readonly replies?: Readonly<Record<string, readonly string[]>>;
  /** The command at which it stops to answer, or ends. */
  readonly stopsAt?: { readonly command: string; readonly exitCode?: number };
  /** What it has written to the console by then. */
  readonly console?: string;
  /** What it has written to the console when it greets. */
  readonly earlierConsole?: string;
  /** A line that it sends instead of stopping. */
  readonly nonsense?: string;
  /** What QMP says of the guest; `silent` answers nothing once the guest has stopped to answer. */
  readonly qmp?: { readonly status?: string; readonly registers?: string; readonly silent?: boolean };
}

async function play(behaviour: Behaviour): Promise<void> {
  const { greeting, replies = {}, stopsAt, console = "", earlierConsole = "", nonsense } = behaviour;
  const qmp = await connect(/^socket,id=qmp,path=(.*),abstract=on$/);
  const probe = await connect(/^socket,id=control,path=(.*),abstract=on$/);
  const consoleFile = valueLike(/^file,id=console,path=(.*)$/);
  await Deno.writeTextFile(consoleFile, earlierConsole);
  void answerQmp(qmp, behaviour);
  await send(qmp, '{"QMP": {}}');
  if (greeting !== undefined) await send(probe, `0 ${greeting}`);
  const left = new Map(Object.entries(replies).map(([command, list]) => [command, [...list]]));
  for await (const line of linesOf(probe)) {
    const [, number, command = ""] = /^(\d+) (.*)$/.exec(line) ?? [];
    if (command !== stopsAt?.command) {
      await send(probe, `${number} ${left.get(command)?.shift() ?? "ok"}`);
      continue;
    }
    await Deno.writeTextFile(consoleFile, console, { append: true });
    hasStopped = true;
    if (nonsense !== undefined) await send(probe, nonsense);
    if (stopsAt.exitCode !== undefined) Deno.exit(stopsAt.exitCode);
    // Hangs: QMP alone is still answered.
    await new Promise(() => {});
  }
}

let hasStopped = false;

async function answerQmp(
  qmp: Deno.Conn,
  { qmp: { status = "running", registers = "CPL=0 HLT=0", silent = false } = {} }: Behaviour,
): Promise<void> {
  const returned: Readonly<Record<string, unknown>> = {
    "query-status": { status },
    "human-monitor-command": registers,
  };
  for await (const line of linesOf(qmp)) {
    const { execute, id } = JSON.parse(line) as { execute: string; id: number };
    if (hasStopped && silent) continue;
    await send(qmp, JSON.stringify({ return: returned[execute] ?? {}, id }));
    if (execute === "quit") Deno.exit(0);
  }
}

const connect = (option: RegExp): Promise<Deno.Conn> =>
  Deno.connect({ transport: "unix", path: `\0${valueLike(option)}` });

const valueLike = (option: RegExp): string =>
  Deno.args.flatMap((arg) => option.exec(arg)?.slice(1) ?? []).map((path) => path.replaceAll(",,", ","))[0] ??
    "";

const send = (conn: Deno.Conn, line: string): Promise<void> =>
  writeAll(conn, new TextEncoder().encode(`${line}\n`));

if (import.meta.main) await play(JSON.parse(Deno.args[0] ?? "{}") as Behaviour);
