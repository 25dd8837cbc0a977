/** Faults in the memory behind mappings: what is pinned, and to whom it is charged. */
import type { Mutant } from "./mutant.ts";

export const MEMORY_MUTANTS: readonly Mutant[] = [
  {
    name: "task-not-put",
    fault: "a removed mapping keeps its process's task",
    edits: [{ in: "vfio_remove_dma", replace: "put_task_struct(dma->task);", by: "" }],
    guards: [],
    unreachable: "nobody but the kernel's memory debugging counts what is never freed",
  },
  {
    name: "address-space-not-dropped",
    fault: "a removed mapping keeps its address space",
    edits: [{ in: "vfio_remove_dma", replace: "mmdrop(dma->mm);", by: "" }],
    guards: [],
    unreachable: "nobody but the kernel's memory debugging counts what is never freed",
  },
  {
    name: "charge-not-noted",
    fault: "a mapping doesn't know what it was charged",
    edits: [{ in: "vfio_lock_acct", replace: "dma->locked_vm += npage;", by: ";" }],
    guards: ["type1/vaddr-moves-the-charge"],
  },
  {
    name: "charge-beyond-the-limit",
    fault: "what is charged isn't held against the limit",
    edits: [{ in: "mm_lock_acct", replace: "task, lock_cap)", by: "task, true)" }],
    guards: ["type1/vaddr-over-the-new-owners-limit"],
  },
  {
    name: "limit-too-low",
    fault: "the last page that the limit allows is refused",
    edits: [{
      in: "vfio_pin_pages_remote",
      replace: "mm->locked_vm + lock_acct + 1 > limit",
      by: "mm->locked_vm + lock_acct + 1 >= limit",
    }],
    guards: ["type1/up-to-the-limit"],
  },
  {
    name: "limit-for-the-capable",
    fault: "the limit holds for those who may exceed it",
    edits: [{ in: "vfio_pin_pages_remote", replace: "!dma->lock_cap &&", by: "" }],
    guards: ["type1/capable-beyond-the-limit"],
  },
  {
    name: "limit-forgotten",
    fault: "pinning doesn't look at the limit",
    edits: [{ in: "vfio_pin_pages_remote", replace: "mm->locked_vm + lock_acct + 1 > limit", by: "!mm" }],
    guards: [],
    unreachable: "the charge is held against the same limit once more, before the ioctl ends",
  },
  {
    name: "nothing-charged",
    fault: "pinned pages are charged to nobody",
    edits: [{ in: "vfio_pin_pages_remote", replace: "lock_acct++;", by: ";" }],
    guards: ["smoke/attach-map-unmap-detach"],
  },
  {
    name: "half-pinned-stays-pinned",
    fault: "pages that were pinned before one couldn't be stay pinned",
    edits: [{ in: "vfio_pin_pages_remote", replace: "if (pinned && !rsvd) {", by: "if (!mm) {" }],
    guards: [],
    unreachable: "pinned pages aren't counted, only what is charged for them",
  },
  {
    name: "charge-stays",
    fault: "UNMAP gives no charge back",
    edits: [{ in: "vfio_unpin_pages_remote", replace: "unlocked++;", by: ";" }],
    guards: ["smoke/attach-map-unmap-detach"],
  },
  {
    name: "last-page-stays",
    fault: "the last page of a mapping stays where it is",
    edits: [{
      in: "vfio_unmap_unpin",
      replace: "while (iova < end) {",
      by: "while (iova + PAGE_SIZE < end) {",
    }],
    guards: ["smoke/attach-map-unmap-detach"],
  },
  {
    name: "many-pieces-charged",
    fault: "the charge for more than 512 pieces at a time isn't given back",
    edits: [{ in: "unmap_unpin_fast", replace: "*unlocked += vfio_sync_unpin", by: "vfio_sync_unpin" }],
    guards: ["type1/a-bad-last-page"],
  },
  {
    name: "read-only-for-writing",
    fault: "memory that can't be written to is pinned for writing",
    edits: [{ in: "vaddr_get_pfns", replace: "flags |= FOLL_WRITE;", by: ";" }],
    guards: ["type1/read-only-memory"],
  },
  {
    name: "charge-doesnt-move",
    fault: "the new owner of a mapping pays nothing",
    edits: [{ in: "vfio_change_dma_owner", replace: "if (mm == dma->mm)", by: "if (dma->mm)" }],
    guards: ["type1/vaddr-moves-the-charge"],
  },
  {
    name: "charged-twice",
    fault: "the old owner of a mapping goes on paying",
    edits: [{
      in: "vfio_change_dma_owner",
      replace: "mm_lock_acct(dma->task, dma->mm, dma->lock_cap, -npage);",
      by: "",
    }],
    guards: ["type1/vaddr-moves-the-charge"],
  },
  {
    name: "same-memory-again",
    fault: "every piece of a mapping gets the memory of its first",
    edits: [{ in: "vfio_pin_map_dma", replace: "vaddr + dma->size", by: "vaddr" }],
    guards: ["type1/a-bad-last-page", "dma/more-pages-than-are-pinned-at-a-time"],
  },
  {
    name: "pinned-without-access",
    fault: "a mediated device writes to what is mapped for reading",
    edits: [{ in: "vfio_iommu_type1_pin_pages", replace: "(dma->prot & prot) != prot", by: "!dma" }],
    guards: [],
    unreachable: "only mediated devices pin pages",
  },
];
