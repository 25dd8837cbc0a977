/** How a step's arguments are written, as far as its schema tells: for whoever reads or completes a typed line. */
import * as z from "zod";

export interface Shape {
  /** What may stand for all arguments: the group of `attach: A`. */
  readonly alone: readonly z.ZodType[];
  /** What each key takes, under what may be left out. */
  readonly fields: ReadonlyMap<string, z.ZodType>;
}

/** The shape that a schema gives to a step's arguments. */
export function shapeOf(schema: z.ZodType): Shape {
  const alternatives = alternativesOf(schema);
  const objects = alternatives.filter((one) => one instanceof z.ZodObject);
  return {
    alone: alternatives.filter((one) => !(one instanceof z.ZodObject || one instanceof z.ZodNull)),
    fields: new Map(objects.flatMap(({ shape }) => Object.entries(shape) as [string, z.ZodType][])),
  };
}

/** What a schema takes, one kind of writing at a time: without defaults, and before anything is made of it. */
export function alternativesOf(schema: z.ZodType): z.ZodType[] {
  if (schema instanceof z.ZodUnion) return (schema.options as z.ZodType[]).flatMap(alternativesOf);
  if (schema instanceof z.ZodPipe) return alternativesOf(schema.in as z.ZodType);
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) {
    return alternativesOf(schema.unwrap() as z.ZodType);
  }
  return [schema];
}

/** Whether a key takes a list. */
export const isList = (field: z.ZodType): boolean =>
  alternativesOf(field).some((one) => one instanceof z.ZodArray);
