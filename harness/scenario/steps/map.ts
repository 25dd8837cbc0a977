/** VFIO_IOMMU_MAP_DMA. */
import * as z from "zod";
import { PAGE_SIZE } from "../../model/constants.ts";
import { MAP_READ, MAP_VADDR, MAP_WRITE, mapDma, type MapRequest } from "../../model/map.ts";
import { type Backing, MEMORY_KINDS } from "../../model/pinning.ts";
import { hex } from "../../model/range_list.ts";
import type { Action } from "../action.ts";
import { evaluate } from "../address.ts";
import { ADDRESS, ARGSZ, CONTAINER, DEFAULT_CONTAINER, FLAGS } from "../schemas.ts";
import { defineStep } from "../step.ts";

const ACCESS: Readonly<Record<string, number>> = {
  "-": 0,
  r: MAP_READ,
  w: MAP_WRITE,
  rw: MAP_READ | MAP_WRITE,
};

/** `rw`, or the number where the flags are no mere access rights. */
const flagsText = (flags: number): string =>
  Object.entries(ACCESS).find(([, value]) => value === flags)?.[0] ?? hex(flags);

export const mapAction = (container: string, request: MapRequest): Action => {
  const { iova, size, flags, vaddr, backing, argsz } = request;
  const options = [
    vaddr === undefined ? "" : ` vaddr=${hex(vaddr)}`,
    backing === undefined ? "" : backingText(backing),
    argsz === undefined ? "" : ` argsz=${argsz}`,
  ].join("");
  return {
    text: `map ${container} ${hex(iova)} size ${hex(size)} ${flagsText(flags)}${options}`,
    apply: (state) => mapDma(state, container, request),
    command: () => `map ${container} ${hex(iova)} ${hex(size)} ${flagsText(flags)}${options}`,
    changes: "mappings",
  };
};

const backingText = ({ kind, inaccessiblePage }: Backing): string =>
  ` memory=${kind}${inaccessiblePage === undefined ? "" : ` inaccessible=${inaccessiblePage}`}`;

/** Below this nothing is mapped in a process, and from that on no address is a user's. [x86-64] */
const LOWEST_ADDRESS = 0x10000n;
const USER_END = 0x800000000000n;

/** An address at which the probe surely has no memory, so that the model can know the answer. */
function nobodysAddress(vaddr: bigint): bigint {
  const isAligned = vaddr % PAGE_SIZE === 0n;
  if (!isAligned || vaddr < LOWEST_ADDRESS || vaddr >= USER_END) return vaddr;
  throw new RangeError(`vaddr ${hex(vaddr)} may be the probe's; write one below ${hex(LOWEST_ADDRESS)}`);
}

function backingOf(
  { memory, "inaccessible-page": inaccessiblePage }: {
    memory?: Backing["kind"] | undefined;
    "inaccessible-page"?: bigint | undefined;
  },
): { backing?: Backing } {
  if (memory === undefined && inaccessiblePage === undefined) return {};
  return {
    backing: { kind: memory ?? "private", ...(inaccessiblePage === undefined ? {} : { inaccessiblePage }) },
  };
}

export const mapStep = defineStep(
  z.strictObject({
    container: CONTAINER.default(DEFAULT_CONTAINER),
    iova: ADDRESS,
    size: ADDRESS,
    access: z.enum(["r", "w", "rw", "-"]).optional().describe("rw when left out"),
    flags: FLAGS.optional().describe("All flag bits as a number, instead of access"),
    memory: z.enum(MEMORY_KINDS).optional().describe("What is behind it; private when left out"),
    "inaccessible-page": z.bigint().min(0n).max(0xffffn).optional()
      .describe("Number of one page of the memory that nobody may access"),
    vaddr: ADDRESS.optional().describe("Where the memory is said to be; left out, there is real memory"),
    argsz: ARGSZ.optional(),
  }).refine(({ access, flags }) => access === undefined || flags === undefined, {
    path: ["flags"],
    message: "write access or flags, not both",
  }),
  function* (args, { symbols }) {
    const { container, iova, size, access = "rw", vaddr, argsz } = args;
    const flags = args.flags ?? ACCESS[access] ?? 0;
    const isTouched = (flags & MAP_VADDR) === 0;
    const address = vaddr === undefined ? undefined : evaluate(vaddr, symbols);
    yield mapAction(container, {
      iova: evaluate(iova, symbols),
      size: evaluate(size, symbols),
      flags,
      ...(address === undefined ? {} : { vaddr: isTouched ? nobodysAddress(address) : address }),
      ...backingOf(args),
      ...(argsz === undefined ? {} : { argsz }),
    });
  },
);
