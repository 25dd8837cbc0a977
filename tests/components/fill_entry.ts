// Fills a cache entry as a program of its own: fill_entry.ts CACHE LABEL HOLD_MS
// Tells "filling" when it began and "filled FOLDER" at the end. HOLD_MS "forever" never finishes.
import { join } from "node:path";
import { ensureEntry } from "../../harness/components/cache.ts";

const [cacheDir, label, hold] = Deno.args as [string, string, string];
const tell = (text: string) => Deno.stdout.write(new TextEncoder().encode(`${text}\n`));

const entry = await ensureEntry(
  { cacheDir, progress: (message) => void tell(message) },
  {
    kind: "probe",
    label,
    inputs: { label },
    packages: [],
    async fill(directory) {
      await Deno.writeTextFile(join(directory, "one"), "first half");
      await tell("filling");
      await new Promise((resolve) => setTimeout(resolve, hold === "forever" ? 2 ** 30 : Number(hold)));
      await Deno.writeTextFile(join(directory, "two"), "second half");
      return { data: Deno.pid, required: ["one", "two"] };
    },
  },
);
await tell(`filled ${entry.directory} by ${entry.component.data}`);
