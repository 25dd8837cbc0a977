/** What the guest module twodom pretends: that groups are behind IOMMUs of their own. */
import { ok } from "../../model/answer.ts";
import { hex, rangeText } from "../../model/range_list.ts";
import type { Iommu } from "../../model/world.ts";
import type { Action } from "../action.ts";

const PARAMETERS = "/sys/module/twodom/parameters";

/** An IOMMU that the guest module has to make up. */
export interface PretendedIommu {
  /** From 1 on; 0 is the machine's own. */
  readonly number: number;
  readonly iommu: Iommu;
}

/** Puts all groups behind the machine's own IOMMU again. */
export const clearPlacesAction: Action = {
  text: "all groups behind the machine's IOMMU",
  apply: (state) => ({ state, answer: ok() }),
  command: () => `write ${PARAMETERS}/clear 1`,
  changes: "nothing",
};

/** Puts a group behind an IOMMU; the world of the model has it there already. */
const placeAction = (group: string, { number, iommu }: PretendedIommu): Action => ({
  text: `group ${group} behind IOMMU ${iommu.name}, ${rangeText(iommu.aperture)}, ${hex(iommu.pageSizes)}`,
  apply: (state) => ({ state, answer: ok() }),
  command: (names) => {
    const { aperture: { start, last }, pageSizes, enforcesCoherency } = iommu;
    const limits = [start, last, pageSizes].map(hex).join(" ");
    const coherency = enforcesCoherency ? "coherent" : "not-coherent";
    return `write ${PARAMETERS}/add ${names.groupNumber(group)} ${number} ${limits} ${coherency}`;
  },
  changes: "nothing",
});

/** Lets an IOMMU fail to map something, if it does. */
const refuseActions = ({ number, iommu: { name, refuses } }: PretendedIommu): Action[] =>
  refuses === undefined ? [] : [{
    text: `IOMMU ${name} maps nothing at ${rangeText(refuses)}`,
    apply: (state) => ({ state, answer: ok() }),
    command: () => `write ${PARAMETERS}/refuse ${number} ${hex(refuses.start)} ${hex(refuses.last)}`,
    changes: "nothing",
  }];

/** Everything that puts the guest's groups behind the IOMMUs of the world; nothing where there is nothing to pretend. */
export function placementActions(pretended: ReadonlyMap<string, PretendedIommu>): Action[] {
  if (pretended.size === 0) return [];
  const iommus = new Map([...pretended.values()].map((place) => [place.number, place]));
  return [
    clearPlacesAction,
    ...[...pretended].map(([group, place]) => placeAction(group, place)),
    ...[...iommus.values()].flatMap(refuseActions),
  ];
}

/** Requests that tell whether the module failed to do what it was asked, each `0` when it didn't. */
export const PLACEMENT_FAULTS: readonly string[] = [`read ${PARAMETERS}/missed`, `read ${PARAMETERS}/nomem`];
