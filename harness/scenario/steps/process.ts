/** Further processes, and what each may lock. */
import * as z from "zod";
import { exec, exit, fork, inProcess, setMemoryLock } from "../../model/process.ts";
import type { MemoryLock } from "../../model/state.ts";
import { type Action, type AnyAction, commandOf } from "../action.ts";
import { evaluate } from "../address.ts";
import { ADDRESS, PROCESS } from "../schemas.ts";
import { type Actions, defineStep, type Scene } from "../step.ts";

const forkAction = (process: string): Action => ({
  text: `fork ${process}`,
  apply: (state) => fork(state, process),
  command: () => `fork ${process}`,
  changes: "mappings",
});

const execAction = (process: string): Action => ({
  text: `exec ${process}`,
  apply: (state) => exec(state, process),
  command: () => `exec ${process}`,
  changes: "mappings",
});

const exitAction = (process: string): Action => ({
  text: `exit ${process}`,
  apply: (state) => exit(state, process),
  command: () => `exit ${process}`,
  changes: "groups",
});

const memoryLockAction = (memoryLock: MemoryLock): Action => {
  const { limitBytes, isCapable } = memoryLock;
  const request = `memlock ${limitBytes} capability=${isCapable ? 1 : 0}`;
  return {
    text: request,
    apply: (state) => setMemoryLock(state, memoryLock),
    command: () => request,
    changes: "nothing",
  };
};

/** A child that holds what the main process holds. */
export const forkStep = defineStep(PROCESS, function* (process) {
  yield forkAction(process);
});

/** The child goes on as a new program. */
export const execStep = defineStep(PROCESS, function* (process) {
  yield execAction(process);
});

export const exitStep = defineStep(PROCESS, function* (process) {
  yield exitAction(process);
});

/** RLIMIT_MEMLOCK, and whether CAP_IPC_LOCK lifts it. */
export const memlockStep = defineStep(
  z.strictObject({ limit: ADDRESS, capability: z.boolean().default(false) }),
  function* ({ limit, capability }, { symbols }) {
    yield memoryLockAction({ limitBytes: evaluate(limit, symbols), isCapable: capability });
  },
);

/** What a step does, done by a child instead of the main process. */
export const doneBy = (process: string, unfold: (scene: Scene) => Actions) =>
  function* (scene: Scene): Actions {
    const actions = unfold(scene);
    for (let next = actions.next(); !next.done;) {
      next = actions.next(yield actionIn(process, next.value));
    }
  };

const actionIn = (process: string, action: AnyAction): Action => ({
  text: `in ${process}: ${action.text}`,
  apply: (state) => inProcess(state, process, action.apply),
  command: (names) => `in ${process} ${commandOf(action, names)}`,
  changes: action.changes,
});
