/** Further IOMMUs as scenarios describe them: what the machine's own has, or less. */
import * as z from "zod";
import { PAGE_SIZE } from "../model/constants.ts";
import { common, hex, type Range, rangeText } from "../model/range_list.ts";
import type { Iommu } from "../model/world.ts";
import { evaluate, type Symbols } from "./address.ts";
import { parseRange } from "./region.ts";
import { ADDRESS } from "./schemas.ts";

export const IOMMU_NAME = z.string().regex(/^[a-z][a-z0-9-]*$/, "write a name such as far");

export const IOMMU_NEEDS = z.strictObject({
  aperture: z.string().optional()
    .describe(
      "START..LAST of what it translates, such as 0x0..0x7fffffff; left out, what the machine's does",
    ),
  "page-sizes": ADDRESS.optional()
    .describe("The sum of its page sizes, such as 4KiB+2MiB; left out, those of the machine's"),
  coherent: z.boolean().optional()
    .describe("Whether its domains enforce cache coherency; left out, as the machine's"),
  refuses: z.string().optional().describe("START..LAST where it fails to map anything, with ERANGE"),
}).describe("An IOMMU beside the machine's own, whose groups have domains of their own");

/** What a scenario says of an IOMMU. */
export type IommuNeeds = z.infer<typeof IOMMU_NEEDS>;

/**
 * The IOMMU that is described, made of the machine's own. A domain of whatever type has no more than its aperture.
 * [guests/twodom]
 * @throws RangeError that says what is wrong: the machine's IOMMU can't be made to do more than it does
 */
export function describedIommu(name: string, needs: IommuNeeds, own: Iommu, symbols: Symbols): Iommu {
  const aperture = apertureOf(needs, own, symbols);
  return {
    ...own,
    name: `${own.name}/${name}`,
    aperture,
    nesting: typeof own.nesting === "string" ? own.nesting : common(own.nesting, aperture),
    pageSizes: pageSizesOf(needs, own, symbols),
    enforcesCoherency: needs.coherent ?? own.enforcesCoherency,
    ...(needs.refuses === undefined ? {} : { refuses: parseRange(needs.refuses, symbols) }),
  };
}

function apertureOf({ aperture: text }: IommuNeeds, own: Iommu, symbols: Symbols): Range {
  if (text === undefined) return own.aperture;
  const aperture = parseRange(text, symbols);
  if (own.aperture.start <= aperture.start && aperture.last <= own.aperture.last) return aperture;
  throw new RangeError(
    `aperture ${rangeText(aperture)}: the machine's is ${rangeText(own.aperture)}; write a part of it`,
  );
}

function pageSizesOf({ "page-sizes": text }: IommuNeeds, own: Iommu, symbols: Symbols): bigint {
  if (text === undefined) return own.pageSizes;
  const sizes = evaluate(text, symbols);
  if ((sizes & PAGE_SIZE) !== 0n && (sizes & ~own.pageSizes) === 0n) return sizes;
  throw new RangeError(
    `page-sizes ${hex(sizes)}: the machine's are ${hex(own.pageSizes)}; write some of them, 4KiB among them`,
  );
}
