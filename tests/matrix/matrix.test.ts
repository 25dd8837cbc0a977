import t from "#tap";
import fc from "fast-check";
import { type Axes, cellsOf, type Matrix, narrowed, replaced } from "../../harness/matrix/matrix.ts";
import { linkMatrices, parseMatrices } from "../../harness/matrix/matrix_file.ts";
import { always } from "../model/always.ts";

const FILE = "matrices/m.yaml";
const KNOWN = {
  machines: ["intel", "amd", "virtio"],
  suites: ["smoke", "seed"],
  kernel: "debian:6.12",
  qemu: "debian:10.0.13",
};

const PRODUCT = `
matrix: full
kernels: [debian:6.1, pinned]
qemus: [pinned, debian:7.2]
machines: all
suites: all
exclude:
  - { qemus: [debian:7.2], machines: [virtio], reason: no width }
  - kernels: [pinned]
    machines: [amd]
    reason: >
      takes
      too long
`;

const matricesOf = (...texts: string[]): Matrix[] =>
  linkMatrices(texts.flatMap((text) => parseMatrices(text, FILE, KNOWN)));

function matrixOf(text: string): Matrix {
  const [matrix] = matricesOf(text);
  if (!matrix) throw new Error("no matrix");
  return matrix;
}

t.test("every combination, kernels first, and why some are left out", async (t) => {
  const cells = cellsOf(matrixOf(PRODUCT));
  t.same(cells.map(({ kernel, qemu, machine }) => `${kernel} ${qemu} ${machine}`), [
    ...["intel", "amd", "virtio"].map((machine) => `debian:6.1 debian:10.0.13 ${machine}`),
    ...["intel", "amd", "virtio"].map((machine) => `debian:6.1 debian:7.2 ${machine}`),
    ...["intel", "amd", "virtio"].map((machine) => `debian:6.12 debian:10.0.13 ${machine}`),
    ...["intel", "amd", "virtio"].map((machine) => `debian:6.12 debian:7.2 ${machine}`),
  ]);
  const width = `no width (${FILE}:8:5)`;
  const time = `takes too long (${FILE}:9:5)`;
  const none = undefined;
  const [old, pinned] = [[none, none, none, none, none, width], [none, time, none, none, time, width]];
  t.same(cells.map(({ excluded }) => excluded), [...old, ...pinned]);
});

t.test("a matrix of pairs has the cells of another one", async (t) => {
  const [pairs, whole] = matricesOf("matrix: pairwise\npairs-of: full", PRODUCT);
  t.match(pairs, { name: "pairwise", coversPairs: true, position: { line: 1, column: 9 } });
  t.match(whole, { name: "full", coversPairs: false });
  t.ok(pairs && whole);
  if (pairs && whole) t.same(cellsOf(pairs), cellsOf(whole));
});

t.test("what is played where nothing is named", async (t) => {
  t.same(matrixOf(PRODUCT).suites, KNOWN.suites, "all");
  const [pairs] = matricesOf("matrix: pairwise\npairs-of: full", PRODUCT);
  t.same(pairs?.suites, KNOWN.suites, "a matrix of pairs plays what the whole one does");
  t.same(matrixOf(`matrix: m\n${AXES}`).suites, ["seed"]);
});

const none: Axes = { kernels: [], qemus: [], machines: [] };

t.test("options choose among what a matrix has", async (t) => {
  const matrix = matrixOf(PRODUCT);
  t.same(cellsOf(narrowed(matrix, none)), cellsOf(matrix), "none of them: all of it");
  const chosen = cellsOf(narrowed(matrix, { ...none, qemus: ["debian:7.2"], machines: ["virtio", "amd"] }));
  t.same(chosen, cellsOf(matrix).filter(({ qemu, machine }) => qemu === "debian:7.2" && machine !== "intel"));
  const message =
    /^--kernel debian:5\.10: matrix full doesn't have it, but debian:6\.1, debian:6\.12; .* leave out --matrix$/;
  t.throws(() => narrowed(matrix, { ...none, kernels: ["debian:5.10"] }), { name: "UsageError", message });
  t.throws(() => narrowed(matrix, { ...none, machines: ["x"] }), { message: /^--machine x: / });
});

t.test("options stand in the place of what a matrix has", async (t) => {
  const cells = cellsOf(replaced(matrixOf(PRODUCT), { ...none, kernels: ["debian:5.10"] }));
  t.equal(cells.length, 6);
  t.ok(cells.every(({ kernel }) => kernel === "debian:5.10"));
  t.equal(
    cells.filter(({ excluded }) => excluded !== undefined).length,
    1,
    "what is excluded for others isn't",
  );
});

t.test("nothing is both a cell and excluded, whatever is excluded", async (t) => {
  const some = (values: readonly string[]) => fc.option(fc.subarray([...values], { minLength: 1 }));
  const axes = { kernels: ["debian:6.1", "debian:6.12"], qemus: ["debian:7.2"], machines: KNOWN.machines };
  const cut = fc.tuple(some(axes.kernels), some(axes.qemus), some(axes.machines));
  always(
    t,
    fc.property(cut, ([kernels, qemus, machines]) => {
      const exclusion = { ...kernels && { kernels }, ...qemus && { qemus }, ...machines && { machines } };
      const text = JSON.stringify({
        matrix: "m",
        ...axes,
        suites: "all",
        exclude: [{ ...exclusion, reason: "so" }],
      });
      const isAll = Object.entries(exclusion).every(([axis, values]) =>
        values.length === axes[axis as keyof Axes].length
      );
      fc.pre(!isAll);
      return cellsOf(matrixOf(text)).every(({ kernel, qemu, machine, excluded }) =>
        (excluded !== undefined) ===
          ((kernels ?? [kernel]).includes(kernel) && (qemus ?? [qemu]).includes(qemu) &&
            (machines ?? [machine]).includes(machine))
      );
    }),
  );
});

const AXES = "kernels: [debian:6.1]\nqemus: [pinned]\nmachines: [intel, amd]\nsuites: [seed]\n";

const WRONG: readonly [text: string, message: RegExp][] = [
  ["matrix: m\n", /:1:1: kernels is missing/],
  ["matrix: A b\npairs-of: full\n", /:1:9: matrix: write a name/],
  ["matrix: m\npairs-of: full\nkernels: [pinned]\n", /:3:1: unknown key kernels/],
  ["matrix: m\npairs-of: nothing\n", /:2:11: matrix nothing is not there; name one with kernels/],
  ["matrix: m\npairs-of: m\n", /:2:11: matrix m is one of pairs itself/],
  [`matrix: m\n${AXES}---\nmatrix: m\n${AXES}`, /:7:9: matrix m stands at matrices\/m\.yaml:1:9 already/],
  [`matrix: m\n${AXES}oops: 1\n`, /:6:1: unknown key oops/],
  [`matrix: m\n${AXES.replace("debian:6.1", "6.1")}`, /:2:11: kernels\.0: .*expected string/],
  [`matrix: m\n${AXES.replace("debian:6.1", "linux")}`, /:2:11: kernels\.0: kernel "linux": write debian:/],
  [`matrix: m\n${AXES.replace("[pinned]", "[qemu]")}`, /:3:9: qemus\.0: QEMU "qemu": write host, /],
  [`matrix: m\n${AXES.replace("[pinned]", "[]")}`, /:3:8: qemus: write at least one QEMU/],
  [`matrix: m\n${AXES.replace("[intel, amd]", "some")}`, /:4:11: machines: write all, or a list of machines/],
  [`matrix: m\n${AXES.replace("amd", "arm")}`, /:4:19: arm is not among them: there are intel, amd, virtio/],
  [`matrix: m\n${AXES.replace("[seed]", "[sed]")}`, /:5:10: sed is not among them: there are smoke, seed/],
  [`matrix: m\n${AXES.replace("[seed]", "[]")}`, /:5:9: suites: write at least one suite/],
  [`matrix: m\n${AXES.replace("amd", "intel")}`, /:4:19: intel stands here already; delete one/],
  [
    `matrix: m\n${AXES.replace("6.1", "6.12, pinned")}`,
    /:2:24: debian:6\.12 stands here already; delete one/,
  ],
];

const WRONG_EXCLUSIONS: readonly [exclusions: string[], message: RegExp][] = [
  [["{ machines: [amd] }"], /:7:5: exclude\.0\.reason is missing; write it/],
  [['{ machines: [amd], reason: " " }'], /:7:32: exclude\.0\.reason: say why/],
  [["{ reason: so }"], /:7:5: exclude\.0: write kernels, qemus or machines/],
  [["{ machines: [virtio], reason: so }"], /:7:18: virtio is not among them: this matrix has intel, amd/],
  [
    ["{ kernels: [debian:6.12], reason: so }"],
    /:7:17: debian:6\.12 is not among them: this matrix has debian:6\.1/,
  ],
  [["{ qemus: [pinned], reason: so }"], /:7:5: this leaves no cell; exclude less/],
  [
    ["{ machines: [amd], reason: so }", "{ kernels: [debian:6.1], machines: [amd], reason: so }"],
    /:8:5: all that this excludes is excluded further up; delete it/,
  ],
];

t.test("faults, and where they stand", async (t) => {
  const excluding = WRONG_EXCLUSIONS.map(([exclusions, message]) =>
    [`matrix: m\n${AXES}exclude:\n${exclusions.map((one) => `  - ${one}\n`).join("")}`, message] as const
  );
  for (const [text, message] of [...WRONG, ...excluding]) {
    const where = new RegExp(`^${FILE}${message.source}`);
    t.throws(() => matricesOf(text), { name: "ConfigError", message: where }, message.source);
  }
});
