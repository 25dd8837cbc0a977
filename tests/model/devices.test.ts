import t from "#tap";
import {
  askToLeave,
  bind,
  departing,
  leave,
  plug,
  remove,
  rescan,
  unbind,
} from "../../harness/model/devices.ts";
import {
  close,
  deviceClose,
  deviceOpen,
  groupClose,
  groupOpen,
  groupSetContainer,
  groupStatus,
  groupUnsetContainer,
  HandleError,
} from "../../harness/model/lifecycle.ts";
import { getInfo } from "../../harness/model/info.ts";
import { lockedPages } from "../../harness/model/locked_memory.ts";
import { isGone, isViable } from "../../harness/model/world.ts";
import { KERNELS, Play } from "./play.ts";
import { group, INTEL, MSI, region, worldOf } from "./worlds.ts";

const PAIR = { devices: ["0000:05:01.0", "0000:05:02.0"], drivers: ["vfio-pci", "vfio-pci"] as const };
const WORLD = worldOf({
  a: group(INTEL, [MSI]),
  h: group(INTEL, [MSI, region(0x40000000n, 0x4000ffffn)]),
  pair: group(INTEL, [MSI], PAIR),
});
const NEWER = KERNELS.slice(1);
const H = { group: "h", index: 0 };
const SECOND = { group: "pair", index: 1 };
const WITH_H = "0x0..0x3fffffff,0x40010000..0xfedfffff,0xfef00000..0x7fffffffff";
const WITHOUT_H = "0x0..0xfedfffff,0xfef00000..0x7fffffffff";

const listOf = (play: Play) => play.state.containers.get("c")?.type1?.list;
const ranges = (play: Play) =>
  listOf(play)?.map(({ start, last }) => `0x${start.toString(16)}..0x${last.toString(16)}`).join(",");

t.test("drivers that use a device keep its group from users, others don't [§1.3]", async (t) => {
  const viable = ["vfio-pci", "pci-stub", "none", "absent"] as const;
  for (const driver of viable) t.ok(isViable({ ...group(INTEL, []), drivers: ["vfio-pci", driver] }), driver);
  for (const driver of ["virtio-pci", "uio_pci_generic"] as const) {
    t.notOk(isViable({ ...group(INTEL, []), drivers: ["vfio-pci", driver] }), driver);
    const play = Play.right("6.12.117", WORLD);
    play.start(3n, "pair");
    play.run(unbind, "pair", 1);
    t.equal(play.run(bind, "pair", 1, driver), "EBUSY", `${driver}, while the group is in a container`);
    t.equal(play.run(bind, "pair", 1, "pci-stub"), "ok");
  }
});

t.test("without a device of VFIO's there is no group [§1.7]", async (t) => {
  for (const drivers of [["none"], ["absent"], ["virtio-pci", "none"]] as const) {
    t.ok(isGone({ ...group(INTEL, []), drivers }), drivers.join());
  }
  t.notOk(isGone({ ...group(INTEL, []), drivers: ["absent", "vfio-pci"] }));
  for (const kernel of KERNELS) {
    const play = Play.right(kernel, WORLD);
    play.run(unbind, "a", 0);
    t.equal(play.run(groupOpen, "a"), "ENOENT", kernel);
    play.run(bind, "a", 0, "vfio-pci");
    t.equal(play.run(groupOpen, "a"), "ok");
  }
});

t.test("a group that loses its device leaves its container [§1.7]", async (t) => {
  for (const kernel of NEWER) {
    const play = Play.right(kernel, WORLD);
    play.start(3n, "a", "h");
    t.equal(ranges(play), WITH_H, kernel);
    play.run(askToLeave, H);
    t.same(departing(play.state), [H]);
    play.run(leave, H);
    t.equal(ranges(play), WITHOUT_H);
    t.same(play.state.leaving, []);
    t.equal(play.run(groupStatus, "h"), "ENODEV");
    t.equal(play.run(groupSetContainer, "h", "c"), "ENODEV");
    t.equal(play.run(groupUnsetContainer, "h"), "EINVAL");
    t.throws(() => play.run(plug, H), HandleError, "what is open is the old group");
    play.run(groupClose, "h");
    t.equal(play.run(groupOpen, "h"), "ENOENT");
    play.run(plug, H);
    t.equal(play.join("h"), "ok");
    t.equal(ranges(play), WITH_H);
  }
});

t.test("with the last group go IOMMU, mappings and a container that nobody has open [§1.6, §1.7]", async (t) => {
  const play = Play.right("6.12.117", WORLD);
  play.start(3n, "h");
  play.map(0x100000n, 0x1000n);
  t.equal(lockedPages(play.state), 1n);
  play.run(remove, "h");
  t.equal(play.run(getInfo, "c"), "EINVAL");
  t.equal(lockedPages(play.state), 0n);
  const closed = Play.right("6.12.117", WORLD);
  closed.start(3n, "h");
  closed.run(close, "c");
  closed.run(remove, "h");
  t.equal(closed.state.containers.size, 0);
});

t.test("a device that is open stays until it is closed [§1.7]", async (t) => {
  for (const kernel of KERNELS) {
    const play = Play.right(kernel, WORLD);
    play.start(3n, "a", "h");
    play.run(deviceOpen, "h-0", "h");
    play.run(askToLeave, H);
    t.same(departing(play.state), [], kernel);
    t.throws(() => play.run(leave, H), HandleError);
    t.throws(() => play.run(askToLeave, H), HandleError, "once is enough");
    t.equal(play.run(groupStatus, "h"), "ok flags=0x3");
    play.run(deviceClose, "h-0");
    const isOld = kernel === KERNELS[0];
    t.same(departing(play.state), isOld ? [] : [H], "before 6.1 its container holds it as well");
    t.equal(ranges(play), WITH_H);
    if (isOld) play.run(groupUnsetContainer, "h");
    t.same(departing(play.state), [H]);
    play.run(leave, H);
    t.equal(ranges(play), WITHOUT_H);
  }
});

t.test("what would have to wait for a holder is the author's fault [§1.7]", async (t) => {
  for (const kernel of KERNELS) {
    const play = Play.right(kernel, WORLD);
    play.start(3n, "h");
    play.run(deviceOpen, "h-0", "h");
    t.throws(() => play.run(unbind, "h", 0), { message: "device 1 of group h can't go while it is open" });
    t.throws(() => play.run(remove, "h"), HandleError);
    play.run(deviceClose, "h-0");
    if (kernel === KERNELS[0]) {
      t.throws(() => play.run(unbind, "h", 0), { message: /while its group is in a container$/ });
    } else t.equal(play.run(unbind, "h", 0), "ok");
  }
});

t.test("one of several devices comes and goes while its group is in use [§1.7]", async (t) => {
  for (const kernel of KERNELS) {
    const play = Play.right(kernel, WORLD);
    play.start(3n, "pair");
    play.run(deviceOpen, "pair-0", "pair");
    const before = listOf(play);
    play.run(askToLeave, SECOND);
    t.same(departing(play.state), [SECOND], `${kernel}: it is not the one that is open`);
    play.run(leave, SECOND);
    t.equal(listOf(play), before);
    t.equal(play.run(groupStatus, "pair"), "ok flags=0x3");
    t.equal(play.run(plug, SECOND), "ok");
    t.throws(() => play.run(plug, SECOND), HandleError);
  }
});

t.test("the group lives on with its second device [§1.6, §1.7]", async (t) => {
  const play = Play.right("6.12.117", WORLD);
  play.start(3n, "pair");
  const first = { group: "pair", index: 0 };
  play.run(askToLeave, first);
  play.run(leave, first);
  t.equal(play.run(deviceOpen, "pair-0", "pair"), "ENODEV");
  t.equal(play.run(groupStatus, "pair"), "ok flags=0x3");
  play.run(plug, first);
  t.equal(play.run(deviceOpen, "pair-0", "pair"), "ok");
});

t.test("what isn't there can't leave, nor be found twice", async (t) => {
  const play = Play.right("6.12.117", WORLD);
  t.throws(() => play.run(leave, H), { message: "nobody asked device 1 of group h to leave" });
  t.throws(() => play.run(rescan, "h"), { message: "device 1 of group h is there" });
  play.run(remove, "h");
  t.throws(() => play.run(askToLeave, H), { message: "device 1 of group h is not there" });
  t.throws(() => play.run(remove, "pair"), RangeError, "remove is for groups of one");
  t.throws(() => play.run(unbind, "h", 3), RangeError);
  play.run(rescan, "h");
  t.equal(play.run(groupOpen, "h"), "ENOENT", "no driver has it yet");
});

t.test("whose neighbour has left reaches nothing, where all have one name [§12 Q4]", async (t) => {
  const behind = (hasOneName: boolean) =>
    worldOf({ pair: group(INTEL, [MSI], { ...PAIR, hasOneName }), a: group(INTEL, [MSI]) });
  const cutOff = (play: Play) => {
    play.start(3n, "a", "pair");
    play.run(askToLeave, SECOND);
    play.run(leave, SECOND);
    return play.state.cutOff;
  };
  t.same(cutOff(Play.right("6.12.117", behind(true))), []);
  t.same(cutOff(Play.real("6.12.117", behind(false))), []);
  for (const kernel of NEWER) t.same(cutOff(Play.real(kernel, behind(true))), ["pair"], kernel);
  const play = Play.real("6.12.117", behind(true));
  cutOff(play);
  play.run(plug, SECOND);
  t.same(play.state.cutOff, [], "until one comes");
  play.run(askToLeave, SECOND);
  play.run(leave, SECOND);
  play.run(groupUnsetContainer, "pair");
  t.same(play.state.cutOff, [], "or the group leaves");
});
