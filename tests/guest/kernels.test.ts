// deadline: 300 s
/** Other kernels than the default one: what differs is predicted, and known faults are called by their names. */
import t from "#tap";
import { runGuests } from "./command.ts";
import { GONE } from "./gone.ts";
import { outDir } from "./out_dir.ts";
import { deviationsIn, failuresOf } from "./tap_output.ts";

const MACHINES = ["intel-iommu", "amd-iommu", "virtio-iommu"];

interface Expected {
  readonly kernel: string;
  readonly deviations: readonly string[];
  /** Reasons of the cells that can't be. */
  readonly skips: Readonly<Record<string, RegExp>>;
  /** The archive may have dropped it: then nothing can be tested, which is said. */
  readonly mayBeGone?: true;
}

const KERNELS: readonly Expected[] = [
  {
    kernel: "debian:5.10",
    deviations: [
      "conflict-to-the-end",
      "dirty-to-the-end",
      "map-at-the-top",
      "stale-dirty-bits",
      "sticky-edges",
      "unmap-by-tree",
      "unmap-to-the-end",
      "wrap-is-einval",
    ],
    skips: { "virtio-iommu": /^debian:5\.10\.\d+ is built without CONFIG_VIRTIO_IOMMU$/ },
    mayBeGone: true,
  },
  {
    kernel: "debian:6.1",
    deviations: [
      "conflict-to-the-end",
      "dirty-to-the-end",
      "map-at-the-top",
      "stale-dirty-bits",
      "sticky-edges",
      "unmap-to-the-end",
      "wrap-is-einval",
    ],
    skips: { "virtio-iommu": /^debian:6\.1\.\d+ is built without CONFIG_VIRTIO_IOMMU$/ },
  },
  { kernel: "debian:7.3", deviations: ["stale-dirty-bits", "sticky-edges"], skips: {} },
];

for (const { kernel, deviations, skips, mayBeGone } of KERNELS) {
  t.test(kernel, async (t) => {
    const machines = MACHINES.flatMap((machine) => ["--machine", machine]);
    const { code, stderr, tap } = await runGuests([
      "--kernel",
      kernel,
      ...machines,
      "--out",
      await outDir(t),
    ]);
    const [, gone] = GONE.exec(stderr) ?? [];
    if (mayBeGone && code === 3 && gone !== undefined) {
      return void t.pass(`${kernel} can't be had`, { skip: gone });
    }
    t.equal(code, 0, "exit code", { stderr });
    t.same(tap.faults, []);
    t.same(tap.cells.map(({ name }) => name.split(" ").at(-1)), MACHINES);
    for (const cell of tap.cells) {
      const reason = skips[cell.name.split(" ").at(-1) ?? ""];
      t.ok(cell.ok, cell.name);
      t.ok(cell.name.startsWith(`${kernel}.`), "the newest of the series");
      t.same(failuresOf(cell), []);
      if (reason) t.match(cell.skip, reason);
      else t.ok(cell.skip === undefined && cell.points.length > 1, `${cell.points.length} points`);
    }
    const found = deviationsIn(tap.cells.flatMap(({ points }) => points));
    t.same([...found].sort(), deviations);
  });
}
