// deadline: 600 s
/** The power of the suite: a kernel with one small fault must not pass. */
import t from "#tap";
import { runGuests } from "./command.ts";
import { buildMutant, type Edit } from "./mutant.ts";
import { MUTANTS } from "./mutants.ts";
import { outDir } from "./out_dir.ts";
import { failuresOf } from "./tap_output.ts";

const NEWEST = "debian:6.12";
const KERNELS = ["debian:6.1", NEWEST];
/** Guests at a time: each keeps one processor busy. */
const JOBS = navigator.hardwareConcurrency;

t.jobs = JOBS;

for (const kernel of KERNELS) {
  const mutants = MUTANTS.filter(({ kernels = [NEWEST] }) => kernels.includes(kernel));
  t.test(`${kernel}, rebuilt without a change, passes`, async (t) => {
    const { code, stderr, tap } = await runWith(t, kernel, "unchanged", []);
    t.equal(code, 0, "exit code", { stderr });
    t.same(tap.cells.flatMap(failuresOf), []);
  });
  for (const { name, fault, edits, guards, machine } of mutants) {
    t.test(`${kernel}, ${name}: ${fault}`, async (t) => {
      const { code, stderr, tap } = await runWith(t, kernel, name, edits, machine);
      t.equal(code, 1, "exit code", { stderr });
      t.same(tap.faults, []);
      const failures = tap.cells.flatMap(failuresOf);
      for (const guard of guards) {
        const { verdict, step, predicted, observed, again } = failures.find(({ name }) =>
          name === guard
        )?.diagnostics ?? {};
        t.equal(verdict, "mismatch", `${guard} fails`);
        t.match(step, /^[1-9]\d* \S/, "it names the step");
        t.ok(predicted && observed && predicted !== observed, `${predicted} is not ${observed}`);
        t.match(again, new RegExp(`^deno task run --kernel ${kernel}.* --module .*\\.ko ${guard}$`));
      }
    });
  }
}

t.test("an edit that doesn't fit the source is an error, not another mutant", async (t) => {
  const misfits: [edit: Edit, message: RegExp][] = [
    [
      { in: "vfio_no_such", replace: "x", by: "y" },
      /mutant misfit, debian:6\.12\..* no function vfio_no_such/,
    ],
    [{ in: "vfio_dma_do_map", replace: "no such", by: "y" }, /"no such" is 0 times in vfio_dma_do_map/],
    [{ in: "vfio_dma_do_map", replace: "-EINVAL", by: "0" }, /"-EINVAL" is \d+ times in vfio_dma_do_map/],
  ];
  for (const [edit, message] of misfits) await t.rejects(buildMutant(NEWEST, "misfit", [edit]), { message });
});

async function runWith(
  test: Parameters<typeof outDir>[0],
  kernel: string,
  name: string,
  edits: readonly Edit[],
  machine = "intel-iommu",
) {
  const module = await buildMutant(kernel, name, edits);
  const out = await outDir(test);
  return await runGuests(["--kernel", kernel, "--machine", machine, "--module", module, "--out", out]);
}
