/**
 * What happens in a run, as a stream of events: the one source of every report.
 *
 * `events.jsonl` holds one event per line, each with the format's version.
 * Lines are only ever appended.
 *
 * @module
 */

import { CannotTestError, refusalText } from "../errors.ts";

/** Version of the events' format, in the field `v` of every line. */
export const EVENT_VERSION = 1;

/** Outcome of playing a scenario once; the words are those of the README. */
export type AttemptVerdict = "match" | "known" | "mismatch" | "crash" | "hang" | "harness-fault";

/** Outcome of a scenario. Flaky: an attempt failed and a later one, on a fresh guest, did not. */
export type Verdict = AttemptVerdict | "flaky" | "skip";

/** How often each verdict was given. */
export type Counts = Record<Verdict, number>;

const ZERO: Counts = {
  match: 0,
  known: 0,
  mismatch: 0,
  crash: 0,
  hang: 0,
  flaky: 0,
  "harness-fault": 0,
  skip: 0,
};

/** Counts before anything has its verdict. */
export const zeroCounts = (): Counts => ({ ...ZERO });

/** Every verdict, in the order in which they are told. */
export const VERDICTS = Object.keys(ZERO) as readonly Verdict[];

/** The run begins. */
export interface RunStart {
  type: "run-start";
  commandLine: string[];
  /** Version of iovacheck. */
  version: string;
  /** ISO 8601, UTC. */
  date: string;
  /** The ids of all cells of the plan, in its order; every `cell` below is one of them. */
  cells: string[];
}

/** A cell's guest is about to be started. */
export interface CellStart {
  type: "cell-start";
  cell: string;
  kernel: string;
  qemu: string;
  machine: string;
  accelerator: string;
}

/** A guest of the cell is ready: the first one, or one in the place of a guest that was of no more use. */
export interface GuestBooted {
  type: "guest-booted";
  cell: string;
  /** From QEMU's start to the probe's first word. */
  bootMs: number;
  /** What the kernel complained about on the way, if it did. */
  complaint?: string;
}

/** A cell is left out. Ends the cell. */
export interface CellSkip {
  type: "cell-skip";
  cell: string;
  reason: string;
}

/** The guest's groups, reserved regions and aperture were compared with the predicted ones. */
export interface WorldChecked {
  type: "world-checked";
  cell: string;
  verdict: "match" | "mismatch";
  durationMs: number;
  failure?: Failure;
}

/** A scenario that is played more than once was played: told of each time, the first one included. */
export interface AttemptEnd {
  type: "attempt-end";
  cell: string;
  scenario: string;
  /** Counts from 1. */
  attempt: number;
  /** Which of the cell's guests it was played on, from 1; its logs are in the folder `guest-N`. */
  guest: number;
  verdict: AttemptVerdict;
  durationMs: number;
  /** What happened, for a crash, a hang or a fault. */
  reason?: string;
  /** The first step that differed. */
  failure?: Failure;
}

/** A scenario has its verdict. */
export interface ScenarioEnd {
  type: "scenario-end";
  cell: string;
  scenario: string;
  file: string;
  /** Line of the scenario in its file, from 1. */
  line: number;
  verdict: Verdict;
  /** Names of the known issues that explain the differences; not empty when the verdict is `known`. */
  deviations: string[];
  /** How many steps it has. */
  steps: number;
  /** Of all attempts together. */
  durationMs: number;
  /** The verdict on each attempt in turn, when there was more than one. */
  attempts?: AttemptVerdict[];
  /** Why it was left out, when the verdict is `skip`; what happened first, for a crash, a hang or a fault. */
  reason?: string;
  /** The first step that differed, in the first attempt that tells something of the kernel. */
  failure?: Failure;
  /** The one command that runs exactly this cell and scenario again. */
  again: string;
}

/** How far the exploring of a cell is, told every now and then. */
export interface Exploring {
  type: "exploring";
  cell: string;
  /** Sequences or races, and their steps or calls, so far. */
  played: number;
  steps: number;
}

/** Random sequences were played in a cell; what diverged was told by events of scenarios. */
export interface Explored {
  type: "explored";
  cell: string;
  /** The sequences from 0 on are those of this seed. */
  seed: number;
  /** Sequences that were played once. */
  sequences: number;
  /** How many of them showed known faults of the kernel, and which. */
  known: number;
  deviations: string[];
  /** How many diverged; of each kind one is told. */
  diverged: number;
  /** Steps of all sequences, and the answers to them that were compared. */
  steps: number;
  answers: number;
  /** Guests that were booted. */
  guests: number;
  durationMs: number;
}

/** Two threads were let loose on one container; what no order of their calls explains was told as a scenario. */
export interface Raced {
  type: "raced";
  cell: string;
  seed: number;
  /** Races that some order of their calls explains, and those calls. */
  races: number;
  calls: number;
  /** Races that are explained only if the threads took turns, and in how many orders they did. */
  turnTaking: number;
  orders: number;
  guests: number;
  durationMs: number;
}

/** Where and how prediction and observation parted. */
export interface Failure {
  /** Number of the step, from 1; 0 before the first step. */
  step: number;
  /** The step as its author wrote it. */
  text: string;
  /** `file:line:column` */
  position: string;
  predicted: string;
  observed: string;
  /** What decided the prediction, in the words of the model's specification. */
  because?: string;
  /** What the scenario is about, in the same: sections and rows. */
  rule?: string;
}

/** A cell is over: every scenario of it has a verdict, or `fault` says what kept them from it. */
export interface CellEnd {
  type: "cell-end";
  cell: string;
  durationMs: number;
  fault?: { verdict: "crash" | "hang" | "harness-fault"; text: string; again?: string };
}

/** The run is over. */
export interface RunEnd {
  type: "run-end";
  counts: Counts;
  exitCode: number;
  durationMs: number;
  /** Why the run ended before its plan was done. */
  stopped?: string;
}

/** Anything that happens in a run. */
export type Event =
  | RunStart
  | CellStart
  | GuestBooted
  | CellSkip
  | WorldChecked
  | AttemptEnd
  | ScenarioEnd
  | Exploring
  | Explored
  | Raced
  | CellEnd
  | RunEnd;

/** Takes every event, in order. A reporter is one. */
export type Listener = (event: Event) => void;

/** Writes events to a file and hands them to listeners. */
export class EventLog implements Disposable {
  readonly #path: string;
  readonly #file: Deno.FsFile;
  readonly #listeners = new Set<Listener>();

  /**
   * @param path the file; created when missing, otherwise continued
   * @throws Deno.errors.NotFound when the folder is missing
   */
  constructor(path: string) {
    this.#path = path;
    this.#file = Deno.openSync(path, { append: true, create: true });
  }

  /**
   * Writes the event as one line, unbuffered, and then calls the listeners in the order they came.
   * @throws CannotTestError when the disk is full
   */
  emit(event: Event): void {
    const line = new TextEncoder().encode(JSON.stringify({ v: EVENT_VERSION, ...event }) + "\n");
    try {
      writeAll(this.#file, line);
    } catch (error) {
      const refusal = refusalText(error, this.#path);
      throw refusal === undefined ? error : new CannotTestError(refusal, { cause: error });
    }
    for (const listener of this.#listeners) listener(event);
  }

  /** Hands every later event to `listener`. @returns what ends this */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

const TYPES: Record<Event["type"], true> = {
  "run-start": true,
  "cell-start": true,
  "guest-booted": true,
  "cell-skip": true,
  "world-checked": true,
  "attempt-end": true,
  "scenario-end": true,
  "exploring": true,
  "explored": true,
  "raced": true,
  "cell-end": true,
  "run-end": true,
};

/**
 * Reads what an {@linkcode EventLog} wrote.
 *
 * A last line without a newline is left out: its writer was killed while writing.
 *
 * @param text content of the file
 * @param name of the file, for messages
 * @throws SyntaxError for a line that is no event of this version, with file and line
 */
export function readEvents(text: string, name: string): Event[] {
  return text.split("\n").slice(0, -1).map((line, index) => readEvent(line, `${name}:${index + 1}`));
}

function readEvent(line: string, position: string): Event {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new SyntaxError(`${position}: not JSON; every line must hold one event`, { cause });
  }
  if (typeof value !== "object" || value === null || !("v" in value) || !("type" in value)) {
    throw new SyntaxError(`${position}: not an event; it needs the fields "v" and "type"`);
  }
  const { v, ...event } = value;
  if (v !== EVENT_VERSION) {
    throw new SyntaxError(
      `${position}: events of version ${v}, but this program reads version ${EVENT_VERSION}`,
    );
  }
  if (!Object.hasOwn(TYPES, String(event.type))) {
    throw new SyntaxError(`${position}: unknown event type ${JSON.stringify(event.type)}`);
  }
  return event as Event;
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) written += file.writeSync(bytes.subarray(written));
}
