/** The shell: what a typed line does, and what is printed for it. */
import { basename } from "node:path";
import { CannotTestError, UsageError } from "../../errors.ts";
import { GuestLost } from "../../guest/guest_lost.ts";
import type { Target } from "../../check/assignment.ts";
import { STEP_KINDS } from "../../scenario/kinds.ts";
import type { Found } from "../../scenario/scenario.ts";
import type { Specification } from "../../scenario/specification.ts";
import { near } from "../../scenario/near.ts";
import { visibleLine } from "../../report/visible.ts";
import type { WrittenStep } from "../sequence.ts";
import { groupsText, stateText } from "./describe.ts";
import { SESSION_MARK, sessionDocument } from "./document.ts";
import type { Names } from "./completion.ts";
import { HELP } from "./help.ts";
import { readStep } from "./input.ts";
import type { Paint } from "./paint.ts";
import { type Departure, isDifferent, NoGuestError, type Session, type StepReport } from "./session.ts";
import { briefText, reportText, troubleText } from "./side_by_side.ts";
import { reasonsText } from "./why.ts";

/** What the shell is told of its surroundings. */
export interface Surroundings {
  readonly target: Target;
  readonly paint: Paint;
  /** What the session is played on. */
  readonly found: Found;
  readonly specification: Specification;
  /** Prints lines. */
  print(lines: readonly string[]): void;
}

type Command = (shell: Shell, argument: string) => Promise<void> | void;

/** A shell around a session. */
export class Shell {
  readonly #session: Session;
  readonly #surroundings: Surroundings;
  #differed = false;
  #hasFailed = false;
  #isOver = false;

  constructor(session: Session, surroundings: Surroundings) {
    this.#session = session;
    this.#surroundings = surroundings;
  }

  /** Whether any answer was neither right nor known of the kernel, or the kernel crashed or hung. */
  get hasDiffered(): boolean {
    return this.#differed;
  }

  /** Whether something else than the kernel failed. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** What can be named right now. */
  get names(): Names {
    const { state, opening: { assignment } } = this.#session;
    const containers = [...state.containers.keys()];
    return {
      groups: [...assignment.world.keys()],
      containers: containers.length > 0 ? containers : ["c0"],
      processes: [...state.processes.keys()].filter((name) => name !== "main"),
      symbols: Object.keys(assignment.symbols),
      commands: Object.keys(COMMANDS),
    };
  }

  /** Shows what preparing the guest came to, if there is something to see, and plays steps. */
  async open(preparation: StepReport, steps: readonly WrittenStep[]): Promise<void> {
    this.#showPreparation(preparation);
    for (const step of steps) {
      if (this.#session.isLost) return;
      await this.#play(step);
    }
  }

  /**
   * Does what a line says.
   * @throws UsageError, in one line, for one that can't be done: then nothing has changed
   */
  async enter(line: string): Promise<void> {
    const text = line.trim();
    if (text === "" || text.startsWith("#")) return;
    const [, dot = "", word = "", argument = ""] = /^(\.?)(\S+)\s*(.*)$/s.exec(text) ?? [];
    const isStep = dot === "" && Object.hasOwn(STEP_KINDS, word) && argument !== "";
    const command = !isStep && Object.hasOwn(COMMANDS, word) ? COMMANDS[word] : undefined;
    if (command) return await command(this, argument);
    if (dot !== "") throw new UsageError(`no command is called .${word}; ${commandMend(word)}`);
    await this.#play(readStep(text));
  }

  /** Says something that no step and no command says. */
  tell(message: string): void {
    this.#print([message]);
  }

  help(): void {
    this.#print(HELP);
  }

  why(): void {
    const last = this.#session.reports.at(-1);
    if (!last) throw new UsageError("nothing was played yet; `why` explains the answers of the last step");
    this.#print(reasonsText(last, this.#surroundings.specification));
  }

  showState(): void {
    const { state, rightState } = this.#session;
    const [real, right] = [stateText(state), stateText(rightState)];
    this.#print(real);
    if (real.join("\n") === right.join("\n")) return;
    this.#print([
      this.#paint("known", "~ with the known deviations of this kernel; right would be"),
      ...right,
    ]);
  }

  showGroups(): void {
    this.#print(groupsText(this.#session.opening));
  }

  async showLog(): Promise<void> {
    const { log, trouble } = await this.#session.takeLog();
    this.#print(
      log.length > 0
        ? log.map((line) => visibleLine(line.replace(/^<\d+>/, "")))
        : ["the kernel has logged nothing since"],
    );
    if (!trouble) return;
    this.#differed ||= isDifferent({ answers: [], trouble });
    this.#print(troubleText(trouble, this.#paint));
  }

  async save(file: string): Promise<void> {
    if (file === "") throw new UsageError("save: name a file, such as save my-finding.yaml");
    if (!/\.ya?ml$/.test(file)) {
      throw new UsageError(`save ${file}: a file of scenarios ends in .yaml; write ${file}.yaml`);
    }
    const name = basename(file).replace(/\.ya?ml$/, "").toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")
      .replace(/^-+|-+$/g, "");
    if (name === "") throw new UsageError(`save ${file}: the scenario gets its name; use a letter or digit`);
    const { target, found } = this.#surroundings;
    const text = sessionDocument(this.#session, name, found, target);
    try {
      await requireOwn(file);
      await Deno.writeTextFile(file, text);
    } catch (error) {
      if (error instanceof UsageError) throw error;
      throw new UsageError(`save ${file}: can't be written (${(error as Error).message})`, { cause: error });
    }
    this.#print([`saved as scenario ${name}; \`deno task replay ${file}\` plays it again`]);
  }

  async undo(): Promise<void> {
    const { steps } = this.#session;
    if (steps.length === 0) throw new UsageError("there is no step to undo");
    await this.#playAgain(steps.slice(0, -1));
  }

  async restart(): Promise<void> {
    await this.#playAgain([]);
  }

  /** Ends the session, and tells what is left of it. */
  async close(): Promise<void> {
    await this.#leave();
  }

  end(): void {
    this.#isOver = true;
  }

  get #paint(): Paint {
    return this.#surroundings.paint;
  }

  #print(lines: readonly string[]): void {
    this.#surroundings.print(lines);
  }

  async #play(step: WrittenStep): Promise<void> {
    const before = this.#session.reports.at(-1);
    const report = await this.#session.play(step);
    this.#note(report);
    this.#print(reportText(report, this.#paint, before));
    if (this.#session.isLost) {
      this.#print(["the guest is gone; `restart` boots another, `undo` plays all but this on it"]);
    }
  }

  async #playAgain(steps: readonly WrittenStep[]): Promise<void> {
    const departure = await this.#leave();
    const [preparation, ...reports] = await this.#newBeginning(departure, steps);
    this.#print([`begun anew in ${departure.isClean ? "the same guest" : "another guest"}`]);
    if (preparation) this.#showPreparation(preparation);
    for (const report of reports) this.#note(report);
    this.#print(reports.flatMap((report) => briefText(report, this.#paint)));
  }

  /** Tells what is left of what was played. */
  async #leave(): Promise<Departure> {
    const departure = await this.#session.leave();
    const { leftOver } = departure;
    if (leftOver) {
      const { standing, text } = leftOver;
      this.#differed ||= standing === "different";
      this.#print([
        standing === "different"
          ? this.#paint("different", `≠ ${text}`)
          : this.#paint("known", `~ ${text}, as is known of this kernel`),
      ]);
    }
    return departure;
  }

  #showPreparation(report: StepReport): void {
    this.#note(report);
    if (isDifferent(report) || report.trouble) this.#print(reportText(report, this.#paint));
  }

  /** @throws NoGuestError where there is no guest to be had */
  async #newBeginning(departure: Departure, steps: readonly WrittenStep[]): Promise<StepReport[]> {
    try {
      return await this.#session.playAgain(departure, steps);
    } catch (error) {
      if (!(error instanceof GuestLost || error instanceof CannotTestError)) throw error;
      this.#differed ||= error instanceof GuestLost && error.loss !== "harness-fault";
      this.#hasFailed = true;
      const console = error instanceof GuestLost ? error.console : [];
      throw new NoGuestError([`no other guest came up: ${error.message}`, ...console].join("\n"), {
        cause: error,
      });
    }
  }

  #note(report: StepReport): void {
    this.#differed ||= isDifferent(report);
    if (report.trouble?.kind === "harness-fault") this.#hasFailed = true;
  }
}

/** @throws UsageError for a file that is somebody else's */
async function requireOwn(file: string): Promise<void> {
  try {
    if ((await Deno.readTextFile(file)).startsWith(SESSION_MARK)) return;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  throw new UsageError(`save ${file}: is there already, and no session of the shell; name another`);
}

/** Words of the shell itself, which no step has; a dot may stand before each. */
const COMMANDS: Readonly<Record<string, Command>> = {
  help: (shell) => shell.help(),
  why: (shell) => shell.why(),
  state: (shell) => shell.showState(),
  groups: (shell) => shell.showGroups(),
  log: (shell) => shell.showLog(),
  save: (shell, file) => shell.save(file),
  undo: (shell) => shell.undo(),
  restart: (shell) => shell.restart(),
  exit: (shell) => shell.end(),
};

function commandMend(word: string): string {
  const names = Object.keys(COMMANDS);
  const [like] = near(word, names);
  return like === undefined ? `there are ${names.join(", ")}` : `did you mean .${like}?`;
}
