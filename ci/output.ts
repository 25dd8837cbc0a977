/** Lines for programs. */
export function print(...lines: string[]): void {
  writeLines(Deno.stdout, lines);
}

/** Lines for people. */
export function tell(...lines: string[]): void {
  writeLines(Deno.stderr, lines);
}

function writeLines(stream: { writeSync(bytes: Uint8Array): number }, lines: readonly string[]): void {
  const bytes = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));
  for (let written = 0; written < bytes.length;) written += stream.writeSync(bytes.subarray(written));
}
