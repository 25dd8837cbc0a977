import t from "#tap";
import { join } from "node:path";
import * as z from "zod";
import { ConfigError, loadYaml, parseYaml } from "../harness/config.ts";
import { UsageError } from "../harness/errors.ts";

const FILE = "configs/x.yaml";
const SCHEMA = z.strictObject({
  name: z.string(),
  size: z.bigint().optional(),
  parts: z.array(z.strictObject({ slot: z.bigint() })).optional(),
});

const read = (text: string) => parseYaml(text, FILE, SCHEMA);

t.test("every document of a file is read; whole numbers are exact", async (t) => {
  const documents = read("name: a\nsize: 0xffffffffffffffff\n---\nname: b\n");
  t.same(documents.map(({ value }) => value), [{ name: "a", size: 2n ** 64n - 1n }, { name: "b" }]);
});

t.test("a value's position counts from the top of the file", async (t) => {
  const [, second] = read("name: a\n---\nname: b\nparts:\n  - slot: 1\n  - { slot: 2 }\n");
  const at = (...path: (string | number)[]) => second?.at(path);
  t.same(at("name"), { file: FILE, line: 3, column: 7 });
  t.same(at("parts", 1, "slot"), { file: FILE, line: 6, column: 13 });
  t.same(at("parts", 1, "nothing"), { file: FILE, line: 6, column: 5 }, "the nearest around it");
  t.same(at(), { file: FILE, line: 3, column: 1 });
});

t.test("a part is checked against a schema of its own, with positions of the whole", async (t) => {
  const [document] = read("name: a\nparts:\n  - slot: 7\n");
  t.equal(document?.parse(z.bigint(), ["parts", 0, "slot"]), 7n);
  t.throws(() => document?.parse(z.string(), ["parts", 0, "slot"]), {
    message: /^configs\/x\.yaml:3:11: parts\.0\.slot: /,
  });
});

const FAULTS: readonly [name: string, text: string, message: RegExp][] = [
  ["no YAML", "name: a\nparts: [1\n", /^configs\/x\.yaml:3:1: Flow sequence [^\n]*\]$/],
  ["tab", "\tname: a\n", /^configs\/x\.yaml:1:1: Tabs are not allowed as indentation$/],
  ["the same key twice", "name: a\nname: b\n", /^configs\/x\.yaml:2:1: Map keys must be unique$/],
  ["unknown key", "name: a\ncolour: red\n", /^configs\/x\.yaml:2:1: unknown key colour$/],
  [
    "nested unknown key",
    "name: a\nparts:\n  - { slot: 1, colour: red }\n",
    /^configs\/x\.yaml:3:16: unknown key colour$/,
  ],
  ["wrong type", "name: 3\n", /^configs\/x\.yaml:1:7: name: /],
  [
    "wrong type in a list",
    "name: a\nparts:\n  - slot: 1\n  - slot: x\n",
    /^configs\/x\.yaml:4:11: parts\.1\.slot: /,
  ],
  ["missing key", "size: 3\n", /^configs\/x\.yaml:1:1: name is missing; write it$/],
  [
    "missing key in a list",
    "name: a\nparts:\n  - slot: 1\n  - {}\n",
    /^configs\/x\.yaml:4:5: parts\.1\.slot is missing; write it$/,
  ],
  ["missing value", "name: a\nsize:\n", /^configs\/x\.yaml:2:\d: size: /],
  ["a fraction", "name: a\nsize: 1.5\n", /^configs\/x\.yaml:2:7: size: /],
  ["no map at all", "- name: a\n", /^configs\/x\.yaml:1:1: /],
  ["a later document", "name: a\n---\nname: 3\n", /^configs\/x\.yaml:3:7: name: /],
  ["an empty later document", "name: a\n---\n", /^configs\/x\.yaml:2:4: /],
  [
    "an alias of nothing",
    "name: a\nsize: *large\n",
    /^configs\/x\.yaml:2:7: nothing is called large; write &large/,
  ],
];

for (const [name, text, message] of FAULTS) {
  t.test(`a fault says where it is: ${name}`, async (t) => {
    t.throws(() => read(text), { name: "ConfigError", message });
  });
}

t.test("an alias stands for what it names", async (t) => {
  t.same(read("name: &a x\n---\nname: a\nparts: [&b { slot: 1 }, *b]\n")[1]?.value.parts, [
    { slot: 1n },
    { slot: 1n },
  ]);
});

for (const text of ["", "\n\n", "# nothing yet\n"]) {
  t.test(`a file without a document is refused: ${JSON.stringify(text)}`, async (t) => {
    t.throws(() => read(text), {
      name: "UsageError",
      message: "configs/x.yaml: is empty; write at least one document",
    });
  });
}

t.test("files", async (t) => {
  const dir = t.testdir({ "a.yaml": "name: a\n", "b.yaml": "nam: a\n" });
  t.same((await loadYaml(join(dir, "a.yaml"), FILE, SCHEMA))[0]?.value, { name: "a" });
  await t.rejects(loadYaml(join(dir, "b.yaml"), FILE, SCHEMA), { name: "ConfigError" });
  await t.rejects(loadYaml(join(dir, "none.yaml"), FILE, SCHEMA), {
    name: "UsageError",
    message: /^configs\/x\.yaml: can't be read \(No such file/,
  });
});

t.test("a ConfigError is the user's to mend", async (t) => {
  t.ok(new ConfigError({ file: FILE, line: 1, column: 2 }, "wrong") instanceof UsageError);
});
