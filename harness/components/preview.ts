/** What specs mean, as far as that can be told without fetching what they name. */
import { listKernels, resolveKernel } from "./kernel.ts";
import { chooseKernel, kernelSpec } from "./kernel_choice.ts";
import { chooseQemu, listQemus, qemuKey, resolveQemu } from "./qemu.ts";
import { recall } from "./resolutions.ts";
import { parseKernelSpec, parseQemuSpec } from "./spec.ts";
import type { Architecture } from "./architecture.ts";
import type { Context, Kernel, QemuBuild } from "./types.ts";
import { upstreamVersion } from "./version.ts";

/** A kernel that may still have to be fetched. */
export type KernelPreview = Kernel | Pick<Kernel, "spec" | "version" | "arch"> & { readonly config?: never };

/** A QEMU that may still have to be fetched. */
export type QemuPreview = Pick<QemuBuild, "spec" | "version">;

/**
 * The kernel that {@linkcode resolveKernel} would give. Only package lists are fetched, and those only for a
 * series whose newest version isn't known from the last hours.
 *
 * @throws {UsageError} malformed spec
 * @throws {ComponentError} no such kernel, or the lists can't be had
 */
export async function previewKernel(spec: string, context: Context): Promise<KernelPreview> {
  const wish = parseKernelSpec(spec);
  if (wish.kind !== "debian" || await isAtHand("kernel", spec, context)) {
    return await resolveKernel(spec, context);
  }
  const kernels = await listKernels(context, wish.wanted, wish.arch);
  const choice = chooseKernel(spec, wish, kernels);
  const canonical = kernelSpec(choice, kernels);
  if (await isAtHand("kernel", canonical, context)) return await resolveKernel(canonical, context);
  return { spec: canonical, version: choice.version, arch: choice.arch };
}

/**
 * The QEMU that {@linkcode resolveQemu} would give, under the same conditions.
 *
 * @throws {UsageError} malformed spec
 * @throws {ComponentError} no such QEMU, or the lists can't be had
 */
export async function previewQemu(spec: string, arch: Architecture, context: Context): Promise<QemuPreview> {
  const wish = parseQemuSpec(spec);
  if (wish.kind !== "debian" || await isAtHand("qemu", qemuKey(spec, arch), context)) {
    return await resolveQemu(spec, arch, context);
  }
  const version = upstreamVersion(chooseQemu(spec, wish.wanted, await listQemus(context, arch)).version);
  return { spec: `debian:${version}`, version };
}

/** Whether the cache has it, and it is sure that the spec still means it. */
async function isAtHand(kind: "kernel" | "qemu", spec: string, context: Context): Promise<boolean> {
  const known = await recall(context, kind, spec);
  return known !== undefined && (known.isFresh || known.spec === spec);
}
