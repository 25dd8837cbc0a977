/** Colours for what is printed on a terminal. */
import { styleText } from "node:util";

/** What a piece of text is: told by its colour to whoever sees colours, and by its words to everyone. */
export type Tone = "heading" | "different" | "known" | "faint";
export type Paint = (tone: Tone, text: string) => string;

const STYLES = { heading: "bold", different: ["red", "bold"], known: "yellow", faint: "gray" } as const;

export const inColour: Paint = (tone, text) =>
  styleText(STYLES[tone] as Parameters<typeof styleText>[0], text, { validateStream: false });

export const plain: Paint = (_, text) => text;
