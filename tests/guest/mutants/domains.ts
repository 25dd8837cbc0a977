/** Faults of vfio_iommu_type1.c that show only where a container has several domains. */
import { BOTH, type Mutant } from "./mutant.ts";

export const DOMAIN_MUTANTS: readonly Mutant[] = [
  {
    name: "aperture-conflict-skipped",
    fault: "a group is attached although mappings lie outside its aperture",
    edits: [{
      in: "vfio_iommu_type1_attach_group",
      replace: "if (vfio_iommu_aper_conflict(iommu, geo->aperture_start,\n\t\t\t\t     geo->aperture_end)) {",
      by: "if (!geo) {",
    }],
    guards: ["domains/mapping-below-the-aperture", "domains/mapping-above-the-aperture"],
    kernels: BOTH,
  },
  {
    name: "apertures-apart",
    fault: "a domain whose aperture lies apart from the list is let in",
    edits: [{
      in: "vfio_iommu_aper_conflict",
      replace: "start > last->end || end < first->start",
      by: "!first",
    }],
    guards: ["domains/aperture-above-the-list", "domains/aperture-below-the-list"],
  },
  {
    name: "aperture-cuts-mappings",
    fault: "an aperture that begins later may leave mappings outside",
    edits: [{ in: "vfio_iommu_aper_conflict", replace: "if (start > first->start) {", by: "if (!iommu) {" }],
    guards: [
      "domains/mapping-below-the-aperture",
      "domains/mapping-at-the-lowest-address",
      "domains/mapping-across-the-ends",
      "domains/one-byte-below-the-aperture",
    ],
  },
  {
    name: "aperture-cuts-mappings-above",
    fault: "an aperture that ends earlier may leave mappings outside",
    edits: [{ in: "vfio_iommu_aper_conflict", replace: "if (end < last->end) {", by: "if (!iommu) {" }],
    guards: [
      "domains/mapping-above-the-aperture",
      "domains/mapping-at-the-highest-address",
      "domains/one-byte-above-the-aperture",
    ],
  },
  {
    name: "aperture-a-byte-lower",
    fault: "the last byte below an aperture isn't looked at",
    edits: [{
      in: "vfio_iommu_aper_conflict",
      replace: "first->start, start - first->start)",
      by: "first->start, start - first->start - 1)",
    }],
    guards: ["domains/one-byte-below-the-aperture"],
  },
  {
    name: "aperture-a-byte-higher",
    fault: "the first byte above an aperture isn't looked at",
    edits: [{ in: "vfio_iommu_aper_conflict", replace: "end + 1, last", by: "end + 2, last" }],
    guards: ["domains/one-byte-above-the-aperture"],
  },
  {
    name: "aperture-touched-from-inside",
    fault: "a mapping at the first byte of an aperture conflicts",
    edits: [{
      in: "vfio_iommu_aper_conflict",
      replace: "first->start, start - first->start)",
      by: "first->start, start - first->start + 1)",
    }],
    guards: ["domains/mappings-up-to-the-ends", "domains/mapping-below-the-aperture"],
  },
  {
    name: "aperture-not-resized",
    fault: "a new domain's aperture doesn't narrow the list",
    edits: [{
      in: "vfio_iommu_aper_resize",
      replace: "/* Adjust iova list start */",
      by: "if (start <= end)\n\t\treturn 0;",
    }],
    guards: ["domains/narrowing-and-widening", "domains/two-that-overlap", "domains/ends-in-holes"],
    kernels: BOTH,
  },
  {
    name: "aperture-start-ignored",
    fault: "the range in which an aperture begins keeps what is below",
    edits: [{
      in: "vfio_iommu_aper_resize",
      replace: "node->start = start;\n\t\t\tbreak;",
      by: "break;",
    }],
    guards: ["domains/narrowing-and-widening"],
  },
  {
    name: "aperture-end-ignored",
    fault: "the range in which an aperture ends keeps what is above",
    edits: [{
      in: "vfio_iommu_aper_resize",
      replace: "node->end = end;\n\t\t\tcontinue;",
      by: "continue;",
    }],
    guards: ["domains/narrowing-and-widening"],
  },
  {
    name: "aperture-leaves-one-address",
    fault: "the last address of a range is left of it",
    edits: [{ in: "vfio_iommu_aper_resize", replace: "start < node->end", by: "start <= node->end" }],
    guards: ["domains/one-address-left-at-the-start", "domains/one-address-on-either-side"],
  },
  {
    name: "aperture-leaves-one-address-above",
    fault: "the first address of a range is left of it",
    edits: [{ in: "vfio_iommu_aper_resize", replace: "end > node->start", by: "end >= node->start" }],
    guards: ["domains/one-address-left-at-the-end", "domains/one-address-on-either-side"],
  },
  {
    name: "aperture-not-expanded",
    fault: "the end of the aperture stays low when its domain goes",
    edits: [{ in: "vfio_iommu_aper_expand", replace: "node->end = end;", by: ";" }],
    guards: ["domains/narrowing-and-widening", "domains/the-narrow-one-first"],
  },
  {
    name: "aperture-not-expanded-below",
    fault: "the start of the aperture stays high when its domain goes",
    edits: [{ in: "vfio_iommu_aper_expand", replace: "node->start = start;", by: ";" }],
    guards: ["domains/narrowing-and-widening", "domains/the-narrow-one-first"],
  },
  {
    name: "no-expansion",
    fault: "nothing is given back when a domain goes",
    edits: [{
      in: "vfio_iommu_type1_detach_group",
      replace: "vfio_iommu_aper_expand(iommu, &iova_copy);",
      by: ";",
    }],
    guards: ["domains/narrowing-and-widening", "domains/edges-of-a-dead-domain"],
    kernels: BOTH,
  },
  {
    name: "expansion-beyond-those-that-stay",
    fault: "when a domain goes the list gets longer than the other apertures",
    edits: [{ in: "vfio_iommu_aper_expand", replace: "geo->aperture_end < end", by: "!geo" }],
    guards: ["domains/narrowing-and-widening", "domains/three-apertures"],
  },
  {
    name: "expansion-below-those-that-stay",
    fault: "when a domain goes the list begins before the other apertures",
    edits: [{ in: "vfio_iommu_aper_expand", replace: "geo->aperture_start > start", by: "!geo" }],
    guards: ["domains/narrowing-and-widening", "domains/three-apertures"],
  },
  {
    name: "refresh-of-one-domain-only",
    fault: "when a domain goes, regions are looked for in one of the others only",
    edits: [{
      in: "vfio_iommu_resv_refresh",
      replace: "list_for_each_entry(d, &iommu->domain_list, next) {",
      by:
        "list_for_each_entry(d, &iommu->domain_list, next) { if (!list_is_first(&d->next, &iommu->domain_list)) continue;",
    }],
    guards: ["domains/regions-of-those-that-stay"],
  },
  {
    name: "mappings-go-with-any-domain",
    fault: "all mappings are removed when a domain goes, though it isn't the last",
    edits: [{
      in: "vfio_iommu_type1_detach_group",
      replace: "if (list_is_singular(&iommu->domain_list)) {",
      by: "if (iommu) {",
    }],
    guards: ["domains/mapped-after-the-second-domain", "domains/last-group-of-one-of-two-domains"],
  },
  {
    name: "page-sizes-of-the-oldest",
    fault: "a further domain doesn't lessen the page sizes",
    edits: [{
      in: "vfio_iommu_type1_attach_group",
      replace: "vfio_update_pgsize_bitmap(iommu);",
      by: "if (list_is_singular(&iommu->domain_list))\n\t\tvfio_update_pgsize_bitmap(iommu);",
    }],
    guards: ["domains/page-sizes-of-two-domains"],
  },
  {
    name: "page-sizes-of-one-domain",
    fault: "page sizes are those of one domain",
    edits: [{
      in: "vfio_update_pgsize_bitmap",
      replace: "pgsize_bitmap &= domain",
      by: "pgsize_bitmap = domain",
    }],
    guards: ["domains/small-pages-first"],
  },
  {
    name: "page-sizes-of-the-dead",
    fault: "the page sizes of a domain that has gone still count",
    edits: [{ in: "vfio_iommu_type1_detach_group", replace: "vfio_update_pgsize_bitmap(iommu);", by: ";" }],
    guards: ["domains/page-sizes-of-two-domains", "domains/page-sizes-of-a-shared-domain"],
  },
  {
    name: "no-replay",
    fault: "a new domain doesn't get the mappings that are there",
    edits: [{ in: "vfio_iommu_type1_attach_group", replace: "vfio_iommu_replay(iommu, domain)", by: "0" }],
    guards: ["domains/mapped-before-the-second-domain"],
  },
  {
    name: "replay-of-the-first-mapping",
    fault: "a new domain gets one mapping only",
    edits: [{
      in: "vfio_iommu_replay",
      replace: "n = rb_first(&iommu->dma_list);\n\n\tfor (; n; n = rb_next(n)) {",
      by: "n = rb_first(&iommu->dma_list);\n\n\tfor (; n; n = NULL) {",
    }],
    guards: ["domains/replay-refused"],
  },
  {
    name: "failed-replay-ignored",
    fault: "a group is attached to a domain that lacks mappings",
    edits: [{
      in: "vfio_iommu_type1_attach_group",
      replace: "if (ret)\n\t\tgoto out_detach;\n\n\tif (resv_msi) {",
      by: "if (resv_msi) {",
    }],
    guards: ["domains/replay-refused"],
  },
  {
    name: "failed-replay-not-unwound",
    fault: "what was replayed before a mapping was refused stays in the new domain",
    edits: [{
      in: "vfio_iommu_replay",
      replace: "iommu_unmap(domain->domain, dma->iova, dma->size);",
      by: ";",
    }],
    guards: [],
    unreachable: "a refused domain is freed, with all that is in it",
  },
  {
    name: "replay-in-one-piece",
    fault: "a new domain gets mappings as if their memory were contiguous",
    edits: [{ in: "vfio_iommu_replay", replace: "p == iommu_iova_to_phys(d->domain, i)", by: "p" }],
    guards: ["domains/replay-of-single-pages", "dma/replayed-into-a-second-domain"],
  },
  {
    name: "domains-not-unwound",
    fault: "what one domain refuses stays in the others",
    edits: [{ in: "vfio_iommu_map", replace: "iommu_unmap(d->domain, iova, npage << PAGE_SHIFT);", by: "" }],
    guards: ["domains/refused-by-the-older-domain"],
  },
  {
    name: "refused-and-charged",
    fault: "pages that a domain refused stay charged",
    edits: [{
      in: "vfio_pin_map_dma",
      replace: "vfio_unpin_pages_remote(dma, iova + dma->size, pfn,\n\t\t\t\t\t\tnpage, true);",
      by: ";",
    }],
    guards: ["domains/refused-for-nothing"],
  },
  {
    name: "mapped-in-the-newest-domain",
    fault: "a mapping goes into one domain only",
    edits: [{
      in: "vfio_iommu_map",
      replace: "goto unwind;\n\n\t\tcond_resched();",
      by: "goto unwind;\n\n\t\tbreak;",
    }],
    guards: ["domains/unmapped-after-the-newest-domain-ended"],
  },
  {
    name: "unmapped-in-the-newest-domain",
    fault: "UNMAP leaves a mapping in all domains but one",
    edits: [{
      in: "vfio_unmap_unpin",
      replace: "iommu_unmap(d->domain, dma->iova, dma->size);",
      by: ";",
    }],
    guards: ["domains/mapped-before-the-second-domain"],
  },
  {
    name: "coherency-not-asked-for",
    fault: "no domain is found to enforce coherency",
    edits: [{
      in: "vfio_iommu_type1_attach_group",
      replace: "if (domain->domain->ops->enforce_cache_coherency)",
      by: "if (!domain->domain->ops)",
    }],
    guards: ["domains/coherent-and-not", "domains/both-coherent"],
  },
  {
    name: "coherency-of-one-domain",
    fault: "coherency is that of the newest domain",
    edits: [{
      in: "vfio_domains_have_enforce_cache_coherency",
      replace: "if (!(domain->enforce_cache_coherency)) {",
      by: "if (!domain->enforce_cache_coherency && list_is_first(&domain->next, &iommu->domain_list)) {",
    }],
    guards: ["domains/coherent-and-not"],
  },
];
