/** The fields of one package in an index, `Package`, `Version`, `Depends` and so on. */
export type Stanza = ReadonlyMap<string, string>;

/** Reads Debian control stanzas, which blank lines separate. Continuation lines are joined by a newline. */
export function parseStanzas(text: string): Stanza[] {
  return text.split(/\n(?:[ \t]*\n)+/).filter((part) => part.trim() !== "").map(parseStanza);
}

function parseStanza(text: string): Stanza {
  const fields = new Map<string, string>();
  for (const field of text.trim().split(/\n(?![ \t])/)) {
    const colon = field.indexOf(":");
    if (colon > 0) fields.set(field.slice(0, colon), field.slice(colon + 1).trim());
  }
  return fields;
}

/** Names of the packages in a `Depends` field; of alternatives, all. */
export function dependencyNames(depends: string): string[] {
  return depends.split(/[,|]/).map((part) => part.trim().replace(/[ (:].*$/s, "")).filter((name) =>
    name !== ""
  );
}
