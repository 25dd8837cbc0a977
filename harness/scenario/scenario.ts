/** Scenarios: named lists of steps, read from YAML. */
import * as z from "zod";
import {
  asLoaded,
  ConfigError,
  type Loaded,
  loadYaml,
  parseYaml,
  type Position,
  positionText,
} from "../config.ts";
import { type Expectation, EXPECTATION_SHAPE, VERSION_BOUND } from "./expectation.ts";
import { STEP_KINDS } from "./kinds.ts";
import { hex } from "../model/range_list.ts";
import { DEVICE_KINDS } from "../model/world.ts";
import { IOMMU_NAME, IOMMU_NEEDS, type IommuNeeds } from "./iommu.ts";
import { type Reference, RULE } from "./rule.ts";
import { CONTAINER, DEFAULT_CONTAINER, GROUP, REGIONS } from "./schemas.ts";
import type { GuestModule, Step } from "./step.ts";
import type { ListOrder } from "./steps/injection.ts";
import { doneBy } from "./steps/process.ts";

const GROUP_NEEDS = z.strictObject({
  is: z.string().optional().describe("The group of the machine's device of that name"),
  device: z.enum(DEVICE_KINDS).optional().describe("Any group of such devices"),
  devices: z.enum(["one", "several"]).default("one"),
  reserved: REGIONS.default([]),
  pluggable: z.literal(true).optional().describe("All its devices can be unplugged and plugged in again"),
  iommu: IOMMU_NAME.optional().describe(
    "Which of the IOMMUs under iommus it is behind; left out, the machine's own",
  ),
}).describe("What the group must be like");

const CONDITIONS = z.strictObject({
  iommu: z.array(z.enum(["intel", "amd", "virtio", "smmuv3"])).optional(),
  "interrupts-isolated": z.boolean().optional(),
  "address-bits": z.bigint().optional().describe("Width of the aperture"),
  bounded: z.boolean().optional().describe("Whether the aperture ends below 2^64"),
  "only-msi": z.boolean().optional()
    .describe("Whether the machine's groups have the interrupt window as their only region"),
  kernel: z.array(VERSION_BOUND).optional(),
  options: z.array(z.string().regex(/^CONFIG_[A-Z0-9_]+$/, "write an option such as CONFIG_BLK_DEV_RAM"))
    .optional().describe("What the kernel must be built with"),
}).describe("Where the scenario makes sense; left out, everywhere");

const TAG = z.string().regex(/^[a-z][a-z0-9-]*$/, "write a tag such as slow");

const FOUND = z.strictObject({
  kernel: z.string(),
  qemu: z.string(),
  machine: z.string(),
  seed: z.bigint().transform(Number).optional().describe("Of explore's sequences"),
  sequence: z.bigint().transform(Number).optional().describe("Which of them it was"),
  "no-deviations": z.literal(true).optional()
    .describe("What the kernel's version is known to do wrong was taken for a divergence"),
}).describe(
  "Where explore or the shell came across it, and replay plays it unless told otherwise; nobody expects anything",
);

/** One document of a scenario file; its steps are checked one by one, see kinds.ts. */
export const SCENARIO_SCHEMA = z.strictObject({
  scenario: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, "write a name such as attach-refused"),
  rule: RULE.describe("What this exercises: §2.2, §4.1 rows 2 and 8, §12 R1b"),
  tags: z.array(TAG).default([]).describe("Words by which --tag chooses"),
  groups: z.record(GROUP, GROUP_NEEDS).default({ A: { devices: "one", reserved: [] } }),
  iommus: z.record(IOMMU_NAME, IOMMU_NEEDS).default({}),
  when: CONDITIONS.default({}),
  "allow-unsafe-interrupts": z.boolean().optional()
    .describe("The module parameter at the start; left out, on where the machine needs it"),
  "list-order": z.enum(["sorted", "as-written"]).default("sorted")
    .describe("Order in which the kernel lists the injected regions; sorted is what its own code does"),
  found: FOUND.optional(),
  leaks: z.boolean().default(false).describe("Leaves a guest behind that nothing else may run in"),
  steps: z.array(z.unknown()).min(1, "write at least one step"),
});

/** What a scenario asks of a group. */
export type GroupNeeds = z.infer<typeof GROUP_NEEDS>;
export type Conditions = z.infer<typeof CONDITIONS>;
/** Where a scenario was found. */
export type Found = z.infer<typeof FOUND>;

export interface Scenario {
  /** `seed/attach-refused`: folder and name. */
  readonly id: string;
  readonly position: Position;
  /** Sections of the specification, as they are written. */
  readonly rule: string;
  readonly references: readonly Reference[];
  readonly rulePosition: Position;
  readonly tags: readonly string[];
  readonly groups: ReadonlyMap<string, GroupNeeds & { readonly position: Position }>;
  readonly iommus: ReadonlyMap<string, IommuNeeds & { readonly position: Position }>;
  readonly when: Conditions;
  readonly allowUnsafeInterrupts: boolean | undefined;
  readonly listOrder: ListOrder;
  readonly leaks: boolean;
  readonly found: Found | undefined;
  readonly steps: readonly Step[];
  /** Modules of guests/ without which it can't be played. */
  readonly modules: readonly GuestModule[];
}

/**
 * Reads the scenarios of a file.
 * @param folder first part of their ids
 * @throws ConfigError that points at the first fault
 */
export async function loadScenarios(file: string, shownAs: string, folder: string): Promise<Scenario[]> {
  return withoutDoubles(
    (await loadYaml(file, shownAs, SCENARIO_SCHEMA)).map((document) => toScenario(document, folder)),
  );
}

/** The same for a text already at hand. */
export const parseScenarios = (text: string, shownAs: string, folder: string): Scenario[] =>
  withoutDoubles(parseYaml(text, shownAs, SCENARIO_SCHEMA).map((document) => toScenario(document, folder)));

/** One that a program has made: what the document would say, addresses as bigint. */
export const scenarioFrom = (written: unknown, shownAs: string, folder: string): Scenario =>
  toScenario(asLoaded(written, shownAs, SCENARIO_SCHEMA), folder);

const ANYTHING = z.unknown();

/** One step of such a scenario. */
export const stepFrom = (written: unknown, shownAs: string): Step =>
  toStep(asLoaded({ steps: [written] }, shownAs, ANYTHING), written, 0, false);

/**
 * The scenarios as they are, of one file or of many.
 * @throws ConfigError at the second of two with the same id
 */
export function withoutDoubles(scenarios: Scenario[]): Scenario[] {
  const first = new Map<string, Position>();
  for (const { id, position } of scenarios) {
    const earlier = first.get(id);
    if (earlier) {
      const where = positionText(earlier);
      throw new ConfigError(
        position,
        `scenario ${id} stands at ${where} already; give this one another name`,
      );
    }
    first.set(id, position);
  }
  return scenarios;
}

function toScenario(document: Loaded<z.infer<typeof SCENARIO_SCHEMA>>, folder: string): Scenario {
  const { value, at } = document;
  const groups = Object.entries(value.groups).map(([name, needs]) =>
    [name, { ...needs, position: at(["groups", name]) }] as const
  );
  const isExpected = value.found === undefined;
  const steps = value.steps.map((written, index) => toStep(document, written, index, isExpected));
  return {
    id: `${folder}/${value.scenario}`,
    position: at(["scenario"]),
    rule: value.rule.text,
    references: value.rule.references,
    rulePosition: at(["rule"]),
    tags: value.tags,
    groups: new Map(groups),
    iommus: iommusOf(document),
    when: value.when,
    allowUnsafeInterrupts: value["allow-unsafe-interrupts"],
    listOrder: value["list-order"],
    leaks: value.leaks,
    found: value.found,
    steps,
    modules: modulesFor(value, steps),
  };
}

/** @throws ConfigError for an IOMMU that isn't described, and for one with no group behind it */
function iommusOf({ value, at }: Loaded<z.infer<typeof SCENARIO_SCHEMA>>): Scenario["iommus"] {
  const used = new Set<string>();
  for (const [name, { iommu }] of Object.entries(value.groups)) {
    if (iommu === undefined) continue;
    used.add(iommu);
    if (Object.hasOwn(value.iommus, iommu)) continue;
    throw new ConfigError(
      at(["groups", name, "iommu"]),
      `no IOMMU is called ${iommu}; describe it under iommus`,
    );
  }
  const described = Object.entries(value.iommus).map(([name, needs]) => {
    const position = at(["iommus", name]);
    if (!used.has(name)) {
      throw new ConfigError(position, `no group is behind IOMMU ${name}; write iommu: ${name} in one`);
    }
    return [name, { ...needs, position }] as const;
  });
  return new Map(described);
}

/** Regions that are added, and their order, are one's work, IOMMUs another's; steps may need either. */
function modulesFor(
  { groups, iommus, "list-order": order }: z.infer<typeof SCENARIO_SCHEMA>,
  steps: readonly Step[],
): GuestModule[] {
  const modules = new Set(steps.flatMap(({ module }) => module ?? []));
  const isInjected = Object.values(groups).some(({ reserved }) => reserved.length > 0);
  if (isInjected || order === "as-written") modules.add("resvinj");
  if (Object.keys(iommus).length > 0) modules.add("twodom");
  return [...modules];
}

/** @param isExpected whether a step about which nothing is said is expected to succeed */
function toStep(document: Loaded<unknown>, written: unknown, index: number, isExpected: boolean): Step {
  const path = ["steps", index];
  const position = document.at(path);
  const fields: Record<string, unknown> = typeof written === "string"
    ? { [written]: null }
    : Array.isArray(written)
    ? {}
    : { ...written as object };
  const names = Object.keys(fields).filter((key) => !(key in EXPECTATION_SHAPE));
  const name = names[0];
  const kind = name !== undefined && Object.hasOwn(STEP_KINDS, name) ? STEP_KINDS[name] : undefined;
  if (name === undefined || !kind) {
    const known = Object.keys(STEP_KINDS).join(", ");
    const fault = name === undefined ? "this step doesn't say what to do" : `no step is called ${name}`;
    throw new ConfigError(position, `${fault}; there are ${known}`);
  }
  if (names.length > 1) {
    throw new ConfigError(
      document.at([...path, names[1] ?? ""]),
      `a step does one thing; ${names[1]} is a second`,
    );
  }
  const args = typeof written === "string"
    ? parseBare(kind.schema, name, position)
    : document.parse(kind.schema, [...path, name]);
  const { expect = isExpected ? undefined : "any", returns, holes, in: process } = fields;
  if (holes !== undefined && containerOf(fields[name]) !== DEFAULT_CONTAINER) {
    throw new ConfigError(document.at([...path, "holes"]), `holes are those of ${DEFAULT_CONTAINER} only`);
  }
  const expectation = parseExpectation(document, path, { expect, returns, holes, in: process });
  const unfold = kind.bind(args);
  return {
    text: stepText(name, fields[name]),
    position,
    expect: expectation,
    module: kind.module,
    unfold: expectation.in === undefined ? unfold : doneBy(expectation.in, unfold),
  };
}

function parseBare(schema: z.ZodType, name: string, position: Position): unknown {
  const checked = schema.safeParse(null);
  if (checked.success) return checked.data;
  throw new ConfigError(position, `${name} needs to be told what; write ${name}: and its arguments`);
}

const EXPECTATION = z.strictObject(EXPECTATION_SHAPE);

function parseExpectation(
  document: Loaded<unknown>,
  path: readonly PropertyKey[],
  written: Record<string, unknown>,
): Expectation {
  const entries = Object.entries(written).filter(([, value]) => value !== undefined).map(([key, value]) => [
    key,
    key === "expect" && value === "any"
      ? value
      : document.parse(EXPECTATION_SHAPE[key as keyof typeof EXPECTATION_SHAPE] as z.ZodType, [...path, key]),
  ]);
  return EXPECTATION.parse(Object.fromEntries(entries));
}

/** The container that a step's arguments name. */
function containerOf(args: unknown): string {
  const named = typeof args === "object" && args !== null && "container" in args ? args.container : args;
  return CONTAINER.safeParse(named).data ?? DEFAULT_CONTAINER;
}

/** The step on one line, nearly as the file has it. */
const stepText = (name: string, args: unknown): string => argsText(name, args).replace(/\s+/g, " ");

function argsText(name: string, args: unknown): string {
  if (args === null || args === undefined) return name;
  if (typeof args !== "object") return `${name}: ${args}`;
  return `${name}: {${
    Object.entries(args).map(([key, value]) => `${key}: ${writtenText(value)}`).join(", ")
  }}`;
}

const writtenText = (value: unknown): string =>
  typeof value === "bigint" && value >= 0n ? hex(value) : String(value);
