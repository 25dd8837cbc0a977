/** The kernel's command line: what makes a guest boot fast and talkative without touching what is tested. */
import type { Architecture } from "../components/types.ts";
import type { Accelerator } from "./qemu_process.ts";

/** Start-up code that costs time under emulation and has no bearing on VFIO or the IOMMU. */
const NEEDLESS_INITCALLS = [
  "load_system_certificate_list",
  "bpf_tcp_ca_kfunc_init",
  "bpf_dummy_struct_ops_init",
  "jent_mod_init",
  "crypto_kdf108_init",
  "init_encrypted",
  "init_zswap",
];

/** The serial port of each board, where the kernel log goes. */
const CONSOLE: Readonly<Record<Architecture, string>> = { amd64: "ttyS0", arm64: "ttyAMA0" };

/** Delays come out a little long or short; nothing here measures them. */
const EMULATED_TIMING: Readonly<Record<Architecture, readonly string[]>> = {
  amd64: ["noreplace-smp", "nolapic_timer", "lpj=2600000"],
  arm64: [],
};

/** Protections of the kernel against others and itself: none is what is tested, each costs boot time. */
const NEEDLESS_PROTECTIONS = ["mitigations=off", "rodata=off"];

/** A kernel that hangs says where, before the harness has lost its patience (20 s unless the user says otherwise). */
const STALL_REPORTS = [
  // A soft lockup after twice as many seconds.
  "watchdog_thresh=4",
  "rcupdate.rcu_cpu_stall_timeout=8",
  "sysctl.kernel.hung_task_timeout_secs=5",
];

/**
 * Warnings and worse go to the console. A panic or an oops ends the guest at once, so that nobody waits.
 * `no_timer_check`: on a busy host the check of the timer behind interrupt remapping fails now and then.
 */
export const bootParameters = (arch: Architecture, accelerator: Accelerator): string[] => [
  `console=${CONSOLE[arch]}`,
  "loglevel=5",
  "panic=-1",
  "oops=panic",
  ...(arch === "amd64" ? ["no_timer_check"] : []),
  "cryptomgr.notests",
  ...STALL_REPORTS,
  ...NEEDLESS_PROTECTIONS,
  `initcall_blacklist=${NEEDLESS_INITCALLS.join(",")}`,
  ...(accelerator === "tcg" ? EMULATED_TIMING[arch] : []),
];
