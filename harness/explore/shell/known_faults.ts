/** Which known faults of a kernel explain its answers. */
import type { PlayTarget } from "../../check/model_play.ts";
import type { PredictedAction } from "../../check/two_models.ts";
import { answerText } from "../../model/answer.ts";
import { type DeviationName, deviationsOf, semanticsOf } from "../../model/semantics.ts";
import { initialState } from "../../model/state.ts";
import type { World } from "../../model/world.ts";

/**
 * The known faults without which some of the answers would be predicted otherwise. Where several would each do, they
 * are those that make a difference by themselves.
 * @param actions everything since nothing was open
 * @param indices which of them are to be explained
 */
export function explaining(
  actions: readonly PredictedAction[],
  indices: readonly number[],
  world: World,
  { version, deviations = deviationsOf(version) }: Pick<PlayTarget, "version" | "deviations">,
): DeviationName[] {
  if (indices.length === 0) return [];
  const all = [...deviations];
  const departs = (names: readonly DeviationName[], from: "right" | "real") => {
    let state = initialState(semanticsOf(version, new Set(names)), world);
    const told = actions.map(({ action }) => {
      const outcome = action.apply(state);
      state = outcome.state;
      return answerText(outcome.answer);
    });
    return indices.some((index) => told[index] !== answerText(actions[index]![from]));
  };
  const needed = all.filter((name) => departs(all.filter((other) => other !== name), "real"));
  return needed.length > 0 ? needed : all.filter((name) => departs([name], "right"));
}
