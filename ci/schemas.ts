/** Writes configs/schema/*.json, with which editors complete and check the YAML files. */
import { join, resolve } from "node:path";
import * as z from "zod";
import { MACHINE_SCHEMA } from "../harness/machine/machine.ts";
import { MATRIX_SCHEMA } from "../harness/matrix/matrix_file.ts";
import { EXPECTATION_SHAPE } from "../harness/scenario/expectation.ts";
import { STEP_KINDS } from "../harness/scenario/kinds.ts";
import { SCENARIO_SCHEMA } from "../harness/scenario/scenario.ts";
import { SUITE_SCHEMA } from "../harness/scenario/suite.ts";
import { UNREACHABLE_SCHEMA } from "../harness/scenario/unreachable.ts";

const FOLDER = resolve(import.meta.dirname ?? ".", "../configs/schema");

/** A step has one key that says what it does and any of those that say what to expect. */
const stepSchema = () =>
  z.union([
    z.enum(Object.keys(STEP_KINDS) as [string, ...string[]]),
    ...Object.entries(STEP_KINDS).map(([name, { schema }]) =>
      z.strictObject({ [name]: schema, ...EXPECTATION_SHAPE })
    ),
  ]);

/** Every schema by the name of its file. */
export function schemas(): Record<string, string> {
  const scenario = SCENARIO_SCHEMA.extend({ steps: z.array(stepSchema()).min(1) });
  return {
    "machine.json": text(MACHINE_SCHEMA),
    "matrix.json": text(MATRIX_SCHEMA),
    "scenario.json": text(scenario),
    "suite.json": text(SUITE_SCHEMA),
    "unreachable.json": text(UNREACHABLE_SCHEMA),
  };
}

const text = (schema: z.ZodType): string =>
  JSON.stringify(
    z.toJSONSchema(schema, {
      io: "input",
      target: "draft-7",
      unrepresentable: "any",
      override: ({ zodSchema, jsonSchema }) => {
        if (zodSchema._zod.def.type === "bigint") jsonSchema.type = "integer";
      },
    }),
    null,
    2,
  ) + "\n";

if (import.meta.main) {
  for (const [name, content] of Object.entries(schemas())) {
    await Deno.writeTextFile(join(FOLDER, name), content);
  }
}
