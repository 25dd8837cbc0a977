import t from "#tap";
import { oldReleasesFor, rankOf, releaseOf, releases } from "../../harness/components/releases.ts";

t.test("an old release is looked into only for kernels that it may have", async (t) => {
  const names = (wanted?: string) => oldReleasesFor(wanted).map(({ name }) => name);
  for (const wanted of [undefined, "5", "5.10", "5.10.262", "5.10.0-46", "5.10.262-1"]) {
    t.same(names(wanted), ["bullseye"], wanted ?? "all");
  }
  for (const wanted of ["6", "6.1", "6.12.117", "7.3", "5.1", "5.101"]) t.same(names(wanted), [], wanted);
  t.notOk(releases.some(({ name }) => name === "bullseye"), "what needs no kernel of 5.10 doesn't see it");
});

t.test("every release has a compiler, its own or that of another", async (t) => {
  for (const name of ["bullseye", "bookworm", "trixie"] as const) {
    const { compiler, compilerFrom = name } = releaseOf(name);
    t.equal(releaseOf(compilerFrom).compiler, compiler, name);
    t.ok(releaseOf(compilerFrom).suites.length > 0, `${compilerFrom} has packages to make a toolchain of`);
  }
});

t.test("older releases come first", async (t) => {
  t.ok(rankOf("bullseye") < rankOf("bookworm") && rankOf("bookworm") < rankOf("trixie"));
});
