import t from "#tap";
import { FatalFault, moveData, startEngine, type Transfer } from "../../harness/model/dma.ts";
import { setIommu } from "../../harness/model/backend.ts";
import {
  close,
  deviceClose,
  deviceOpen,
  groupClose,
  groupSetContainer,
  groupUnsetContainer,
  HandleError,
  open,
} from "../../harness/model/lifecycle.ts";
import { MAP_READ, MAP_VADDR, MAP_WRITE, mapDma, type MapRequest } from "../../harness/model/map.ts";
import { rangeText, U64_MAX } from "../../harness/model/range_list.ts";
import { exec, exit, fork, inProcess } from "../../harness/model/process.ts";
import type { World } from "../../harness/model/world.ts";
import { UNMAP_ALL_FLAG, UNMAP_VADDR_FLAG } from "../../harness/model/unmap.ts";
import { Play } from "./play.ts";
import { AMD, group, INTEL, iommu, upTo, worldOf } from "./worlds.ts";

const AT = 0x10000n;
const WORLD = worldOf({
  a: group(INTEL, [], { kinds: ["lsi53c895a"] }),
  b: group(INTEL, [], { kinds: ["edu"] }),
  c: group(INTEL, [], { kinds: ["pci-testdev"] }),
});

/** A container with the first group, whose device moves data. */
function engine(world: World = WORLD, at = AT, name = "a"): Play {
  const play = Play.right("6.12.117", world);
  play.start(3n, name);
  play.run(deviceOpen, "d", name);
  play.map(at, 0x3000n);
  play.run(startEngine, name, "d", at);
  return play;
}

const move = (play: Play, direction: Transfer["direction"], iova: bigint, size: bigint, name = "a"): string =>
  play.run(moveData, name, "d", { direction, iova, size });
const writes = (play: Play, iova: bigint, size: bigint, name = "a") => move(play, "write", iova, size, name);
const reads = (play: Play, iova: bigint, size: bigint, name = "a") => move(play, "read", iova, size, name);
const maps = (play: Play, iova: bigint, size: bigint, more: Partial<MapRequest> = {}) =>
  play.run(mapDma, "c", { iova, size, flags: MAP_READ | MAP_WRITE, ...more });

t.test("what is mapped is reached, byte for byte [§20.1 rows 1 and 2]", async (t) => {
  const play = engine();
  maps(play, 0x41000n, 0x1000n);
  maps(play, 0x40000n, 0x1000n);
  maps(play, 0x43000n, 0x1000n);
  t.equal(writes(play, 0x40000n, 0x2000n), "ok landed=0x40000..0x41fff strays=-", "neighbours are joined");
  t.equal(writes(play, 0x40fffn, 2n), "ok landed=0x40fff..0x41000 strays=-");
  t.equal(writes(play, 0x3ffffn, 0x4002n), "ok landed=0x40000..0x41fff,0x43000..0x43fff strays=-");
  t.equal(reads(play, 0x41fffn, 2n), "ok seen=0x41fff..0x41fff strays=-");
  t.equal(writes(play, 0x42000n, 0x1000n), "ok landed=- strays=-");
  play.unmap(0x40000n);
  t.equal(writes(play, 0x40000n, 0x2000n), "ok landed=0x41000..0x41fff strays=-");
});

t.test("access decides who may do what, as far as the IOMMU can tell [§20.1 row 3]", async (t) => {
  const WRITE_ONLY = { flags: MAP_WRITE };
  const intel = engine();
  maps(intel, 0x40000n, 0x1000n, { flags: MAP_READ });
  maps(intel, 0x41000n, 0x1000n, WRITE_ONLY);
  t.equal(writes(intel, 0x40ffen, 4n), "ok landed=0x41000..0x41001 strays=-");
  t.equal(reads(intel, 0x40ffen, 4n), "ok seen=0x40ffe..0x41001 strays=-");
  const amd = engine(worldOf({ a: group(AMD, [], { kinds: ["lsi53c895a"] }) }));
  maps(amd, 0x41000n, 0x1000n, WRITE_ONLY);
  t.equal(writes(amd, 0x40ffen, 4n), "ok landed=0x41000..0x41001 strays=-");
  t.equal(reads(amd, 0x40ffen, 4n), "ok seen=- strays=-");
});

t.test("what stays mapped stays reached, whatever is closed or disowned [§20.1 row 5]", async (t) => {
  const play = engine();
  maps(play, 0x40000n, 0x1000n);
  const arrives = (when: string) =>
    t.equal(writes(play, 0x40000n, 1n), "ok landed=0x40000..0x40000 strays=-", when);
  play.unmap(0x40000n, 0x1000n, UNMAP_VADDR_FLAG);
  arrives("without vaddr");
  maps(play, 0x40000n, 0x1000n, { flags: MAP_VADDR, vaddr: 0x1000n });
  arrives("with another, where nothing is");
  play.run(close, "c");
  arrives("the container's descriptor closed");
  play.run(groupClose, "a");
  arrives("the group's as well");
});

t.test("memory is told by the process that has it [§20.1 rows 1 and 5]", async (t) => {
  const play = engine();
  maps(play, 0x40000n, 0x1000n);
  play.run(fork, "p1");
  const childMaps = (iova: bigint) =>
    play.run(inProcess, "p1", (state) => mapDma(state, "c", { iova, size: 0x1000n, flags: 3 }));
  childMaps(0x41000n);
  t.equal(
    writes(play, 0x40000n, 0x2000n),
    "ok landed=0x40000..0x40fff strays=- p1.landed=0x41000..0x41fff p1.strays=-",
  );
  t.throws(() => reads(play, 0x41000n, 1n), { message: /child's memory/ });
  play.run(exec, "p1");
  t.match(writes(play, 0x41000n, 1n), / p1\.landed=- /, "a new program has forgotten it");
  play.run(exit, "p1");
  t.equal(writes(play, 0x40000n, 0x2000n), "ok landed=0x40000..0x40fff strays=-");
});

t.test("a container's mappings are no other's [§20.1 row 4]", async (t) => {
  const play = engine(WORLD, AT, "b");
  maps(play, 0x40000n, 0x1000n);
  t.equal(writes(play, 0x40000n, 1n, "b"), "ok landed=0x40000..0x40000 strays=-");
  play.join("a");
  play.run(deviceClose, "d");
  play.run(groupUnsetContainer, "b");
  play.run(open, "c1");
  t.throws(() => writes(play, 0x40000n, 1n, "b"), HandleError, "nor is a device's that left");
});

t.test("what can't be done, or couldn't be told, is the author's mistake", async (t) => {
  const mistakes: [name: string, act: (play: Play) => unknown, message: RegExp][] = [
    [
      "too wide",
      (play) => writes(play, 0xffffffffn, 2n),
      /^0xffffffff\.\.0x100000000 is beyond the 32 address bits of lsi53c895a/,
    ],
    [
      "not a whole description",
      () => {
        const play = engine(worldOf({ a: group(INTEL, [], { kinds: ["nvme"] }) }));
        maps(play, 0x40000n, 0x1000n);
        t.equal(writes(play, 0x40004n, 1024n), "ok landed=0x40004..0x40403 strays=-");
        writes(play, 0x40004n, 1000n);
      },
      /^nvme moves multiples of 512 bytes, to and from multiples of 4$/,
    ],
    ["nothing", (play) => writes(play, 0n, 0n), /^moves 1 to 0x1000000 bytes$/],
    ["its own memory", (play) => writes(play, AT, 1n), /^the mapping at 0x10000 is an engine's own$/],
    [
      "memory that was its own before",
      (play) => {
        maps(play, 0x60000n, 0x3000n);
        play.run(startEngine, "a", "d", 0x60000n);
        writes(play, AT, 1n);
      },
      /^the mapping at 0x10000 is an engine's own$/,
    ],
    [
      "memory that can't be looked at",
      (play) => {
        maps(play, 0x40000n, 0x1000n, { backing: { kind: "untouched" } });
        writes(play, 0x40000n, 1n);
      },
      /^the mapping at 0x40000 is of untouched memory/,
    ],
    [
      "memory that nobody has touched",
      (play) => {
        maps(play, 0x40000000n, 0x4000000n);
        t.equal(writes(play, 0x43ffffffn, 2n), "ok landed=0x43ffffff..0x43ffffff strays=-");
        maps(play, 0x50000000n, 0x4001000n);
        writes(play, 0x50000000n, 1n);
      },
      /^the mapping at 0x50000000 has more than 0x4000000 bytes, in which a transfer doesn't show$/,
    ],
    [
      "working memory is gone",
      (play) => {
        play.unmap(0n, 0n, UNMAP_ALL_FLAG);
        play.map(AT, 0x3000n);
        writes(play, 0x40000n, 1n);
      },
      /^the engine of a has lost its working memory at 0x10000; write engine: anew$/,
    ],
    [
      "the device is closed",
      (play) => {
        play.run(deviceClose, "d");
        play.run(deviceOpen, "d", "a");
        writes(play, 0x40000n, 1n);
      },
      /^no engine was made of group a/,
    ],
    [
      "a child",
      (play) => {
        play.run(fork, "p1");
        play.run(
          inProcess,
          "p1",
          (state) => moveData(state, "a", "d", { direction: "read", iova: 0n, size: 1n }),
        );
      },
      /^only the main process/,
    ],
    [
      "no container",
      (play) => play.run(startEngine, "b", "d", AT),
      /^group b is in no container with an IOMMU$/,
    ],
    [
      "no such memory",
      (play) => play.run(startEngine, "a", "d", 0x40000n),
      /^no mapping at 0x40000 is fit for/,
    ],
    [
      "a device without DMA",
      (play) => {
        play.join("c");
        play.run(startEngine, "c", "d", AT);
      },
      /^group c has pci-testdev, which moves no data; ask for device: one of lsi53c895a, edu, nvme$/,
    ],
  ];
  for (const [name, act, message] of mistakes) {
    t.throws(() => act(engine()), { name: "HandleError", message }, name);
  }
});

t.test("nothing may be refused where the kernel doesn't survive it [§19]", async (t) => {
  const play = engine(
    worldOf({ a: group(iommu("amd", upTo(64), { survivesFaults: false }), [], { kinds: ["edu"] }) }),
  );
  maps(play, 0x40000n, 0x2000n);
  t.equal(writes(play, 0x40000n, 0x2000n), "ok landed=0x40000..0x41fff strays=-");
  for (const [iova, size] of [[0x3ffffn, 2n], [0x41fffn, 2n], [0x50000n, 1n]] as const) {
    t.throws(() => writes(play, iova, size), FatalFault);
  }
});

t.test("no access may begin with the last byte of a page where it would be misled [§19]", async (t) => {
  const play = engine(
    worldOf({ a: group(iommu("virtio", upTo(64), { confusesLastBytes: true }), [], { kinds: ["edu"] }) }),
  );
  maps(play, 0x40000n, 0x2000n);
  t.equal(writes(play, 0x3fffen, 0x2002n), "ok landed=0x40000..0x41fff strays=-");
  for (const [iova, size] of [[0x3ffffn, 1n], [0x40fffn, 2n], [0x41fffn, 1n]] as const) {
    t.throws(() => writes(play, iova, size), FatalFault);
  }
});

t.test("what old kernels unmap for the books only is still reached [§12 R1a, R1c]", async (t) => {
  const world = worldOf({ a: group(AMD, [], { kinds: ["edu"] }) });
  const TOP = U64_MAX - 0xfffn;
  for (
    const [kernel, landed] of [["6.12.117", rangeText({ start: TOP, last: TOP })], ["7.3.4", "-"]] as const
  ) {
    for (const [iova, size, flags] of [[TOP, 0x1000n, 0], [0n, 0n, UNMAP_ALL_FLAG]] as const) {
      const play = Play.real(kernel, world);
      play.start(3n, "a");
      play.run(deviceOpen, "d", "a");
      maps(play, TOP, 0x1000n);
      play.map(0x1000n);
      play.unmap(iova, size, flags);
      play.map(AT, 0x3000n);
      play.run(startEngine, "a", "d", AT);
      t.equal(writes(play, TOP, 1n), `ok landed=${landed} strays=-`, `${kernel}, flags ${flags}`);
      play.run(deviceClose, "d");
      play.run(groupUnsetContainer, "a");
      play.run(groupSetContainer, "a", "c");
      play.run(setIommu, "c", 3n);
      play.run(deviceOpen, "d", "a");
      play.map(AT, 0x3000n);
      play.run(startEngine, "a", "d", AT);
      t.equal(writes(play, TOP, 1n), "ok landed=- strays=-", "but not in a new domain");
    }
  }
});
