/** Random sequences: scenarios that no file has, as the words that a file would have. */
import { type Scenario, scenarioFrom } from "../scenario/scenario.ts";

/** A step as scenarios write it: `{ map: { iova: 0x1000n, size: 0x1000n }, in: "p1" }`. */
export type WrittenStep = Readonly<Record<string, unknown>>;

/** A group's needs as scenarios write them. */
export interface WrittenGroup {
  readonly is?: string;
  readonly device?: string;
  readonly devices?: "one" | "several";
  readonly reserved?: readonly string[];
  readonly iommu?: string;
}

/** What a sequence begins with, by the keys of scenario files. */
export interface Setting {
  readonly groups: Readonly<Record<string, WrittenGroup>>;
  readonly iommus?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly "allow-unsafe-interrupts"?: boolean;
  readonly "list-order"?: "sorted" | "as-written";
}

export interface Sequence {
  readonly setting: Setting;
  readonly steps: readonly WrittenStep[];
}

/** What every sequence is about: which rules it comes across is left to chance. */
export const RULE = "§1, §2, §3, §4, §5, §6";

/** The sequence as a scenario of that name. */
export const scenarioOf = ({ setting, steps }: Sequence, name: string): Scenario =>
  scenarioFrom({ scenario: name, rule: RULE, ...setting, steps }, name, "explore");

/** Steps of devices that move data, whose faults the kernel logs. */
export const ENGINE_STEPS = ["engine", "dma"] as const;
