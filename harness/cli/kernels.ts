import process from "node:process";
import { type Command, InvalidArgumentError } from "commander";
import { type Architecture, architectures, hostArchitecture } from "../components/architecture.ts";
import { listKernels } from "../components/kernel.ts";
import { isInSeries } from "../components/version.ts";
import { CannotTestError } from "../errors.ts";
import { componentContext, megabytes, table } from "./component_context.ts";

/** `iovacheck kernels [SERIES]` */
export function register(program: Command): void {
  program.command("kernels")
    .description("list the packaged kernels that can be tested")
    .argument("[series]", "only this series, such as 6.12", series)
    .option("--cloud", "the cloud flavour instead of the standard one")
    .option("--arch <name>", architectures.join(" or "), architecture, hostArchitecture)
    .action(async (series: string | undefined, { cloud, arch }: { cloud?: true; arch: Architecture }) => {
      process.stdout.write(await kernelTable(series, arch, cloud ? "cloud" : "standard"));
    });
}

function series(text: string): string {
  if (/^\d+(\.\d+)*$/.test(text)) return text;
  throw new InvalidArgumentError("write a series such as 6.12");
}

function architecture(text: string): Architecture {
  const arch = architectures.find((known) => known === text);
  if (arch !== undefined) return arch;
  throw new InvalidArgumentError(`write ${architectures.join(" or ")}`);
}

async function kernelTable(
  series: string | undefined,
  arch: Architecture,
  flavour: string,
): Promise<string> {
  const kernels = (await listKernels(componentContext(), series, arch)).filter((kernel) =>
    kernel.flavour === flavour && (series === undefined || isInSeries(kernel.version, series))
  );
  if (kernels.length === 0) {
    throw new CannotTestError(`no ${flavour} ${arch} kernel of series ${series} in the archive`);
  }
  const rows = kernels.map(({ spec, release, image, parts, isCached }) => [
    spec,
    release,
    image.version,
    image.suite,
    megabytes(parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)),
    isCached ? "cached" : "",
  ]);
  return table([["SPEC", "RELEASE", "PACKAGE", "SUITE", "DOWNLOAD", ""], ...rows], [4]);
}
