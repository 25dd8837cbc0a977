import t from "#tap";
import { join } from "node:path";
import { run } from "../../harness/components/command.ts";
import { filesBelow } from "../../harness/components/digest.ts";
import { unpackDeb, unpackRoot } from "../../harness/components/unpack.ts";

const context = { cacheDir: "", progress: () => {} };

/** A package with these files, made by dpkg-deb. */
async function packageWith(directory: string, name: string, files: readonly string[]): Promise<string> {
  const tree = join(directory, name);
  await Deno.mkdir(join(tree, "DEBIAN"), { recursive: true });
  const control =
    `Package: ${name}\nVersion: 1\nArchitecture: all\nMaintainer: nobody <n@example.org>\nDescription: test\n`;
  await Deno.writeTextFile(join(tree, "DEBIAN/control"), control);
  for (const file of files) {
    await Deno.mkdir(join(tree, file, ".."), { recursive: true });
    await Deno.writeTextFile(join(tree, file), file);
  }
  await run("dpkg-deb", ["--build", "--root-owner-group", "-Znone", tree, `${tree}.deb`]);
  return `${tree}.deb`;
}

t.test("only what matches a pattern is unpacked", async (t) => {
  const directory = t.testdir({ out: {} });
  const file = await packageWith(directory, "a", [
    "boot/vmlinuz-1",
    "lib/modules/1/kernel/virt/x.ko",
    "lib/other",
  ]);
  const out = join(directory, "out");
  await unpackDeb(context, file, out, ["./boot/vmlinuz-*", "./*lib/modules/*/kernel/virt/*", "./absent/*"]);
  t.same((await filesBelow(out)).sort(), ["boot/vmlinuz-1", "lib/modules/1/kernel/virt/x.ko"]);
});

t.test("packages with and without merged /usr make one root", async (t) => {
  const directory = t.testdir({ out: {} });
  const out = join(directory, "out");
  const files = [
    await packageWith(directory, "a", ["bin/sh", "lib/x/libc.so", "usr/share/doc/a/copyright"]),
    await packageWith(directory, "b", ["usr/bin/make", "usr/lib/x/libm.so"]),
  ];
  await unpackRoot(context, files, out);
  t.same((await filesBelow(join(out, "usr"))).sort(), [
    "bin/make",
    "bin/sh",
    "lib/x/libc.so",
    "lib/x/libm.so",
  ]);
  t.equal(await Deno.readTextFile(join(out, "bin/make")), "usr/bin/make");
});

t.test("what is no package is refused", async (t) => {
  const directory = t.testdir({ "a.deb": "no package", out: {} });
  await t.rejects(unpackDeb(context, join(directory, "a.deb"), join(directory, "out"), ["./x"]), {
    name: "CommandError",
  });
  await t.rejects(unpackDeb(context, join(directory, "none.deb"), join(directory, "out")), {
    name: "CommandError",
  });
});
