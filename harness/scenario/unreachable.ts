/** Rules that no scenario can exercise, each with the reason. */
import * as z from "zod";
import { type Loaded, loadYaml, parseYaml, type Position } from "../config.ts";
import { type Reference, RULE } from "./rule.ts";

/** One document of the file. */
export const UNREACHABLE_SCHEMA = z.strictObject({
  unreachable: RULE.describe("What can't be exercised: §2.1 row 4, §12 R10"),
  reason: z.string().regex(/\S/, "say why a guest with a stock kernel can't get there"),
});

export interface Unreachable {
  readonly references: readonly Reference[];
  readonly reason: string;
  readonly position: Position;
}

/**
 * Reads what is unreachable from a file.
 * @throws ConfigError that points at the first fault
 */
export async function loadUnreachable(file: string, shownAs: string): Promise<Unreachable[]> {
  return (await loadYaml(file, shownAs, UNREACHABLE_SCHEMA)).map(toUnreachable);
}

/** The same for a text already at hand. */
export const parseUnreachable = (text: string, shownAs: string): Unreachable[] =>
  parseYaml(text, shownAs, UNREACHABLE_SCHEMA).map(toUnreachable);

const toUnreachable = ({ value, at }: Loaded<z.infer<typeof UNREACHABLE_SCHEMA>>): Unreachable => ({
  references: value.unreachable.references,
  reason: value.reason.trim().replace(/\s+/g, " "),
  position: at(["unreachable"]),
});
