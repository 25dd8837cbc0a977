/** Two ends of a real unix socket. */
import { join } from "node:path";

export interface SocketPair extends Disposable {
  /** The end of the code under test. */
  readonly near: Deno.Conn;
  /** Sends text from the far end. */
  send(text: string | Uint8Array): Promise<void>;
  /** Ends the connection from the far end. */
  close(): void;
  /** What has been sent to the far end, up to this many lines. */
  received(lines: number): Promise<string[]>;
}

/** A pair; disposing of it closes the far end, which is how the other side goes away. */
export async function socketPair(): Promise<SocketPair> {
  // Not a test's own folder: paths of sockets must be short.
  const dir = await Deno.makeTempDir();
  const path = join(dir, "s");
  using listener = Deno.listen({ transport: "unix", path });
  const [near, far] = await Promise.all([Deno.connect({ transport: "unix", path }), listener.accept()]);
  await Deno.remove(dir, { recursive: true });
  let isOpen = true;
  let rest = "";
  return {
    near,

    async send(text) {
      const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
      for (let sent = 0; sent < bytes.length;) sent += await far.write(bytes.subarray(sent));
    },
    async received(lines) {
      const buffer = new Uint8Array(65536);
      while (rest.split("\n").length <= lines) {
        const count = await far.read(buffer);
        if (count === null) break;
        rest += new TextDecoder().decode(buffer.subarray(0, count));
      }
      const parts = rest.split("\n");
      rest = parts.slice(lines).join("\n");
      return parts.slice(0, lines);
    },
    close,
    [Symbol.dispose]: close,
  };

  function close(): void {
    if (isOpen) far.close();
    isOpen = false;
  }
}
