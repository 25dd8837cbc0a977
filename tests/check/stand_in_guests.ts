/** A cell whose guests behave as they are told to, with a program in QEMU's place. */
import { commandOf } from "../../harness/scenario/action.ts";
import { resolve } from "node:path";
import type { CellPlan } from "../../harness/check/cell_plan.ts";
import { targetOf } from "../../harness/check/preparation.ts";
import { worldScenario } from "../../harness/check/world_check.ts";
import { CannotTestError } from "../../harness/errors.ts";
import type { QemuPlan } from "../../harness/guest/qemu_process.ts";
import type { Scenario } from "../../harness/scenario/scenario.ts";
import { INJECTION_FAULTS } from "../../harness/scenario/steps/injection.ts";
import type { Behaviour } from "../guest/stand_in_qemu.ts";
import { machineWith, version } from "../machine/machines.ts";
import { replyText } from "./stand_in.ts";
import { INTEL, prepared } from "./target.ts";

const STAND_IN = resolve(import.meta.dirname ?? ".", "../guest/stand_in_qemu.ts");
const PANIC = Deno.readTextFileSync(resolve(import.meta.dirname ?? ".", "../recorded/console/panic.log"));
const GREETING = "ok protocol=1 release=6.12.117-amd64 version=%23Debian%206.12.117-1 modules-failed=-";
const WARNING = "<4>[1.000000] WARNING: CPU: 0 PID: 1 at drivers/vfio/vfio_iommu_type1.c:1 vfio_f+0x1/0x2";
/** No guest here is asked any one thing more often. */
const OFTEN = 20;

/** What its guests seem to be. */
export const PLATFORM = {
  machine: machineWith(INTEL),
  kernelVersion: version("6.12.117"),
  kernelOptions: new Set<string>(),
  qemuVersion: version("10.0.13"),
};

/** What a guest does with every scenario; or it doesn't even boot. */
export type Conduct =
  | "match"
  | "mismatch"
  | "crash"
  | "harness-fault"
  | "no-boot"
  /** Memory stays locked by what it plays first. */
  | "leak"
  /** Its kernel's log, when it has played something, is longer than one reply. */
  | "long-log"
  /** The same, and what one reply has of it is a warning. */
  | "long-complaint";

/** A guest: its conduct, and the scenarios that it is going to be asked for. */
export type StandInGuest = readonly [conduct: Conduct, ...plays: Scenario[]];

/**
 * A cell that gets these guests, in this order, and fails when it wants more.
 * @param booting called before each of them, with its number, from 1
 */
export function cellWith(
  guests: readonly StandInGuest[],
  rest: Pick<CellPlan, "scenarios" | "retries" | "artifactsDir">,
  booting: (guest: number) => void = () => {},
): CellPlan {
  let booted = 0;
  return {
    ...PLATFORM,
    ...rest,
    id: "cell",
    kernelSpec: "debian:6.12.117",
    qemuSpec: "debian:10.0.13",
    limits: { bootTimeoutMs: 20_000, replyTimeoutMs: 10_000 },
    guestPlan: async (artifactsDir) => {
      const guest = guests[booted++];
      if (!guest) throw new Error(`nobody expects guest ${booted}`);
      booting(booted);
      if (guest[0] === "no-boot") throw new CannotTestError("no such guest");
      return qemuPlan(artifactsDir, behaviour(guest, booted === 1));
    },
    again: (scenario) => `again ${scenario}`,
    replay: () => "",
    explore: () => "",
  };
}

function qemuPlan(artifactsDir: string, behaviour: Behaviour): QemuPlan {
  const deno = [Deno.execPath(), "run", "--no-prompt", "--allow-read", "--allow-write", "--allow-net"];
  return {
    command: [...deno, STAND_IN, JSON.stringify(behaviour)],
    env: {},
    arch: "amd64",
    accelerator: "tcg",
    machineArgs: [],
    kernelImage: "vmlinuz",
    kernelParameters: [],
    initramfs: "initramfs.cpio",
    artifactsDir,
  };
}

/** The first guest of a cell is asked about its world before anything else. */
function behaviour([conduct, ...plays]: StandInGuest, isFirst: boolean): Behaviour {
  const { groups } = targetOf(PLATFORM);
  const replies: (readonly [command: string, reply: string])[] = [
    ...groups.flatMap(({ devices }, group) =>
      devices.map((device): [string, string] => [`bind ${device}`, `ok group=${group}`])
    ),
    ["groups", `ok ${groups.map(({ devices }, group) => `${group}=${devices.join(",")}`).join(" ")}`],
    ...(isFirst ? repliesTo(worldScenario(groups)) : []),
    ...plays.flatMap((scenario) => repliesTo(scenario, conduct === "mismatch")),
  ];
  const resetsBefore = isFirst ? 2 : 1;
  if (conduct === "long-log" || conduct === "long-complaint") {
    const line = conduct === "long-log" ? "-" : encodeURIComponent(WARNING);
    replies.push(...Array.from({ length: resetsBefore }, () => ["klog", "ok lines=-"] as const));
    replies.push(["klog", `ok lines=${line} more=1`]);
  }
  for (let times = 0; times < OFTEN; times++) {
    const leaked = conduct === "leak" && times >= resetsBefore ? 1 : 0;
    replies.push(["reset", `ok vmlck=0x${leaked} taint=0x0`]);
    for (const command of INJECTION_FAULTS) replies.push([command, "ok value=0"]);
  }
  const perCommand = Map.groupBy(replies, ([command]) => command);
  const command = `say ${plays[0]?.id}`;
  return {
    greeting: GREETING,
    replies: Object.fromEntries(
      [...perCommand].map(([command, pairs]) => [command, pairs.map(([, reply]) => reply)]),
    ),
    ...(conduct === "crash" ? { stopsAt: { command, exitCode: 0 }, console: PANIC } : {}),
    ...(conduct === "harness-fault" ? { stopsAt: { command, exitCode: 7 } } : {}),
  };
}

/** The right replies to what a scenario asks for, or wrong ones to its steps. */
function repliesTo(scenario: Scenario, isWrong = false): [command: string, reply: string][] {
  const target = targetOf(PLATFORM);
  const { prediction, assignment: { world } } = prepared(scenario, target);
  const device = (name: string) => world.get(name)?.devices[0] ?? "";
  const groupNumber = (name: string) =>
    target.groups.findIndex(({ devices }) => devices.includes(device(name)));
  return prediction.actions.map(({ action, stepIndex, right }) => [
    commandOf(action, { device, groupNumber }),
    isWrong && stepIndex !== undefined ? "err EXDEV" : replyText(right),
  ]);
}
