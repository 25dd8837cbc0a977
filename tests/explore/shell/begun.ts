/** Sessions on a guest that is made of the model. */
import { openingOf, type WrittenScenario } from "../../../harness/explore/shell/opening.ts";
import { readStep } from "../../../harness/explore/shell/input.ts";
import { plain } from "../../../harness/explore/shell/paint.ts";
import { Session, type StepReport } from "../../../harness/explore/shell/session.ts";
import { Shell } from "../../../harness/explore/shell/shell.ts";
import { loadSpecification } from "../../../harness/cli/configs.ts";
import { targetOf } from "../../check/target.ts";
import { type Conduct, StandInGuest } from "./stand_in_guest.ts";

/** Steps that show a known fault in the last of them. */
export const STICKY = ["attach A", "inject B 0x0..0xfff reserved", "attach B", "detach B"];

export async function begun(conduct: Conduct = {}, given?: WrittenScenario, target = targetOf()) {
  const opening = openingOf(given, target);
  const guest = new StandInGuest(target, opening.assignment.world, conduct);
  const { session, report } = await Session.begin(opening, target, guest);
  return { session, report, guest, target, opening };
}

export async function played(session: Session, lines: readonly string[]): Promise<StepReport[]> {
  const reports: StepReport[] = [];
  for (const line of lines) reports.push(await session.play(readStep(line)));
  return reports;
}

/** A shell around such a session, and everything that it prints. */
export async function shellOf(conduct: Conduct = {}, given?: WrittenScenario) {
  const { session, report, guest, target, opening } = await begun(conduct, given);
  const printed: string[] = [];
  const shell = new Shell(session, {
    target,
    paint: plain,
    found: { kernel: "debian:6.12.117", qemu: "debian:10.0.13", machine: "m" },
    specification: await loadSpecification(),
    print: (lines) => void printed.push(...lines),
  });
  await shell.open(report, opening.steps);
  return { shell, session, guest, printed, target };
}
