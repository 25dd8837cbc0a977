import t from "#tap";
import { findTestFiles } from "../../ci/test_files.ts";

const REPOSITORY = {
  tests: {
    "a.test.ts": "// deadline: 600 s\n",
    "tap.ts": "",
    model: { "b.test.ts": "/** x */\nimport x;\n// deadline: 7 s\n" },
    modelling: { "c.test.ts": "" },
    guest: { "d.test.ts": `${"\n".repeat(20)}// deadline: 9 s\n` },
    node_modules: { x: { "e.test.ts": "" } },
  },
};

t.test("all test files, with deadlines from their heads", async (t) => {
  t.same(findTestFiles(t.testdir(REPOSITORY), []), [
    { path: "tests/a.test.ts", deadlineMs: 600_000, alone: false },
    { path: "tests/guest/d.test.ts", deadlineMs: 120_000, alone: true },
    { path: "tests/model/b.test.ts", deadlineMs: 7_000, alone: false },
    { path: "tests/modelling/c.test.ts", deadlineMs: 120_000, alone: false },
  ]);
});

t.test("a selection of files and folders, each file once", async (t) => {
  const root = t.testdir(REPOSITORY);
  const select = (...paths: string[]) =>
    findTestFiles(root, paths.map((path) => `${root}/${path}`)).map(({ path }) => path);
  t.same(select("tests/model"), ["tests/model/b.test.ts"]);
  t.same(select("tests/model/b.test.ts", "tests/model/", "tests/a.test.ts"), [
    "tests/a.test.ts",
    "tests/model/b.test.ts",
  ]);
  t.equal(select(".").length, 4);
  t.throws(() => select("tests/tap.ts"), /tests\/tap\.ts: no test file/);
});
