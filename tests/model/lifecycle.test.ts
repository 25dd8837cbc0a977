import t from "#tap";
import { bind, remove } from "../../harness/model/devices.ts";
import { checkExtension, setIommu } from "../../harness/model/backend.ts";
import {
  close,
  deviceClose,
  deviceOpen,
  deviceOpenMisnamed,
  groupClose,
  groupOpen,
  groupSetContainer,
  groupSetContainerTo,
  groupStatus,
  groupUnsetContainer,
  HandleError,
  NO_CONTAINERS,
  open,
} from "../../harness/model/lifecycle.ts";
import { getInfo } from "../../harness/model/info.ts";
import { MAP_READ, MAP_WRITE, mapDma } from "../../harness/model/map.ts";
import { unmapDma } from "../../harness/model/unmap.ts";
import { lockedPages } from "../../harness/model/locked_memory.ts";
import { exit, fork, inProcess } from "../../harness/model/process.ts";
import { KERNELS, Play } from "./play.ts";
import { AMD, group, INTEL, iommu, MSI, region, SW_MSI, TAKEN, upTo, VIRTIO, worldOf } from "./worlds.ts";

const DIRECT = { requiresDirect: true };
const REGION = region(0x40000000n, 0x4000ffffn, "direct");

const WORLD = worldOf({
  "intel-direct": group(INTEL, [MSI, REGION], DIRECT),
  "amd-direct": group(AMD, [MSI, REGION], DIRECT),
  "taken-direct": group(INTEL, [MSI, REGION], { ...TAKEN, ...DIRECT }),
  a: group(INTEL, [MSI]),
  b: group(INTEL, [MSI]),
  taken: group(INTEL, [MSI], TAKEN),
  amd: group(AMD, [MSI]),
  virtio: group(VIRTIO, [MSI]),
});

t.test("one opener at a time, and a device keeps the group open [§1.1]", async (t) => {
  const play = Play.right("6.12", WORLD);
  t.equal(play.start(3n, "a"), "ok");
  t.equal(play.run(groupOpen, "a"), "EBUSY");
  t.equal(play.run(deviceOpen, "a.0", "a"), "ok");
  t.equal(play.run(groupClose, "a"), "ok");
  t.equal(play.run(groupOpen, "a"), "EBUSY");
  t.equal(play.run(deviceClose, "a.0"), "ok");
  t.equal(play.run(groupOpen, "a"), "ok");
  t.equal(play.run(groupStatus, "a"), "ok flags=0x1");
});

/** What SET_CONTAINER says while the container is empty, and what SET_IOMMU says then. */
const DIRECT_REFUSALS: readonly [kernel: string, group: string, join: string, setIommu: string][] = [
  ["5.10.262", "intel-direct", "ok", "EPERM"],
  ["5.10.262", "amd-direct", "ok", "ok"],
  ["5.19", "intel-direct", "EPERM", "EINVAL"],
  ["6.1.192", "intel-direct", "EPERM", "EINVAL"],
  ["6.1.192", "amd-direct", "ok", "ok"],
  ["6.5.13", "amd-direct", "ok", "ok"],
  ["6.6", "amd-direct", "EINVAL", "EINVAL"],
  ["6.6", "intel-direct", "EINVAL", "EINVAL"],
  ["6.12.117", "amd-direct", "EINVAL", "EINVAL"],
  ["7.3.4", "intel-direct", "EINVAL", "EINVAL"],
];

t.test("who gets a device with a direct region [§1.4 row 10, §2.1 row 7, §9.7]", async (t) => {
  for (const [kernel, name, joined, set] of DIRECT_REFUSALS) {
    const play = Play.right(kernel, WORLD);
    play.run(open, "c");
    t.equal(play.join(name), joined, `${kernel} ${name}`);
    t.equal(
      play.run(groupStatus, name),
      `ok flags=${joined === "ok" ? "0x3" : "0x1"}`,
      "the group is viable",
    );
    t.equal(play.run(setIommu, "c", 3n), set, `${kernel} ${name}`);
  }
});

t.test("what is said first of a device with a direct region [§1.4 rows 4, 8 and 10, §2.1]", async (t) => {
  const play = Play.right("6.12.117", WORLD);
  play.run(open, "c");
  t.equal(play.join("taken-direct"), "EPERM", "somebody else owns it");
  const old = Play.right("5.10.262", WORLD);
  old.start(3n, "a");
  old.map(0x40000000n, 0x1000n);
  const before = old.state;
  t.equal(old.join("intel-direct"), "EPERM", "before the mapping in its region counts");
  t.same(old.state.containers, before.containers, "and nothing changed");
  t.equal(old.join("amd-direct"), "EINVAL", "which it does where nothing else is in the way");
});

t.test("CHECK_EXTENSION [§1.2]", async (t) => {
  const table: [extension: bigint, unset: string, set: string][] = [
    [1n, "1111", "1111"],
    [3n, "1111", "1111"],
    [4n, "0000", "0000"],
    [6n, "1110", "1110"],
    [9n, "0111", "0111"],
    [10n, "0000", "0111"],
    [2n, "0000", "0000"],
    [5n, "0000", "0000"],
    [7n, "0000", "0000"],
    [8n, "0000", "0000"],
    [99n, "0000", "0000"],
  ];
  for (const [index, kernel] of KERNELS.entries()) {
    const play = Play.right(kernel, WORLD);
    play.run(open, "u");
    play.start(3n, "a");
    for (const [extension, unset, set] of table) {
      t.equal(play.run(checkExtension, "u", extension), `ok value=${unset[index]}`, `${kernel} ${extension}`);
      t.equal(
        play.run(checkExtension, "c", extension),
        `ok value=${set[index]}`,
        `${kernel} ${extension} set`,
      );
    }
  }
});

t.test("DMA_CC needs every group [§1.2]", async (t) => {
  const play = Play.right("6.12", WORLD);
  play.start(3n, "amd");
  t.equal(play.run(checkExtension, "c", 4n), "ok value=1");
  t.equal(play.join("a"), "ok");
  t.equal(play.run(checkExtension, "c", 4n), "ok value=0");
});

t.test("a group whose DMA somebody else owns [§1.3, §1.4, §1.6]", async (t) => {
  for (const kernel of ["6.1.192", "6.12.117", "7.3.4"]) {
    const play = Play.right(kernel, WORLD);
    play.run(open, "c");
    t.equal(play.join("taken"), "EPERM", kernel);
    t.equal(play.run(groupStatus, "taken"), "ok flags=0x0", kernel);
  }
  const old = Play.right("5.10.262", WORLD);
  t.equal(old.start(3n, "taken"), "ok");
  t.equal(old.run(groupStatus, "taken"), "ok flags=0x2");
  t.equal(old.run(deviceOpen, "taken.0", "taken"), "EINVAL");
});

t.test("a group is in one container [§1.3, §1.4, §1.6]", async (t) => {
  const play = Play.right("6.12", WORLD);
  play.run(open, "c");
  play.run(open, "d");
  t.equal(play.join("a"), "ok");
  t.equal(play.run(groupStatus, "a"), "ok flags=0x3");
  t.equal(play.run(groupSetContainer, "a", "d"), "EINVAL");
  t.equal(play.run(groupUnsetContainer, "a"), "ok");
  t.equal(play.run(groupUnsetContainer, "a"), "EINVAL");
  t.equal(play.run(groupSetContainer, "a", "d"), "ok");
});

t.test("SET_IOMMU [§1.5]", async (t) => {
  const table: [type: bigint, answers: string[]][] = [
    [1n, ["ok", "ok", "ok", "ok"]],
    [3n, ["ok", "ok", "ok", "ok"]],
    [6n, ["EINVAL", "EINVAL", "EINVAL", "ENODEV"]],
    [9n, ["ENODEV", "EINVAL", "EINVAL", "EINVAL"]],
    ...[0n, 2n, 4n, 7n, 8n, 10n, 99n, (1n << 32n) + 1n].map((type): [bigint, string[]] => [
      type,
      Array(4).fill("ENODEV"),
    ]),
  ];
  for (const [index, kernel] of KERNELS.entries()) {
    for (const [type, answers] of table) {
      t.equal(Play.right(kernel, WORLD).start(type, "a"), answers[index], `${kernel} type ${type}`);
    }
  }
});

t.test("nesting is refused in the words of the newest group's driver [§1.5, §2.1 row 6]", async (t) => {
  const knows = { ...INTEL, nesting: "ENODEV" as const };
  const world = worldOf({ old: group(knows, [MSI]), amd: group(AMD, [MSI]) });
  t.equal(Play.right("5.10.262", world).start(6n, "amd", "old"), "ENODEV");
  t.equal(Play.right("5.10.262", world).start(6n, "old", "amd"), "EINVAL");
  t.equal(Play.right("7.3.4", world).start(6n, "old"), "ENODEV", "there nobody is asked");
});

t.test("nesting that is granted: unmaps as v2, an aperture of its own, and every later group must nest [§1.5]", async (t) => {
  const smmu = iommu("smmuv3", upTo(48), { nesting: upTo(44) });
  const world = worldOf({ a: group(smmu, [SW_MSI]), b: group(smmu, [SW_MSI]), amd: group(AMD, [MSI]) });
  const play = Play.right("6.1.192", world);
  t.equal(play.start(6n, "a"), "ok");
  const ranges = "ranges=0x0..0x7ffffff,0x8100000..0xfffffffffff";
  t.match(play.run(getInfo, "c"), ranges);
  t.equal(play.join("amd"), "EINVAL");
  t.equal(play.join("b"), "ok");
  play.run(groupUnsetContainer, "a");
  t.match(play.run(getInfo, "c"), ranges);
  t.equal(Play.right("6.1.192", world).start(3n, "a"), "ok", "asked for nothing special it isn't nested");
  const plain = Play.right("6.1.192", world);
  plain.start(3n, "a");
  t.match(plain.run(getInfo, "c"), "0x8100000..0xffffffffffff");
});

t.test("SET_IOMMU needs a group, and happens once [§1.5]", async (t) => {
  const play = Play.right("6.12", WORLD);
  t.equal(play.start(3n), "EINVAL");
  t.equal(play.run(setIommu, "c", 99n), "EINVAL");
  play.join("a");
  t.equal(play.run(setIommu, "c", 3n), "ok");
  t.equal(play.run(setIommu, "c", 3n), "EINVAL");
  t.equal(play.run(setIommu, "c", 99n), "EINVAL");
});

t.test("a failing SET_IOMMU can be tried again [§1.5]", async (t) => {
  const play = Play.right("6.12", WORLD);
  t.equal(play.start(3n, "a", "virtio"), "EPERM");
  t.equal(play.run(getInfo, "c"), "EINVAL");
  t.same(play.state.containers.get("c")?.groups, ["virtio", "a"]);
  play.state = { ...play.state, allowUnsafeInterrupts: true };
  t.equal(play.run(setIommu, "c", 3n), "ok");
});

t.test("SET_IOMMU attaches the newest group first [§1.5]", async (t) => {
  const play = Play.right("6.12", WORLD);
  play.start(3n, "a", "amd", "b");
  t.same(play.type1.domains, [{ iommu: "amd", groups: ["amd"] }, { iommu: "intel", groups: ["a", "b"] }]);
});

t.test("an open device keeps its group in the container [§1.6]", async (t) => {
  const play = Play.right("6.12", WORLD);
  play.run(open, "c");
  play.join("a");
  t.equal(play.run(deviceOpen, "a.0", "a"), "EINVAL", "no IOMMU yet");
  play.run(setIommu, "c", 3n);
  t.equal(play.run(deviceOpen, "a.0", "a"), "ok");
  t.equal(play.run(groupUnsetContainer, "a"), "EBUSY");
  t.equal(play.run(deviceClose, "a.0"), "ok");
  t.equal(play.run(groupUnsetContainer, "a"), "ok");
});

t.test("a closed container lives on in its groups [§1.6]", async (t) => {
  const play = Play.right("6.12", WORLD);
  play.start(3n, "a");
  play.map(0n, 0x3000n);
  t.equal(play.run(close, "c"), "ok");
  t.equal(lockedPages(play.state), 3n);
  t.equal(play.run(groupClose, "a"), "ok");
  t.equal(lockedPages(play.state), 0n);
  t.equal(play.state.containers.size + play.state.groups.size, 0);
});

t.test("after the last group a container is as new [§1.6]", async (t) => {
  const play = Play.right("6.12", WORLD);
  play.start(3n, "a");
  play.map(0n);
  play.run(groupUnsetContainer, "a");
  t.equal(lockedPages(play.state), 0n);
  t.equal(play.run(getInfo, "c"), "EINVAL");
  t.equal(play.run(setIommu, "c", 1n), "EINVAL");
  play.state = { ...play.state, dmaEntryLimit: 1 };
  play.run(groupSetContainer, "a", "c");
  t.equal(play.run(setIommu, "c", 1n), "ok");
  t.equal(play.type1.unmapRules, 1);
  t.equal(play.type1.mappingLimit, 1);
});

t.test("a scenario that uses handles out of order is told so", async (t) => {
  const play = Play.right("6.12", WORLD);
  play.start(3n, "a");
  play.run(deviceOpen, "a.0", "a");
  const misuses: [string, () => string][] = [
    ["container d is not open", () => play.run(close, "d")],
    ["group b is not open", () => play.run(groupStatus, "b")],
    ["there is no group z; name it under groups", () => play.run(groupOpen, "z")],
    ["container c exists already", () => play.run(open, "c")],
    ["device b.0 is not open", () => play.run(deviceClose, "b.0")],
    ["device a.0 is open already", () => play.run(deviceOpen, "a.0", "a")],
  ];
  for (const [message, misuse] of misuses) t.throws(misuse, new HandleError(message));
});

t.test("SET_CONTAINER of what is no container [§1.4 rows 2–6]", async (t) => {
  const E = "EINVAL";
  const alone = { negative: [E, "EBADF", "EBADF", "EBADF"], closed: Array(4).fill("EBADF") };
  const joined = { negative: [E, "EBADF", "EBADF", "EBADF"], closed: [E, "EBADF", "EBADF", "EBADF"] };
  const outside: Record<string, string[]> = { ...alone, "other-file": [E, E, "EBADFD", "EBADFD"] };
  const inside: Record<string, string[]> = { ...joined, "other-file": [E, E, E, E] };
  for (const [index, kernel] of KERNELS.entries()) {
    const play = Play.right(kernel, WORLD);
    play.run(groupOpen, "a");
    for (const what of NO_CONTAINERS) {
      t.equal(play.run(groupSetContainerTo, "a", what), outside[what]?.[index], `${kernel} ${what}`);
    }
    t.equal(play.run(groupStatus, "a"), "ok flags=0x1", "in none");
    play.run(open, "c");
    play.run(groupSetContainer, "a", "c");
    for (const what of NO_CONTAINERS) {
      const name = `${kernel} ${what}, in a container`;
      t.equal(play.run(groupSetContainerTo, "a", what), inside[what]?.[index], name);
    }
    t.same(play.state.containers.get("c")?.groups, ["a"]);
  }
  t.throws(() => Play.right("6.12", WORLD).run(groupSetContainerTo, "a", "closed"), HandleError);
});

t.test("a group whose device is gone, and what still comes before that [§1.3, §1.4 rows 2–6, §1.6]", async (t) => {
  for (const kernel of KERNELS.slice(1)) {
    const play = Play.right(kernel, WORLD);
    play.run(open, "c");
    play.run(groupOpen, "a");
    play.run(remove, "a");
    t.equal(play.run(groupStatus, "a"), "ENODEV", kernel);
    t.equal(play.run(groupSetContainer, "a", "c"), "ENODEV");
    const answers = NO_CONTAINERS.map((what) => play.run(groupSetContainerTo, "a", what));
    t.same(answers, ["EBADF", "EBADF", "ENODEV"], NO_CONTAINERS.join(", "));
    t.equal(play.run(deviceOpen, "a.0", "a"), "ENODEV");
    t.equal(
      play.run(deviceOpenMisnamed, "a", " trailing"),
      "ENODEV",
      "no device has the name before the blank",
    );
  }
});

t.test("a device without a driver of VFIO isn't found by its name [§1.6]", async (t) => {
  const world = worldOf({ a: group(INTEL, [MSI], { ...TAKEN, drivers: ["none", "vfio-pci"] }) });
  for (const [index, kernel] of KERNELS.entries()) {
    const play = Play.right(kernel, world);
    play.run(groupOpen, "a");
    t.equal(play.run(deviceOpen, "a.0", "a"), index === 0 ? "EINVAL" : "ENODEV", kernel);
    play.run(open, "c");
    play.run(groupSetContainer, "a", "c");
    t.equal(play.run(setIommu, "c", 3n), "ok");
    t.equal(play.run(deviceOpen, "a.0", "a"), "ENODEV");
    play.run(bind, "a", 0, "vfio-pci");
    t.equal(play.run(deviceOpen, "a.0", "a"), "ok");
  }
});

t.test("GET_DEVICE_FD by a wrong name [§1.6]", async (t) => {
  const names: [behind: string | undefined, answer: string][] = [
    [undefined, "ENODEV"],
    ["0", "ENODEV"],
    [".1", "ENODEV"],
    [" trailing", "EINVAL"],
    [" vf_token=1", "EINVAL"],
  ];
  for (const kernel of KERNELS) {
    for (const [behind, answer] of names) {
      const play = Play.right(kernel, WORLD);
      const ask = () => play.run(deviceOpenMisnamed, "a", behind);
      const early = kernel === "5.10.262" ? "EINVAL" : answer;
      play.run(groupOpen, "a");
      t.equal(ask(), early, `${kernel} ${behind}: in no container`);
      play.run(open, "c");
      play.run(groupSetContainer, "a", "c");
      t.equal(ask(), early, `${kernel} ${behind}: no IOMMU`);
      play.run(setIommu, "c", 3n);
      t.equal(ask(), answer, `${kernel} ${behind}: ready`);
      t.equal(play.run(groupUnsetContainer, "a"), "ok", "no device was opened");
    }
  }
});

t.test("a wrong name of a group that isn't viable [§1.6]", async (t) => {
  const play = Play.right("5.10.262", WORLD);
  play.start(3n, "taken");
  t.equal(play.run(deviceOpenMisnamed, "taken", undefined), "EINVAL");
});

t.test("what one of two processes closes stays open [§1.6]", async (t) => {
  const play = Play.right("6.12", WORLD);
  play.start(3n, "a");
  play.run(deviceOpen, "a.0", "a");
  play.run(fork, "p");
  play.map(0n);
  t.equal(play.run(deviceClose, "a.0"), "ok");
  t.equal(play.run(groupUnsetContainer, "a"), "EBUSY", "the child has the device");
  t.equal(play.run(inProcess, "p", (state) => deviceClose(state, "a.0")), "ok");
  t.equal(play.run(inProcess, "p", (state) => groupClose(state, "a")), "ok");
  t.equal(play.run(groupStatus, "a"), "ok flags=0x3", "its parent has the group");
  t.equal(play.run(close, "c"), "ok");
  t.equal(play.run(groupClose, "a"), "ok");
  t.equal(lockedPages(play.state), 0n);
  t.same(play.state.containers.get("c")?.holders, ["p"], "and the child the container, as new");
  t.equal(play.run(inProcess, "p", (state) => getInfo(state, "c")), "EINVAL");
  t.equal(play.run(exit, "p"), "ok");
  t.equal(play.state.containers.size + play.state.groups.size, 0);
});

t.test("whoever has a device's memory has the device", async (t) => {
  const play = Play.right("6.12", WORLD);
  play.start(3n, "a");
  play.run(deviceOpen, "a.0", "a");
  const request = {
    iova: 0n,
    size: 0x1000n,
    flags: MAP_READ | MAP_WRITE,
    backing: { kind: "device" } as const,
  };
  t.equal(play.run(mapDma, "c", request), "ok");
  t.equal(play.run(unmapDma, "c", { iova: 0n, size: 0x1000n, flags: 0 }), "ok size=0x1000");
  t.throws(() => play.run(deviceClose, "a.0"), HandleError);
});

t.test("what only the child opened goes with it [§1.6]", async (t) => {
  const play = Play.right("6.12", WORLD);
  play.run(fork, "p");
  play.run(inProcess, "p", (state) => open(state, "c"));
  play.run(inProcess, "p", (state) => groupOpen(state, "a"));
  play.run(inProcess, "p", (state) => groupSetContainer(state, "a", "c"));
  t.equal(play.run(inProcess, "p", (state) => setIommu(state, "c", 3n)), "ok");
  t.throws(() => play.run(close, "c"), new HandleError("container c is not open"));
  t.throws(() => play.run(groupStatus, "a"), new HandleError("group a is not open"));
  t.equal(play.run(groupOpen, "a"), "EBUSY");
  play.run(exit, "p");
  t.equal(play.run(groupOpen, "a"), "ok");
  t.equal(play.state.containers.size, 0);
});
