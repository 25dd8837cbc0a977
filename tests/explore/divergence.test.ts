import t from "#tap";
import type { Execution } from "../../harness/check/execution.ts";
import { divergenceOf } from "../../harness/explore/divergence.ts";

const mismatch = (actionText: string, predicted: string, observed: string): Execution => ({
  verdict: "mismatch",
  stepIndex: 3,
  actionText,
  difference: { predicted, observed },
});

const kindOf = (execution: Execution): string | undefined => divergenceOf(execution)?.kind;

t.test("what is as predicted is none", async (t) => {
  t.equal(divergenceOf({ verdict: "match" }), undefined);
  t.equal(divergenceOf({ verdict: "known" }), undefined);
});

t.test("addresses, containers and processes make no other kind", async (t) => {
  const one = kindOf(mismatch("map c0 0x1000 size 0x1000 rw", "EINVAL", "ok"));
  t.equal(kindOf(mismatch("in p1: map c2 0x7000 size 0x2000 r", "EINVAL", "ok")), one);
  const list = kindOf(mismatch("state", "c0.ranges=0x0..0xfff", "c0.ranges=0x0..0x1fff"));
  t.equal(kindOf(mismatch("state", "c1.ranges=-", "c1.ranges=0x1000..0x1fff")), list);
});

t.test("other calls, errors and values do", async (t) => {
  const kinds = [
    mismatch("map c0 0x1000 size 0x1000 rw", "EINVAL", "ok"),
    mismatch("map c0 0x1000 size 0x1000 rw", "ok", "EINVAL"),
    mismatch("map c0 0x1000 size 0x1000 rw", "EINVAL", "EEXIST"),
    mismatch("unmap c0 0x1000 size 0x1000", "EINVAL", "ok"),
    mismatch("state", "c0.ranges=-", "c0.ranges=0x0..0xfff"),
    mismatch("state", "c0.avail=1", "c0.avail=2"),
    { verdict: "hang", actionText: "map c0 0x1000 size 0x1000 rw" },
  ].map((execution) => kindOf(execution as Execution));
  t.equal(new Set(kinds).size, kinds.length);
});

t.test("a crash is told by what the kernel said, whenever and wherever", async (t) => {
  const crash = (line: string): Execution => ({ verdict: "crash", console: [line] });
  const one = kindOf(
    crash("<4>[12.345678] WARNING: CPU: 0 PID: 1 at drivers/vfio/vfio_iommu_type1.c:123 vfio_x+0x1/0x2"),
  );
  t.equal(
    kindOf(
      crash("<4>[2.000001] WARNING: CPU: 1 PID: 7 at drivers/vfio/vfio_iommu_type1.c:123 vfio_x+0x9/0x20"),
    ),
    one,
  );
  t.not(
    kindOf(crash("<4>[2.000001] WARNING: CPU: 1 PID: 7 at drivers/iommu/iommu.c:123 vfio_x+0x9/0x20")),
    one,
  );
});
