/** What random sequences find in kernels that do something wrong, played on the model with that fault. */
import t from "#tap";
import type { Target } from "../../harness/check/assignment.ts";
import type { PredictedAction } from "../../harness/check/two_models.ts";
import { generate } from "../../harness/explore/generate.ts";
import type { Playable } from "../../harness/explore/playable.ts";
import { answerText } from "../../harness/model/answer.ts";
import { PAGE_SIZE } from "../../harness/model/constants.ts";
import { HandleError } from "../../harness/model/lifecycle.ts";
import { leakedAtClose } from "../../harness/model/locked_memory.ts";
import { type DeviationName, DEVIATIONS, deviationsOf, semanticsOf } from "../../harness/model/semantics.ts";
import { initialState } from "../../harness/model/state.ts";
import { AMD, targetOf } from "../check/target.ts";
import type { Fault } from "../model/random_run.ts";
import type { Step } from "../model/random_steps.ts";
import { SEEDED_FAULTS } from "../model/seeded_faults.ts";

/** One of the devices can't be had, for a region that firmware reserves. */
const DEVICES = "[{ slot: 3, device: lsi53c895a }, slot: 5, slot: 7, { slot: 6, functions: 2 }, " +
  "{ slot: 8, name: kept, device: edu, reserved: [0x50000000..0x5000ffff unity] }]";

const SEED = 1;
const SEQUENCES_MOST = 2000;
const OPTIONS = { stepsMost: 60 };
const NO_DEVIATIONS: ReadonlySet<DeviationName> = new Set();

/** Needs a device that leaves, which no sequence has. */
const OUT_OF_REACH = ["sibling-cuts-off", "a group without a device stays"];

/** A kernel with a fault, as far as answers show. */
interface Faulty {
  readonly name: string;
  readonly target: Target;
  /** Whether it answers otherwise than is right, or keeps pages that it shouldn't. */
  differs(generated: Playable): boolean;
}

/** Whoever plays takes this kernel for one that does what is right. */
const targetWith = (kernel: string): Target => ({
  ...targetOf(AMD, kernel, DEVICES),
  deviations: NO_DEVIATIONS,
});

const faultless: Fault = ({ after: state, answer }) => ({ state, answer });

function playedWith(
  target: Target,
  deviations: ReadonlySet<DeviationName>,
  fault: Fault,
  { assignment, prediction }: Playable,
): boolean {
  let state = initialState(semanticsOf(target.version, deviations), assignment.world);
  for (const { action, right } of prediction.actions) {
    try {
      const { state: after, answer } = action.apply(state);
      const faulty = fault({ before: state, step: stepOf(action), after, answer, base: 0n });
      if (answerText(faulty.answer) !== answerText(right)) return true;
      state = faulty.state;
    } catch (error) {
      // A fault that no answer has shown yet has led elsewhere.
      if (error instanceof HandleError || error instanceof RangeError) return false;
      throw error;
    }
  }
  return leakedAtClose(state) !== prediction.leakedPages;
}

/** As seeded faults want to be told of steps. */
function stepOf({ text }: PredictedAction["action"]): Step {
  const [word = "", first = "", second = "", , third = "", flags = ""] = text.replace(/^in \w+: /, "").split(
    " ",
  );
  switch (word) {
    case "set-container":
      return { do: word, group: first, container: second };
    case "set-iommu":
      return { do: word, container: first, type: BigInt(second) };
    case "map":
    case "unmap":
      return {
        do: word,
        container: first,
        page: Number(BigInt(second) / PAGE_SIZE),
        pages: Number(BigInt(third) / PAGE_SIZE),
        extraBytes: BigInt(third) % PAGE_SIZE,
        flags: { rw: 3, r: 1, w: 2 }[flags] ?? 0,
        badMemory: false,
      };
    default:
      return { do: "info", container: first };
  }
}

const deviating = (name: DeviationName, target: Target): Faulty => ({
  name,
  target,
  differs: (generated) => playedWith(target, new Set([name]), faultless, generated),
});

/** AMD's IOMMU goes up to 2^64, where some faults are. */
const [OLD, NEWER] = [targetWith("5.10.262"), targetWith("6.12.117")];

const FAULTY: readonly Faulty[] = [
  ...[...deviationsOf(NEWER.version)].map((name) => deviating(name, NEWER)),
  deviating("unmap-by-tree", OLD),
  ...Object.entries(SEEDED_FAULTS).map(([name, { fault }]): Faulty => ({
    name,
    target: NEWER,
    differs: (generated) => playedWith(NEWER, NO_DEVIATIONS, fault, generated),
  })),
].filter(({ name }) => !OUT_OF_REACH.includes(name));

t.test("every known deviation of kernels is told of", async (t) => {
  const names = new Set(FAULTY.map(({ name }) => name));
  t.same(DEVIATIONS.filter(({ name }) => !names.has(name)).map(({ name }) => name), ["sibling-cuts-off"]);
});

t.test("random sequences find every fault, without knowing of any", async (t) => {
  for (const targets of Map.groupBy(FAULTY, ({ target }) => target).entries()) {
    const [target, faulty] = targets;
    const left = new Set(faulty);
    for (let index = 0; index < SEQUENCES_MOST && left.size > 0; index++) {
      const generated = generate(SEED, index, target, OPTIONS);
      for (const one of [...left].filter(({ differs }) => differs(generated))) {
        left.delete(one);
        t.pass(`${one.name}: sequence ${index + 1}`);
      }
    }
    t.same([...left].map(({ name }) => name), [], `all within ${SEQUENCES_MOST} sequences`);
  }
});
