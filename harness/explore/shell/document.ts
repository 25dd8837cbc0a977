/** A session as a scenario file that replay plays. */
import type { Target } from "../../check/assignment.ts";
import { castScenario } from "../../check/casting.ts";
import { difference } from "../../check/observation.ts";
import type { MachineGroup } from "../../machine/predicted.ts";
import { UsageError } from "../../errors.ts";
import { answerText } from "../../model/answer.ts";
import { regionText } from "../../model/reserved.ts";
import type { World } from "../../model/world.ts";
import { type Found, parseScenarios } from "../../scenario/scenario.ts";
import { scenarioText } from "../scenario_file.ts";
import { RULE, type Setting, type WrittenStep } from "../sequence.ts";
import type { Opening, WrittenScenario } from "./opening.ts";
import { isDifferent, isOwn, type Session, type StepReport } from "./session.ts";

const SESSION = "A session of the shell";

/** How every such file begins. */
export const SESSION_MARK = `# ${SESSION}`;

/**
 * The session as text.
 * @param name what the scenario is called
 * @param found where it was played
 * @throws UsageError for a session without steps
 */
export function sessionDocument(session: Session, name: string, found: Found, target: Target): string {
  const { opening, steps, reports } = session;
  if (steps.length === 0) throw new UsageError("there is no step to save yet");
  const textOf = ({ rule = RULE, scenario: _, found: __, ...setting }: WrittenScenario) =>
    scenarioText({
      name,
      rule: String(rule),
      sequence: { setting: setting as unknown as Setting, steps },
      found,
      about: [
        `${SESSION} on ${found.kernel} ${found.qemu} ${found.machine}.`,
        ...reports.flatMap(findings),
        "Beside each step is what the model says.",
      ],
      remarks: reports.map(remark),
    });
  const small = textOf(usedPart(opening, steps));
  return castsTheSame(small, opening, target) ? small : textOf(opening.head);
}

/** Fewer groups are easier on other machines; but not where others than those of the session would play them. */
function castsTheSame(text: string, { assignment: { world } }: Opening, target: Target): boolean {
  const [scenario] = parseScenarios(text, "the session", "shell");
  const cast = scenario && castScenario(scenario, target.groups);
  if (!cast || typeof cast === "string") return false;
  return [...cast.groups].every(([name, group]) => isLike(group, castAs(name, target, world)));
}

/** The machine's group that has a name in the session. */
const castAs = (name: string, { groups }: Target, world: World): MachineGroup | undefined =>
  groups.find(({ devices }) => devices[0] === world.get(name)?.devices[0]);

/** Whether no scenario could tell groups apart. */
const isLike = (group: MachineGroup, other: MachineGroup | undefined): boolean =>
  other !== undefined && group.iommu.name === other.iommu.name && group.name === other.name &&
  group.devices.length === other.devices.length && group.kinds.join() === other.kinds.join() &&
  group.reserved.map(regionText).join() === other.reserved.map(regionText).join();

/** Without the groups that the machine has, but no step names. */
function usedPart({ head, added }: Opening, steps: readonly WrittenStep[]): WrittenScenario {
  const named = new Set(wordsIn(steps));
  const { iommus, ...rest } = head;
  const groups = entries(head.groups).filter(([name]) => !added.has(name) || named.has(name));
  const behind = groups.map(([, needs]) => (needs as { iommu?: string } | null)?.iommu);
  const used = entries(iommus).filter(([name]) => !added.has(name) || behind.includes(name));
  return {
    ...rest,
    groups: Object.fromEntries(groups),
    ...(used.length > 0 ? { iommus: Object.fromEntries(used) } : {}),
  };
}

const entries = (value: unknown): [string, unknown][] => Object.entries(value ?? {});

function wordsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(wordsIn) : [];
}

/** What a reader should know of a step. */
function findings(report: StepReport): string[] {
  const { number, deviations, trouble } = report;
  if (trouble) return [`${trouble.kind} at step ${number}: ${trouble.message}`];
  if (isDifferent(report)) return [`Mismatch at step ${number}.`];
  return deviations.filter(({ firstAt }) => firstAt === number).map(({ name }) =>
    `Known deviation ${name} at step ${number}.`
  );
}

/** The model's answer to the step's last call, and the kernel's where it is another. */
function remark({ answers }: StepReport): string {
  const last = answers.findLast(isOwn);
  if (!last) return "";
  const { right, real, kernel } = last;
  const model = right.rule === undefined ? answerText(right) : `${answerText(right)}, ${right.rule}`;
  if (!kernel || !difference(right, kernel)) return model;
  const differs = difference(real, kernel) ? "the kernel" : "the kernel, as known";
  return `${model}; ${differs}: ${answerText(kernel)}`;
}
