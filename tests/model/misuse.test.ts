import t from "#tap";
import { setIommu } from "../../harness/model/backend.ts";
import { groupOpen, HandleError, open } from "../../harness/model/lifecycle.ts";
import {
  CONTAINER_CALLS,
  GROUP_CALLS,
  misuseContainer,
  misuseGroup,
  pokeContainer,
} from "../../harness/model/misuse.ts";
import { KERNELS, Play } from "./play.ts";
import { group, INTEL, MSI, worldOf } from "./worlds.ts";

const WORLD = worldOf({ a: group(INTEL, [MSI]) });

const containerAnswers = (play: Play): string[] =>
  CONTAINER_CALLS.map((call) => play.run(misuseContainer, "c", call));

t.test("null pointers to a container [§1.1, §4.1 row 1, §5.1 row 1, §6.1, §7.1]", async (t) => {
  t.same(CONTAINER_CALLS, ["get-api-version", "get-info", "map", "unmap", "dirty", "unknown"]);
  for (const kernel of KERNELS) {
    const play = Play.real(kernel, WORLD);
    play.run(open, "c");
    const E = "EINVAL";
    t.same(containerAnswers(play), ["ok value=0", E, E, E, E, E], `${kernel}: nobody looks without IOMMU`);
    play.join("a");
    t.equal(play.run(setIommu, "c", 3n), "ok");
    const F = "EFAULT";
    t.same(containerAnswers(play), ["ok value=0", F, F, F, F, "ENOTTY"], kernel);
  }
});

t.test("a v1 container has no dirty pages, not even for a null pointer [§7.1]", async (t) => {
  for (const kernel of KERNELS) {
    const play = Play.real(kernel, WORLD);
    play.start(1n, "a");
    t.same(containerAnswers(play), ["ok value=0", "EFAULT", "EFAULT", "EFAULT", "EACCES", "ENOTTY"], kernel);
  }
});

t.test("null pointers to a group, in a container or not [§1.1, §1.3, §1.4 row 1, §1.6]", async (t) => {
  t.same(GROUP_CALLS, ["get-status", "set-container", "get-device-fd", "unknown"]);
  for (const kernel of KERNELS) {
    const play = Play.real(kernel, WORLD);
    const answers = () => GROUP_CALLS.map((call) => play.run(misuseGroup, "a", call));
    play.run(groupOpen, "a");
    t.same(answers(), ["EFAULT", "EFAULT", "EFAULT", "ENOTTY"], kernel);
    t.equal(play.start(3n, "a"), "ok");
    t.same(answers(), ["EFAULT", "EFAULT", "EFAULT", "ENOTTY"], `${kernel}, attached`);
  }
});

t.test("a container is no file [§1.1]", async (t) => {
  const mmap = ["EINVAL", "ENODEV", "ENODEV", "ENODEV"];
  for (const [index, kernel] of KERNELS.entries()) {
    const play = Play.real(kernel, WORLD);
    const pokes = () =>
      (["read", "write", "mmap"] as const).map((poke) => play.run(pokeContainer, "c", poke));
    play.run(open, "c");
    t.same(pokes(), ["EINVAL", "EINVAL", mmap[index]], kernel);
    play.join("a");
    t.equal(play.run(setIommu, "c", 3n), "ok");
    t.same(pokes(), ["EINVAL", "EINVAL", mmap[index]], `${kernel}, with an IOMMU`);
  }
});

t.test("no misuse changes anything", async (t) => {
  for (const kernel of KERNELS) {
    const play = Play.real(kernel, WORLD);
    play.start(3n, "a");
    play.map(0n);
    const before = play.state;
    containerAnswers(play);
    for (const call of GROUP_CALLS) play.run(misuseGroup, "a", call);
    for (const poke of ["read", "write", "mmap"] as const) play.run(pokeContainer, "c", poke);
    t.equal(play.state, before, kernel);
  }
});

t.test("what isn't open can't be misused", async (t) => {
  const play = Play.real("6.12.117", WORLD);
  t.throws(() => play.run(misuseContainer, "c", "map"), new HandleError("container c is not open"));
  t.throws(() => play.run(pokeContainer, "c", "read"), new HandleError("container c is not open"));
  t.throws(() => play.run(misuseGroup, "a", "get-status"), new HandleError("group a is not open"));
});
