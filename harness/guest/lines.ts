/**
 * Complete lines of what the other side sends, until it closes the connection or is killed; a last line
 * without a newline is lost with its writer.
 */
export async function* linesOf(conn: Deno.Conn): AsyncGenerator<string> {
  const bytes = conn.readable as ReadableStream<Uint8Array<ArrayBuffer>>;
  let rest = "";
  try {
    for await (const text of bytes.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + text).split("\n");
      rest = parts.pop() ?? "";
      yield* parts;
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
  }
}

/** Writes all of the bytes, in as many pieces as the other side takes. */
export async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) written += await conn.write(bytes.subarray(written));
}
