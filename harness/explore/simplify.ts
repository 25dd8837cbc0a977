/** What could be simpler about a sequence: every proposal differs in one thing. */
import { PAGE_SIZE } from "../model/constants.ts";
import { DEFAULT_CONTAINER } from "../scenario/schemas.ts";
import type { Sequence, Setting, WrittenGroup, WrittenStep } from "./sequence.ts";

/** The usual names, where they are free: the container that needn't be named, the groups in order. */
export function* plainerNames({ setting, steps }: Sequence): Generator<Sequence> {
  const said = namesIn(steps);
  for (const name of said) {
    if (/^c\d+$/.test(name) && name !== DEFAULT_CONTAINER && !said.has(DEFAULT_CONTAINER)) {
      yield { setting, steps: renamed(steps, name, DEFAULT_CONTAINER) };
    }
  }
  for (const [index, name] of Object.keys(setting.groups).entries()) {
    const usual = String.fromCharCode("A".charCodeAt(0) + index);
    if (usual in setting.groups) continue;
    const groups = Object.entries(setting.groups).map(([key, group]) => [key === name ? usual : key, group]);
    yield { setting: { ...setting, groups: Object.fromEntries(groups) }, steps: renamed(steps, name, usual) };
  }
}

/** With less to begin with: no group that no step names, fewer regions, no IOMMUs but the machine's. */
export function* simplerSettings({ setting, steps }: Sequence): Generator<Sequence> {
  for (const simpler of [...fewerGroups(setting, steps), ...fewerRegions(setting), ...fewerWishes(setting)]) {
    yield { setting: simpler, steps };
  }
}

/** With one step that says less, or rounder numbers. */
export function* simplerSteps({ setting, steps }: Sequence): Generator<Sequence> {
  for (const [index, step] of steps.entries()) {
    for (const simpler of [...usualSteps(step), ...fewerWords(step), ...rounderNumbers(step)]) {
      yield { setting, steps: steps.with(index, simpler) };
    }
  }
}

function* fewerGroups(setting: Setting, steps: readonly WrittenStep[]): Generator<Setting> {
  const said = JSON.stringify(steps, (_, value) => typeof value === "bigint" ? "" : value);
  for (const name of Object.keys(setting.groups)) {
    if (!said.includes(`"${name}"`)) {
      yield withIommusUsed({ ...setting, groups: leftOut(setting.groups, name) });
    }
  }
}

function* fewerRegions(setting: Setting): Generator<Setting> {
  for (const [name, group] of Object.entries(setting.groups)) {
    const { reserved = [] } = group;
    for (const index of reserved.keys()) {
      const fewer = reserved.toSpliced(index, 1);
      yield withGroup(
        setting,
        name,
        fewer.length > 0 ? { ...group, reserved: fewer } : leftOut(group, "reserved"),
      );
    }
  }
}

function* fewerWishes(setting: Setting): Generator<Setting> {
  for (const [name, group] of Object.entries(setting.groups)) {
    for (const wish of ["iommu", "device", "devices"]) {
      if (wish in group) yield withIommusUsed(withGroup(setting, name, leftOut(group, wish)));
    }
  }
  for (const [name, iommu] of Object.entries(setting.iommus ?? {})) {
    for (const wish of Object.keys(iommu)) {
      yield { ...setting, iommus: { ...setting.iommus, [name]: leftOut(iommu, wish) } };
    }
  }
  for (const key of ["allow-unsafe-interrupts", "list-order"]) {
    if (key in setting) yield leftOut(setting, key) as Setting;
  }
}

const withGroup = (setting: Setting, name: string, group: WrittenGroup): Setting => ({
  ...setting,
  groups: { ...setting.groups, [name]: group },
});

/** Only the IOMMUs that have a group behind them may be described. */
function withIommusUsed(setting: Setting): Setting {
  const { iommus, ...rest } = setting;
  if (!iommus) return setting;
  const used = new Set(Object.values(setting.groups).map(({ iommu }) => iommu));
  const kept = Object.entries(iommus).filter(([name]) => used.has(name));
  return kept.length > 0 ? { ...rest, iommus: Object.fromEntries(kept) } : rest;
}

/** What people write: one step that does all that belongs to an attach; what is left over can then be left out. */
function* usualSteps(step: WrittenStep): Generator<WrittenStep> {
  const { "set-container": attach, ...more } = step;
  if (attach !== undefined) yield { attach, ...more };
  const { "unset-container": detach, ...others } = step;
  if (detach !== undefined) yield { detach, ...others };
}

function* fewerWords(step: WrittenStep): Generator<WrittenStep> {
  const { in: process, ...rest } = step;
  if (process !== undefined) yield rest;
  for (const [name, args] of argumentsOf(step)) {
    for (const key of Object.keys(args)) yield { ...step, [name]: leftOut(args, key) };
  }
}

function* rounderNumbers(step: WrittenStep): Generator<WrittenStep> {
  for (const [name, args] of argumentsOf(step)) {
    for (const [key, value] of Object.entries(args)) {
      if (typeof value !== "bigint") continue;
      for (const rounder of rounderThan(value)) yield { ...step, [name]: { ...args, [key]: rounder } };
    }
  }
}

/** The roundest first; none is as round as the value itself. */
function rounderThan(value: bigint): bigint[] {
  const rounded = [30n, 21n, 16n, 12n].map((bits) => value >> bits << bits);
  const proposals = [0n, PAGE_SIZE, ...rounded];
  return [...new Set(proposals)].filter((proposal) => digits(proposal) < digits(value));
}

/** How much there is to read in a number. */
const digits = (value: bigint): number =>
  value.toString(16).replace(/0+$/, "").length * 20 + value.toString(16).length;

const argumentsOf = (step: WrittenStep): [string, Readonly<Record<string, unknown>>][] =>
  Object.entries(step).filter((entry): entry is [string, Readonly<Record<string, unknown>>] =>
    typeof entry[1] === "object" && entry[1] !== null && !Array.isArray(entry[1])
  );

function leftOut<T extends object>(whole: T, key: string): T {
  const { [key]: _, ...rest } = whole as Record<string, unknown>;
  return rest as T;
}

function namesIn(value: unknown): Set<string> {
  if (typeof value === "string") return new Set([value]);
  if (typeof value !== "object" || value === null) return new Set();
  return new Set(Object.values(value).flatMap((part) => [...namesIn(part)]));
}

/** With another name in the place of one, wherever it stands. */
function renamed<T>(value: T, name: string, by: string): T {
  if (value === name) return by as T;
  if (Array.isArray(value)) return value.map((part) => renamed(part, name, by)) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, renamed(part, name, by)])) as T;
}
