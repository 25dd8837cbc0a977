/** Processes: who holds which descriptors, whose memory is locked, and how much of it may be. [spec §1.6, §8] */
import { ok } from "./answer.ts";
import { PAGE_SIZE } from "./constants.ts";
import { HandleError, releaseAll } from "./lifecycle.ts";
import { lockedPages } from "./locked_memory.ts";
import {
  entryOf,
  MAIN_PROCESS,
  type MemoryLock,
  type Outcome,
  type Process,
  type State,
  withEntry,
} from "./state.ts";

/** The process that makes the next call. */
export const currentProcess = (state: State): Process => entryOf(state.processes, state.process);

const setProcess = (state: State, name: string, process: Process | undefined): State => ({
  ...state,
  processes: withEntry(state.processes, name, process),
});

/** The probe keeps its children itself: none of them has any, or can tell another what to do. */
function requireMain({ process }: State): void {
  if (process !== MAIN_PROCESS) throw new HandleError(`${process} can't: only the main process has children`);
}

/** A child of the main process, which holds what that holds, in an address space of its own. [fork(2)] */
export function fork(state: State, name: string): Outcome {
  requireMain(state);
  if (state.processes.has(name)) throw new HandleError(`process ${name} exists already`);
  const { memoryLock } = entryOf(state.processes, MAIN_PROCESS);
  const forked = setProcess(state, name, { space: state.spaces, firstSpace: state.spaces, memoryLock });
  return { state: inheritAll({ ...forked, spaces: state.spaces + 1 }, name), answer: ok() };
}

function inheritAll(state: State, heir: string): State {
  const inherit = (holders: readonly string[]) =>
    holders.includes(MAIN_PROCESS) ? [...holders, heir] : holders;
  const containers = [...state.containers].map(([key, container]) =>
    [key, { ...container, holders: inherit(container.holders) }] as const
  );
  const groups = [...state.groups].map(([name, group]) => {
    const devices = [...group.devices].map(([device, holders]) => [device, inherit(holders)] as const);
    return [name, { ...group, holders: inherit(group.holders), devices: new Map(devices) }] as const;
  });
  return { ...state, containers: new Map(containers), groups: new Map(groups) };
}

/**
 * Goes on as a new program: the descriptors stay, the address space is another, and being root's it has all
 * capabilities. [execve(2), capabilities(7)]
 */
export function exec(state: State, name: string): Outcome {
  const process = child(state, name);
  const after = setProcess(state, name, {
    ...process,
    space: state.spaces,
    memoryLock: { ...process.memoryLock, isCapable: true },
  });
  return { state: { ...after, spaces: state.spaces + 1 }, answer: ok({}, "§8 row 5") };
}

/** Ends a process: what it alone held is closed; what it mapped stays mapped. [spec §8] */
export function exit(state: State, name: string): Outcome {
  child(state, name);
  return { state: setProcess(releaseAll(state, name), name, undefined), answer: ok({}, "§8 row 4") };
}

function child(state: State, name: string): Process {
  requireMain(state);
  const process = name === MAIN_PROCESS ? undefined : state.processes.get(name);
  if (!process) throw new HandleError(`there is no process ${name}; fork it first`);
  return process;
}

/** Lets a process take a step. */
export function inProcess(state: State, name: string, step: (state: State) => Outcome): Outcome {
  child(state, name);
  const { state: after, answer } = step({ ...state, process: name });
  return { state: { ...after, process: state.process }, answer };
}

/** What the calling process may lock from now on. */
export const setMemoryLock = (state: State, memoryLock: MemoryLock): Outcome => ({
  state: setProcess(state, state.process, { ...currentProcess(state), memoryLock }),
  answer: ok(),
});

/** How many more pages the calling process may lock; undefined where nothing limits it. [spec §8] */
export function lockablePages(state: State): bigint | undefined {
  const { space, memoryLock: { limitBytes, isCapable } } = currentProcess(state);
  if (isCapable) return undefined;
  const left = limitBytes / PAGE_SIZE - lockedPages(state, space);
  // Below a limit that was lowered since, what costs nothing is still allowed.
  return left > 0n ? left : 0n;
}

/** Whether so many pages more are within the limit. [spec §8; kernel: vfio_lock_acct] */
export function canLock(state: State, pages: bigint): boolean {
  const room = lockablePages(state);
  return room === undefined || pages <= room;
}
