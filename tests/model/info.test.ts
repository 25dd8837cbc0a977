import t from "#tap";
import fc from "fast-check";
import { getInfo, readBack } from "../../harness/model/info.ts";
import { lockedPages } from "../../harness/model/locked_memory.ts";
import { close, groupClose, open } from "../../harness/model/lifecycle.ts";
import { KERNELS, Play } from "./play.ts";
import { always } from "./always.ts";
import { AMD, group, HYPERTRANSPORT, INTEL, INTEL_48, MSI, region, worldOf } from "./worlds.ts";

const WORLD = worldOf({
  a: group(INTEL, [MSI]),
  wide: group(INTEL_48, [MSI]),
  amd: group(AMD, [MSI, HYPERTRANSPORT]),
});

/** A group whose list has the given number of ranges. */
const worldWith = (ranges: number) =>
  worldOf({
    a: group(
      INTEL,
      Array.from({ length: ranges - 1 }, (_, i) =>
        region(BigInt(i * 2 + 1) << 12n, (BigInt(i * 2 + 2) << 12n) - 1n)),
    ),
  });

t.test("without IOMMU [§1.1]", async (t) => {
  const play = Play.right("6.12.117", WORLD);
  play.run(open, "c");
  t.equal(play.run(getInfo, "c"), "EINVAL");
  t.equal(play.run(readBack), "ok vmlck=0x0 c.info=EINVAL");
});

t.test("the whole of it [§6.2]", async (t) => {
  const packed = Play.right("6.1.192", WORLD);
  packed.start(3n, "a");
  packed.map(0n);
  t.equal(
    packed.run(getInfo, "c"),
    "ok argsz=0x74 flags=0x3 pgsizes=0x40201000 cap-offset=0x18 caps=2@0x18,3@0x38,1@0x44 " +
      "migration=0x0/0x0/0x1000/0x10000000 avail=65534 ranges=0x0..0xfedfffff,0xfef00000..0x7fffffffff",
  );
  const aligned = Play.right("6.12.117", WORLD);
  aligned.start(3n, "a");
  t.match(
    aligned.run(getInfo, "c"),
    "argsz=0x78 flags=0x3 pgsizes=0x40201000 cap-offset=0x18 caps=2@0x18,3@0x38,1@0x48",
  );
});

t.test("the size is 84 + 16n bytes, and 88 + 16n from 6.6 on [§6.2]", async (t) => {
  for (const [index, kernel] of KERNELS.entries()) {
    const base = index < 2 ? 84 : 88;
    always(
      t,
      fc.property(fc.integer({ min: 1, max: 40 }), (ranges) => {
        const play = Play.right(kernel, worldWith(ranges));
        play.start(3n, "a");
        const { answer } = getInfo(play.state, "c");
        return play.type1.list.length === ranges &&
          answer.values.argsz === `0x${(base + 16 * ranges).toString(16)}`;
      }),
      { numRuns: 20 },
    );
  }
});

t.test("what argsz decides [§6.1]", async (t) => {
  const total = { "6.1.192": 116, "6.12.117": 120 };
  for (const [kernel, bytes] of Object.entries(total)) {
    const play = Play.right(kernel, WORLD);
    play.start(3n, "a");
    const info = (argsz: number) => play.run(getInfo, "c", argsz);
    const short = `ok argsz=0x${bytes.toString(16)} flags=0x3 pgsizes=0x40201000`;
    for (const argsz of [0, 15]) t.equal(info(argsz), "EINVAL", `${kernel} ${argsz}`);
    for (const argsz of [16, 19]) t.equal(info(argsz), `${short} caps=-`, `${kernel} ${argsz}`);
    for (const argsz of [20, 23, 24, bytes - 1]) {
      t.equal(info(argsz), `${short} cap-offset=0x0 caps=-`, `${kernel} ${argsz}`);
    }
    t.match(info(bytes), `${short} cap-offset=0x18 caps=`, kernel);
    t.match(info(4096), "ok argsz=0x1000 flags=0x3 pgsizes=0x40201000 cap-offset=0x18 caps=", kernel);
  }
});

t.test("page sizes are what all domains have in common [§6.2]", async (t) => {
  const play = Play.right("6.1.192", WORLD);
  play.start(3n, "amd");
  t.match(play.run(getInfo, "c"), "pgsizes=0xffffff7ffffff000");
  play.join("a");
  t.match(play.run(getInfo, "c"), "pgsizes=0x40201000");
  play.join("wide");
  t.match(play.run(getInfo, "c"), "pgsizes=0x201000");
});

t.test("a read-back lists the open containers in order, and all locked memory [§8]", async (t) => {
  const play = Play.right("6.12.117", WORLD);
  play.run(open, "d");
  play.start(3n, "a");
  play.map(0n, 0x5000n);
  t.equal(
    play.run(readBack),
    "ok vmlck=0x5 d.info=EINVAL c.pgsizes=0x40201000 c.avail=65534 " +
      "c.ranges=0x0..0xfedfffff,0xfef00000..0x7fffffffff",
  );
  play.run(close, "c");
  t.equal(play.run(readBack), "ok vmlck=0x5 d.info=EINVAL", "closed, but alive");
  play.run(groupClose, "a");
  t.equal(lockedPages(play.state), 0n);
});
