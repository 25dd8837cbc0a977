import t from "#tap";
import { assignGroups, type Target } from "../../harness/check/assignment.ts";
import { predict, type Prediction } from "../../harness/check/prediction.ts";
import { generate } from "../../harness/explore/generate.ts";
import type { Playable } from "../../harness/explore/playable.ts";
import { scenarioText } from "../../harness/explore/scenario_file.ts";
import { answerText } from "../../harness/model/answer.ts";
import { parseScenarios } from "../../harness/scenario/scenario.ts";
import { AMD, INTEL, targetOf, VIRTIO } from "../check/target.ts";

const DEVICES =
  "[{ slot: 3, device: lsi53c895a }, { slot: 4, device: lsi53c895a }, slot: 5, { slot: 6, functions: 2 }]";

const SEED = 7;
const SEQUENCES = 40;
const OPTIONS = { stepsMost: 24 };

const targets: Readonly<Record<string, Target>> = {
  "intel, 5.10": targetOf(INTEL, "5.10.262", DEVICES),
  "amd, 6.1": targetOf(AMD, "6.1.192", DEVICES),
  "intel, 6.12": targetOf(INTEL, "6.12.117", DEVICES),
  "virtio, 7.3": targetOf(VIRTIO, "7.3.4", DEVICES),
  "intel, 7.3, no modules": { ...targetOf(INTEL, "7.3.4", DEVICES), lackOfModules: "no headers" },
};

const textOf = ({ actions, leakedPages }: Pick<Prediction, "actions" | "leakedPages">): string[] => [
  ...actions.map(({ action, stepIndex, right, real }) =>
    `${stepIndex}: ${action.text}: ${answerText(right)}, ${answerText(real)}`
  ),
  `${leakedPages} pages leak`,
];

const sequencesOn = (target: Target): Playable[] =>
  Array.from({ length: SEQUENCES }, (_, index) => generate(SEED, index, target, OPTIONS));

for (const [name, target] of Object.entries(targets)) {
  const sequences = sequencesOn(target);

  t.test(`${name}: the same seed gives the same sequences, each index another`, async (t) => {
    const texts = sequences.map(({ prediction }) => textOf(prediction).join("\n"));
    t.same(sequencesOn(target).map(({ prediction }) => textOf(prediction).join("\n")), texts);
    t.equal(new Set(texts).size, SEQUENCES);
  });

  t.test(`${name}: a sequence says the same as a file`, async (t) => {
    for (const { sequence, prediction } of sequences) {
      const text = scenarioText({ name: "one", sequence, about: [], remarks: [] });
      const [scenario] = parseScenarios(text, "one.yaml", "explore");
      if (!scenario) throw new Error("no scenario");
      t.same(textOf(predict(scenario, assignGroups(scenario, target), target)), textOf(prediction));
    }
  });

  t.test(`${name}: sequences are as long as was asked for`, async (t) => {
    const counts = sequences.map(({ sequence }) => sequence.steps.length);
    t.ok(counts.every((count) => count <= OPTIONS.stepsMost), `${Math.max(...counts)} steps at most`);
    t.ok(counts.filter((count) => count >= OPTIONS.stepsMost / 2).length > SEQUENCES / 2);
  });
}
