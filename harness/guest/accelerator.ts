/** Choosing the accelerator: KVM only where a guest has really booted with it. */
import { join } from "node:path";
import { CannotTestError } from "../errors.ts";
import { Guest, GuestLost } from "./guest.ts";
import type { Accelerator, QemuPlan } from "./qemu_process.ts";

export type WantedAccelerator = Accelerator | "auto";

/** What was chosen, and why, for the user to read. */
export interface Choice {
  readonly accelerator: Accelerator;
  readonly reason: string;
}

/** What an earlier proof found, good for one boot of the host and one QEMU. */
interface Proof {
  /** When the host was booted, by its clock. */
  readonly hostBootMs: number;
  readonly qemu: string;
  readonly failure: string | null;
}

/** A guest on real hardware boots in a second or two; one that stalls would never. */
const KVM_BOOT_TIMEOUT_MS = 6_000;

/** Clocks are set while a host runs; boots are further apart than this. */
const CLOCK_TOLERANCE_MS = 10_000;

/**
 * KVM can be there, answer every question and still not run a guest; only booting one tells. The outcome is
 * remembered until the host is rebooted.
 *
 * @param qemu spec of the QEMU that will be used
 * @param kvmPlan lays out the guest to try KVM with, where it must be tried
 */
export async function chooseAccelerator(
  wanted: WantedAccelerator,
  qemu: string,
  cacheDir: string,
  kvmPlan: () => Promise<QemuPlan>,
): Promise<Choice> {
  if (wanted !== "auto") return { accelerator: wanted, reason: "as asked" };
  const earlier = await readProof(cacheDir);
  if (earlier?.qemu === qemu) return choiceBy(earlier);
  const proof = { hostBootMs: hostBootMs(), qemu, failure: await failureOf(await kvmPlan()) };
  await writeProof(cacheDir, proof);
  return choiceBy(proof);
}

/** What the last trial of KVM found since the host was booted; undefined when there was none. */
export async function lastKvmOutcome(cacheDir: string): Promise<Choice | undefined> {
  const proof = await readProof(cacheDir);
  return proof && choiceBy(proof);
}

const choiceBy = ({ failure }: Proof): Choice =>
  failure === null
    ? { accelerator: "kvm", reason: "a guest booted with it" }
    : { accelerator: "tcg", reason: `no guest booted with KVM: ${failure}` };

const hostBootMs = (): number => Date.now() - Deno.osUptime() * 1000;

const proofFile = (cacheDir: string): string => join(cacheDir, "kvm-proof.json");

/** Why a guest doesn't boot with KVM; null when it does. */
async function failureOf(plan: QemuPlan): Promise<string | null> {
  try {
    await using _guest = await Guest.boot(plan, {
      bootTimeoutMs: KVM_BOOT_TIMEOUT_MS,
      replyTimeoutMs: 1_000,
    });
    return null;
  } catch (error) {
    if (!(error instanceof GuestLost || error instanceof CannotTestError)) throw error;
    return error.message.split("\n")[0] ?? "";
  }
}

/** The last proof, if it is of this boot of the host. */
async function readProof(cacheDir: string): Promise<Proof | undefined> {
  try {
    const proof = JSON.parse(await Deno.readTextFile(proofFile(cacheDir))) as Proof;
    return Math.abs(proof.hostBootMs - hostBootMs()) < CLOCK_TOLERANCE_MS ? proof : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function writeProof(cacheDir: string, proof: Proof): Promise<void> {
  const draft = `${proofFile(cacheDir)}.${Deno.pid}`;
  await Deno.writeTextFile(draft, JSON.stringify(proof));
  await Deno.rename(draft, proofFile(cacheDir));
}
