/** Plays steps on the model, one after the other, as a scenario does. */
import { answerText } from "../../harness/model/answer.ts";
import { mapDma } from "../../harness/model/map.ts";
import { unmapDma } from "../../harness/model/unmap.ts";
import { setIommu } from "../../harness/model/backend.ts";
import { groupOpen, groupSetContainer, open } from "../../harness/model/lifecycle.ts";
import { rangeListText } from "../../harness/model/range_list.ts";
import { deviationsOf, semanticsOf } from "../../harness/model/semantics.ts";
import { initialState, type Outcome, type State, type Type1 } from "../../harness/model/state.ts";
import { type KernelVersion, parseVersion } from "../../harness/model/version.ts";
import type { World } from "../../harness/model/world.ts";

/** The kernels that the specification was read from. */
export const KERNELS = ["5.10.262", "6.1.192", "6.12.117", "7.3.4"] as const;

/** A version that the test itself has written. */
export function versionOf(text: string): KernelVersion {
  const version = parseVersion(text);
  if (!version) throw new RangeError(`${text} is no kernel version`);
  return version;
}

/** A run of steps with one state; what each step answered comes back as text. */
export class Play {
  state: State;

  constructor(state: State) {
    this.state = state;
  }

  /** What is right for the version. */
  static right(kernel: string, world: World): Play {
    return new Play(initialState(semanticsOf(versionOf(kernel), new Set()), world));
  }

  /** What the version really does, known faults included. */
  static real(kernel: string, world: World): Play {
    const version = versionOf(kernel);
    return new Play(initialState(semanticsOf(version, deviationsOf(version)), world));
  }

  /** `play.run(setIommu, "c", 3n)` is `ok` or an errno. */
  run<Args extends unknown[]>(step: (state: State, ...args: Args) => Outcome, ...args: Args): string {
    const { state, answer } = step(this.state, ...args);
    this.state = state;
    return answerText(answer);
  }

  /** Opens container `c`, puts the groups into it in this order and sets the IOMMU; the last answer. */
  start(type: bigint, ...groups: string[]): string {
    this.run(open, "c");
    for (const group of groups) this.join(group);
    return this.run(setIommu, "c", type);
  }

  /** Opens the group and puts it into container `c`. */
  join(group: string): string {
    this.run(groupOpen, group);
    return this.run(groupSetContainer, group, "c");
  }

  map(iova: bigint, size = 0x1000n): string {
    return this.run(mapDma, "c", { iova, size, flags: 3 });
  }

  unmap(iova: bigint, size = 0x1000n, flags = 0): string {
    return this.run(unmapDma, "c", { iova, size, flags });
  }

  /** The backend of container `c`. */
  get type1(): Type1 {
    const type1 = this.state.containers.get("c")?.type1;
    if (!type1) throw new RangeError("container c has no IOMMU");
    return type1;
  }

  get list(): string {
    return rangeListText(this.type1.list);
  }
}
