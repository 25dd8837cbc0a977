/** Choosing the accelerator: KVM only where a guest has really booted with it. */
import { join } from "node:path";
import { CannotTestError } from "../errors.ts";
import { Guest } from "./guest.ts";
import { GuestLost } from "./guest_lost.ts";
import type { Accelerator, QemuPlan } from "./qemu_process.ts";

export type WantedAccelerator = Accelerator | "auto";

/** What was chosen, and why, for the user to read. */
export interface Choice {
  readonly accelerator: Accelerator;
  readonly reason: string;
}

/** What earlier trials found, good for one boot of the host. */
interface Trials {
  /** When the host was booted, by its clock. */
  readonly hostBootMs: number;
  /** By QEMU, the last one tried last: why no guest booted, null if one did. */
  readonly failures: Readonly<Record<string, string | null>>;
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
  const { failures: { [qemu]: known, ...others } } = await readTrials(cacheDir);
  const failure = known !== undefined ? known : await failureOf(await kvmPlan());
  await writeTrials(cacheDir, { hostBootMs: hostBootMs(), failures: { ...others, [qemu]: failure } });
  return choiceBy(failure);
}

/** What the last trial of KVM found since the host was booted; undefined when there was none. */
export async function lastKvmOutcome(cacheDir: string): Promise<Choice | undefined> {
  const failure = Object.values((await readTrials(cacheDir)).failures).at(-1);
  return failure === undefined ? undefined : choiceBy(failure);
}

const choiceBy = (failure: string | null): Choice =>
  failure === null
    ? { accelerator: "kvm", reason: "a guest booted with it" }
    : { accelerator: "tcg", reason: `no guest booted with KVM: ${failure}` };

const hostBootMs = (): number => Date.now() - Deno.osUptime() * 1000;

const trialsFile = (cacheDir: string): string => join(cacheDir, "kvm-trials.json");

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

/** The trials since the host was booted. */
async function readTrials(cacheDir: string): Promise<Trials> {
  const none = { hostBootMs: hostBootMs(), failures: {} };
  try {
    const trials = JSON.parse(await Deno.readTextFile(trialsFile(cacheDir))) as Trials;
    return Math.abs(trials.hostBootMs - none.hostBootMs) < CLOCK_TOLERANCE_MS ? trials : none;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return none;
    throw error;
  }
}

async function writeTrials(cacheDir: string, trials: Trials): Promise<void> {
  const draft = `${trialsFile(cacheDir)}.${Deno.pid}`;
  await Deno.writeTextFile(draft, JSON.stringify(trials));
  await Deno.rename(draft, trialsFile(cacheDir));
}
