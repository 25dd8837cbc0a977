import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { join } from "node:path";

/** SHA-256 of a text or bytes, hexadecimal. */
export function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** SHA-256 of a file, hexadecimal, read in pieces. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path)) hash.update(piece as Uint8Array);
  return hash.digest("hex");
}

/** SHA-256 of the C sources and make files below a folder, by path relative to it: what a build depends on. */
export async function sourceDigests(directory: string): Promise<Record<string, string>> {
  const digests: Record<string, string> = {};
  for (const path of (await filesBelow(directory)).filter((path) => sourceName.test(path)).sort()) {
    digests[path] = sha256(await Deno.readFile(join(directory, path)));
  }
  return digests;
}

const sourceName = /(?:\.[chS]|(?:^|\/)(?:Kbuild|Makefile))$/;

/** Paths of all files below a folder, relative to it, in no particular order. */
export async function filesBelow(directory: string, prefix = ""): Promise<string[]> {
  const paths: string[] = [];
  for await (const entry of Deno.readDir(join(directory, prefix))) {
    const path = join(prefix, entry.name);
    if (entry.isDirectory) paths.push(...await filesBelow(directory, path));
    else paths.push(path);
  }
  return paths;
}
