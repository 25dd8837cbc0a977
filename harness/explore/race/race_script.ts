/** What the probe is asked for a race, and what its replies say. */
import { type Condition, conditionOf } from "../../check/execution.ts";
import { BadRequestError, parseReply, sinceBaseline } from "../../check/observation.ts";
import { type Action, commandOf, type GuestNames } from "../../scenario/action.ts";
import type { Both, History, Observed } from "./linearize.ts";
import { aftermathOf, preparationOf, type Race, type Stage } from "./race.ts";

/** A race that was played to its end. */
export interface PlayedRace {
  readonly race: Race;
  readonly history: History;
  /** What the guest was like afterwards. */
  readonly condition: Condition;
  /** What the probe was at a loss with; then the history has only what was before. */
  readonly fault?: BadRequestError;
}

/** A request, and what its reply is read for. */
export interface Asked {
  readonly part: "before" | "race" | "after" | "own";
  readonly command: string;
  readonly action?: Action;
}

/** How a race begins in the kernel's log: with its place among those that are played in one go. */
const MARK = /race (\d+)$/;

/** The place of the race that had begun last. */
export const lastBegun = (log: readonly string[]): number =>
  Number(log.flatMap((line) => MARK.exec(line)?.[1] ?? []).at(-1) ?? 0);

/** All requests of a race, from a guest on which nothing is open to the same again. */
export function scriptOf(stage: Stage, race: Race, names: GuestNames, place: number): Asked[] {
  const own = (command: string): Asked => ({ part: "own", command });
  const asking = (part: "before" | "after", actions: readonly Action[]) =>
    actions.map((action): Asked => ({ part, action, command: commandOf(action, names) }));
  return [
    own(`mark race ${place}`),
    ...asking("before", preparationOf(stage, race)),
    ...race.threads.flatMap((actions, thread) =>
      actions.map((action) => own(`race ${thread + 1} ${commandOf(action, names)}`))
    ),
    { part: "race", command: "race go" },
    ...asking("after", aftermathOf(stage)),
    own("reset"),
  ];
}

/**
 * What came of a race.
 * @param baselinePages locked memory of the probe before it
 * @throws BadRequestError, ProtocolError where the guest's condition can't be read
 */
export function readScript(
  race: Race,
  script: readonly Asked[],
  replies: readonly string[],
  baselinePages: bigint,
): PlayedRace {
  const before: Observed[] = [];
  const after: Observed[] = [];
  let threads: Both<readonly Observed[]> = [[], []];
  const condition = conditionOf(replies.at(-1) ?? "");
  try {
    for (const [index, { part, action, command }] of script.entries()) {
      const answer = sinceBaseline(parseReply(replies[index] ?? ""), baselinePages);
      if (part === "own" && answer.errno !== null) throw new BadRequestError(`${command}: ${answer.errno}`);
      if (part === "race") threads = answersOf(race, answer.values);
      if (action) (part === "before" ? before : after).push({ action, answer });
    }
  } catch (error) {
    if (!(error instanceof BadRequestError)) throw error;
    // What a kernel refuses to open has no name for later requests; then that it refused is what is to be told.
    return { race, history: { before, threads: [[], []], after: [] }, condition, fault: error };
  }
  return { race, history: { before, threads, after }, condition };
}

/** The answers to both threads, as the reply to `race go` has them: `1.2=err%20EEXIST`. [guests/probe/PROTOCOL.md] */
function answersOf(
  { threads }: Race,
  values: Readonly<Record<string, string>>,
): Both<readonly Observed[]> {
  const answersTo = (actions: readonly Action[], thread: number) =>
    actions.map((action, index): Observed => {
      const reply = values[`${thread}.${index + 1}`];
      if (reply === undefined) throw new BadRequestError(`race go has no answer to ${action.text}`);
      return { action, answer: parseReply(reply) };
    });
  return [answersTo(threads[0], 1), answersTo(threads[1], 2)];
}
