import process from "node:process";
import type { Command } from "commander";
import { clearCache, diskBytes, listEntries } from "../components/cache.ts";
import { componentContext, megabytes, table } from "./component_context.ts";

/** `iovacheck cache` and `iovacheck cache clear` */
export function register(program: Command): void {
  const command = program.command("cache")
    .description("list what the cache holds")
    .action(async () => void process.stdout.write(await cacheTable(componentContext().cacheDir)));
  command.command("clear")
    .description("remove everything in the cache")
    .action(async () => {
      const { cacheDir } = componentContext();
      const bytes = await diskBytes(cacheDir);
      await clearCache(cacheDir);
      process.stdout.write(`removed ${megabytes(bytes)} from ${cacheDir}\n`);
    });
}

async function cacheTable(cacheDir: string): Promise<string> {
  const entries = await listEntries(cacheDir);
  const rows = entries.map((
    { id, sizeBytes, component },
  ) => [id, component.created.slice(0, 10), megabytes(sizeBytes)]);
  const total = `${cacheDir}: ${entries.length} components, ${
    megabytes(await diskBytes(cacheDir))
  } with package lists\n`;
  return rows.length === 0 ? total : table([["COMPONENT", "CREATED", "SIZE"], ...rows], [2]) + total;
}
