import t from "#tap";
import fc from "fast-check";
import { archive, concatenatedArchives, type InitramfsFile } from "../../harness/guest/initramfs.ts";
import { always } from "../model/always.ts";
import { readArchives } from "./newc.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const [FOLDER, FILE, EXECUTABLE] = [0o040755, 0o100644, 0o100755];

const FILES: readonly InitramfsFile[] = [
  { path: "init", data: bytes("program"), executable: true },
  { path: "a/b/c.ko", data: bytes("") },
  { path: "a/d", data: bytes("äö") },
];

t.test("files, with the folders they need before them, once each", async (t) => {
  const [members, ...more] = readArchives(archive(FILES));
  t.same(members?.map(({ name, mode }) => [name, mode]), [
    ["a", FOLDER],
    ["a/b", FOLDER],
    ["init", EXECUTABLE],
    ["a/b/c.ko", FILE],
    ["a/d", FILE],
  ]);
  t.same(members?.slice(2).map(({ data }) => data), FILES.map(({ data }) => data));
  t.same(more, []);
});

t.test("owned by root, of no time, with inodes of their own", async (t) => {
  const members = readArchives(archive(FILES)).flat();
  t.ok(members.every(({ uid, gid, mtime }) => uid === 0 && gid === 0 && mtime === 0));
  t.equal(new Set(members.map(({ inode }) => inode)).size, members.length);
  t.notOk(members.some(({ inode }) => inode === 0));
});

t.test("the same files give the same bytes, in whole blocks", async (t) => {
  const [one, other] = [archive(FILES), archive(structuredClone(FILES) as InitramfsFile[])];
  t.same(one, other);
  t.equal(one.length % 512, 0);
  t.equal(archive([]).length, 512);
});

t.test("any names and sizes come back as they were", async (t) => {
  const fileArb = fc.record({
    path: fc.array(fc.stringMatching(/^[a-zé]{1,9}$/), { minLength: 1, maxLength: 3 }).map((parts) =>
      `f/${parts.join("/")}.x`
    ),
    data: fc.uint8Array({ maxLength: 20 }),
    executable: fc.boolean(),
  });
  always(
    t,
    fc.property(fc.uniqueArray(fileArb, { selector: ({ path }) => path, maxLength: 6 }), (files) => {
      const members = readArchives(archive(files)).flat().filter(({ mode }) => mode !== FOLDER);
      return members.length === files.length && members.every(({ name, mode, data }, index) => {
        const file = files[index];
        return name === file?.path && mode === (file.executable ? EXECUTABLE : FILE) &&
          data.join() === file.data.join();
      });
    }),
  );
});

t.test("archives follow one another", async (t) => {
  const [base, boot] = [archive(FILES), archive([{ path: "a/list", data: bytes("x") }])];
  const whole = concatenatedArchives(base, boot);
  t.equal(whole.length, base.length + boot.length);
  t.same(readArchives(whole), [...readArchives(base), ...readArchives(boot)]);
});
