/** Which known faults of a kernel explain its answers. */
import { type DeviationName, deviationsOf, semanticsOf } from "../../model/semantics.ts";
import type { PlayTarget } from "../../check/model_play.ts";
import type { PredictedAction } from "../../check/two_models.ts";
import { answerText } from "../../model/answer.ts";
import { initialState } from "../../model/state.ts";
import type { World } from "../../model/world.ts";

/**
 * The known faults without which some of the answers would be predicted otherwise.
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
  return [...deviations].filter((name) => {
    let state = initialState(
      semanticsOf(version, new Set([...deviations].filter((other) => other !== name))),
      world,
    );
    const told = actions.map(({ action }) => {
      const outcome = action.apply(state);
      state = outcome.state;
      return answerText(outcome.answer);
    });
    return indices.some((index) => told[index] !== answerText(actions[index]!.real));
  });
}
