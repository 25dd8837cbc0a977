/** Execution: a predicted scenario played in a guest, every answer compared. */
import { beforeComplaint, complains, excerpt } from "../guest/console.ts";
import type { Guest } from "../guest/guest.ts";
import { GuestLost } from "../guest/guest_lost.ts";
import { ProtocolError } from "../guest/probe_channel.ts";
import type { Answer } from "../model/answer.ts";
import { hex } from "../model/range_list.ts";
import { DEFAULT_DMA_ENTRY_LIMIT } from "../model/state.ts";
import { type AnyAction, commandOf, type GuestNames, type HostOperation } from "../scenario/action.ts";
import type { Scenario } from "../scenario/scenario.ts";
import { clearRegionsAction, failCollectionAction, INJECTION_FAULTS } from "../scenario/steps/injection.ts";
import { disableHugepagesAction, dmaEntryLimitAction } from "../scenario/steps/parameter.ts";
import { clearPlacesAction, PLACEMENT_FAULTS } from "../scenario/steps/placement.ts";
import { judge, type Judgement, leftOver, mismatchSoFar } from "./judgement.ts";
import { mark, stepAt } from "./mark.ts";
import { BadRequestError, parseReply, sinceBaseline } from "./observation.ts";
import type { Prediction } from "./prediction.ts";
import { strayFault } from "./stray_fault.ts";

/** What the guest was like before a scenario, and must be like after it. */
export interface Condition {
  /** Locked memory of the probe. */
  readonly lockedPages: bigint;
  /** /proc/sys/kernel/tainted, soft lockups left out. */
  readonly taint: bigint;
}

/** How a scenario went. */
export interface Execution extends Judgement {
  /** What happened, where it is no difference. */
  readonly reason?: string;
  /** What the kernel said when it crashed, complained or hung. */
  readonly console?: readonly string[];
  /** What the guest is like now; undefined when it is lost. */
  readonly condition?: Condition;
  /** The answers to the predicted actions, where one of them differs. */
  readonly observed?: readonly Answer[];
}

const NO_NAMES: GuestNames = { groupNumber: () => 0, device: () => "" };

/** Leaves the guest as it was found, whatever the scenario did; the replies to the last ones are the proof. */
export function cleaning({ actions, hasModules }: Pick<Prediction, "actions" | "hasModules">): string[] {
  const arePlaced = actions.some(({ action }) => action === clearPlacesAction);
  const places = arePlaced ? [clearPlacesAction.command(NO_NAMES), ...PLACEMENT_FAULTS] : [];
  const rest = [
    ...(hasModules ? [failCollectionAction(0), clearRegionsAction] : []),
    dmaEntryLimitAction(DEFAULT_DMA_ENTRY_LIMIT),
    disableHugepagesAction(false),
  ].map(({ command }) => command(NO_NAMES));
  return [...places, ...rest, ...(hasModules ? INJECTION_FAULTS : []), "reset"];
}

/** A request to the probe or to the host: one of the harness's own, or a predicted action. */
export type Request = { readonly own: string } | { readonly action: AnyAction; readonly actionIndex: number };

/** Does something to the guest's machine, and replies as the probe would. */
export type Host = (operation: HostOperation) => Promise<string>;

const NO_HOST: Host = ({ kind, group }) => {
  throw new RangeError(`${kind} ${group}: this guest's machine stays as it is`);
};

/**
 * All requests of a scenario.
 * @param areMarked whether the kernel log is to tell which step a message belongs to
 */
export function requestsOf(scenario: Scenario, prediction: Prediction, areMarked = true): Request[] {
  const requests: Request[] = [{ own: `say ${scenario.id}` }];
  let marked: number | undefined;
  for (const [actionIndex, { action, stepIndex }] of prediction.actions.entries()) {
    if (areMarked && stepIndex !== marked && stepIndex !== undefined) {
      requests.push({ own: `mark ${mark(scenario, stepIndex)}${scenario.steps[stepIndex]?.text}` });
      marked = stepIndex;
    }
    requests.push({ action, actionIndex });
  }
  return [...requests, ...cleaning(prediction).map((own) => ({ own }))];
}

/**
 * All replies, in order: those of the probe batch by batch, with what the host does between them.
 * @throws GuestLost with all replies that came
 */
export async function send(
  guest: Pick<Guest, "request">,
  requests: readonly Request[],
  names: GuestNames,
  host: Host,
): Promise<string[]> {
  const replies: string[] = [];
  try {
    while (replies.length < requests.length) {
      const rest = requests.slice(replies.length);
      const operation = hostOperationOf(rest[0]);
      if (operation) {
        replies.push(await host(operation));
        continue;
      }
      const end = rest.findIndex(hostOperationOf);
      const batch = end < 0 ? rest : rest.slice(0, end);
      replies.push(
        ...await guest.request(commandsOf(batch, names)),
      );
    }
    return replies;
  } catch (error) {
    if (!(error instanceof GuestLost)) throw error;
    const { loss, message, console } = error;
    throw new GuestLost(loss, message, console, { cause: error, replies: [...replies, ...error.replies] });
  }
}

/**
 * The requests in the probe's words.
 * @throws RangeError for what the host is to do
 */
export const commandsOf = (requests: readonly Request[], names: GuestNames): string[] =>
  requests.map((request) => "own" in request ? request.own : commandOf(request.action, names));

const hostOperationOf = (request: Request | undefined): HostOperation | undefined =>
  request && "action" in request && "host" in request.action ? request.action.host : undefined;

/** What is played, and on what. */
export interface Performance {
  readonly scenario: Scenario;
  readonly prediction: Prediction;
  readonly requests: readonly Request[];
  readonly before: Condition;
}

/** Sends all of a scenario and judges what comes back. Never throws for what the guest does. */
export async function execute(
  guest: Pick<Guest, "request" | "kernelLog">,
  scenario: Scenario,
  prediction: Prediction,
  names: GuestNames,
  before: Condition,
  host: Host = NO_HOST,
): Promise<Execution> {
  const performance = { scenario, prediction, requests: requestsOf(scenario, prediction), before };
  try {
    const replies = await send(guest, performance.requests, names, host);
    return conclude(performance, replies, await guest.kernelLog());
  } catch (error) {
    if (!(error instanceof GuestLost || error instanceof ProtocolError)) throw error;
    return concludeEarly(performance, error);
  }
}

/**
 * Judges replies that all came.
 * @param log lines of /dev/kmsg since the scenario began
 */
export function conclude(
  performance: Performance,
  replies: readonly string[],
  log: readonly string[],
): Execution {
  const { scenario, prediction, requests, before } = performance;
  const observed: Answer[] = [];
  try {
    const condition = readReplies(requests, replies, before, observed);
    if (condition.taint !== before.taint || complains(log)) {
      const tainted = `its taint went from ${hex(before.taint)} to ${hex(condition.taint)}`;
      const reason = `the kernel complained; ${tainted}`;
      return { verdict: "crash", reason, condition, ...complaint(scenario, log) };
    }
    const judged = judge(prediction, observed);
    const isFine = judged.verdict === "match" || judged.verdict === "known";
    if (!isFine) return { ...judged, condition, observed };
    const fault = strayFault(scenario, prediction, observed, log);
    if (fault) return { verdict: "mismatch", ...fault, condition };
    return { ...judged, ...leftOver(prediction, condition.lockedPages - before.lockedPages), condition };
  } catch (error) {
    if (!(error instanceof BadRequestError || error instanceof ProtocolError)) throw error;
    return mismatchSoFar(prediction, observed) ?? { verdict: "harness-fault", reason: error.message };
  }
}

/** Judges replies that didn't all come. What befell us is no excuse for what the kernel had got wrong before. */
export function concludeEarly(performance: Performance, error: GuestLost | ProtocolError): Execution {
  const { prediction } = performance;
  if (error instanceof ProtocolError) return { verdict: "harness-fault", reason: error.message };
  const earlier = error.loss === "harness-fault"
    ? mismatchSoFar(prediction, answersBefore(performance, error))
    : undefined;
  return earlier ? { ...earlier, reason: error.message } : lost(performance, error);
}

/**
 * Reads the replies.
 * @param observed where the answers to the scenario's actions go: after an error, those that came before it
 * @returns what the guest is like afterwards
 * @throws BadRequestError, ProtocolError for a request that the probe didn't understand or could not serve
 */
function readReplies(
  requests: readonly Request[],
  replies: readonly string[],
  before: Condition,
  observed: Answer[],
): Condition {
  requireInjected(requests, replies);
  for (const [index, request] of requests.entries()) {
    const answer = parseReply(replies[index] ?? "");
    if ("action" in request) observed.push(sinceBaseline(answer, before.lockedPages));
    else if (answer.errno !== null) throw new BadRequestError(`${request.own}: ${answer.errno}`);
  }
  return conditionOf(replies.at(-1) ?? "");
}

/** The answers that came before the guest was lost, up to one that can't be read. */
function answersBefore({ requests, before }: Performance, { replies }: GuestLost): Answer[] {
  const observed: Answer[] = [];
  try {
    readReplies(requests.slice(0, replies.length), replies, before, observed);
  } catch (error) {
    if (!(error instanceof BadRequestError || error instanceof ProtocolError)) throw error;
  }
  return observed;
}

/**
 * Looked at first: on a guest with other regions or IOMMUs than those that were asked for no answer counts.
 * @throws BadRequestError
 */
export function requireInjected(requests: readonly Request[], replies: readonly string[]): void {
  for (const [index, request] of requests.entries()) {
    if (!("own" in request)) continue;
    const { own: command } = request;
    const isInjection = INJECTION_FAULTS.includes(command);
    if (!isInjection && !PLACEMENT_FAULTS.includes(command)) continue;
    const { value } = parseReply(replies[index] ?? "").values;
    if (value === "0") continue;
    const what = isInjection ? "regions were not injected" : "groups were not put behind IOMMUs";
    throw new BadRequestError(`${what} as asked: ${command} gave ${value}`);
  }
}

/** What a kernel that lives on complained about, and at which step. */
function complaint(scenario: Scenario, log: readonly string[]): Partial<Execution> {
  const stepIndex = stepAt(scenario, beforeComplaint(log));
  return {
    console: excerpt(log),
    ...(stepIndex < 0 ? {} : { stepIndex, actionText: "the kernel's log tells" }),
  };
}

/** A busy host makes processors of guests stand still: no fault of the kernel. [kernel: TAINT_SOFTLOCKUP] */
const SOFT_LOCKUP = 1n << 14n;

/**
 * What the probe's reply to `reset` tells of the guest.
 * @throws BadRequestError when it doesn't
 */
export function conditionOf(reply: string): Condition {
  const { vmlck, taint } = parseReply(reply).values;
  if (!isHex(vmlck) || !isHex(taint)) throw new BadRequestError(`the probe answered reset with ${reply}`);
  return { lockedPages: BigInt(vmlck), taint: BigInt(taint) & ~SOFT_LOCKUP };
}

const isHex = (value: string | undefined): value is string => /^0x[0-9a-f]+$/.test(value ?? "");

/** A guest that was lost at an action, or soon after it. */
function lost({ scenario, prediction, requests }: Performance, error: GuestLost): Execution {
  const request = requests[error.replies.length];
  const stepIndex = request && "action" in request
    ? prediction.actions[request.actionIndex]?.stepIndex
    : undefined;
  const text = stepIndex === undefined ? "" : scenario.steps[stepIndex]?.text ?? "";
  return {
    verdict: error.loss,
    reason: error.message,
    console: error.console,
    ...(stepIndex === undefined ? {} : { stepIndex, actionText: text }),
  };
}
