import t from "#tap";
import fc from "fast-check";
import type { Sequence, WrittenStep } from "../../harness/explore/sequence.ts";
import { shrink, type Shrunk } from "../../harness/explore/shrink.ts";

const LIMITS = { triesMost: 2000, signal: new AbortController().signal };

const sequence = (
  steps: readonly WrittenStep[],
  groups: Sequence["setting"]["groups"] = { A: {} },
): Sequence => ({
  setting: { groups },
  steps,
});

/** Steps that nothing needs. */
const noise = (count: number): WrittenStep[] =>
  Array.from({ length: count }, (_, n) => ({ info: `c${n % 3}` }));

const shrunk = (
  whole: Sequence,
  shows: (candidate: Sequence) => boolean,
  limits = LIMITS,
): Promise<Shrunk> => shrink(whole, async (candidate) => shows(candidate), limits);

const has = ({ steps }: Sequence, name: string): boolean => steps.some((step) => name in step);

t.test("nothing is left that isn't needed, in its order", async (t) => {
  const whole = sequence([...noise(40), { attach: "A" }, ...noise(30), { detach: "A" }, ...noise(20)]);
  const { sequence: { steps }, isSmallest } = await shrunk(
    whole,
    (one) => has(one, "attach") && has(one, "detach"),
  );
  t.same(steps, [{ attach: "A" }, { detach: "A" }]);
  t.ok(isSmallest);
});

t.test("whatever shows it, no single step more can be left out", async (t) => {
  const needed = fc.uniqueArray(fc.nat(59), { minLength: 1, maxLength: 6 });
  await fc.assert(fc.asyncProperty(needed, async (numbers) => {
    const whole = sequence(
      Array.from({ length: 60 }, (_, n) => ({ info: { container: "c0", argsz: BigInt(n) } })),
    );
    const shows = ({ steps }: Sequence) =>
      numbers.every((number) =>
        steps.some(({ info }) => (info as { argsz: bigint }).argsz === BigInt(number))
      );
    const { sequence: { steps } } = await shrunk(whole, shows);
    return steps.length === numbers.length;
  }));
  t.pass("100 cases");
  t.end();
});

t.test("what is left says as little as can be", async (t) => {
  const whole = {
    setting: {
      groups: {
        A: { reserved: ["0x1000..0x1fff msi", "0x5000..0x5fff direct"] },
        C: { device: "edu", iommu: "far" },
      },
      iommus: { far: { aperture: "0x0..0xffff" } },
      "allow-unsafe-interrupts": true,
    },
    steps: [
      { "set-container": { group: "A", container: "c2" } },
      { map: { container: "c2", iova: 0x12345000n, size: 0x7000n, memory: "shared" }, in: "p1" },
    ],
  };
  const shows = ({ setting, steps }: Sequence) =>
    steps.length === 2 &&
    Object.values(setting.groups).some(({ reserved = [] }) => reserved.includes("0x5000..0x5fff direct"));
  const { sequence: smallest } = await shrunk(whole, shows);
  t.same(smallest, {
    setting: { groups: { A: { reserved: ["0x5000..0x5fff direct"] } } },
    steps: [{ attach: {} }, { map: {} }],
  });
});

t.test("numbers get round where they may", async (t) => {
  const whole = sequence([{ unmap: { iova: 0x12345678n, size: 0x1234567n } }]);
  const { sequence: { steps } } = await shrunk(whole, ({ steps: [step] }) => {
    const { iova = 0n, size } = (step?.unmap ?? {}) as { iova?: bigint; size?: bigint };
    return iova >= 0x12000000n && size !== undefined;
  });
  t.same(steps, [{ unmap: { iova: 0x12200000n, size: 0n } }]);
});

t.test("names are the usual ones where these are free", async (t) => {
  const whole = sequence([{ attach: { group: "D", container: "c7" } }, { info: "c7" }], { D: {} });
  const { sequence: smallest } = await shrunk(whole, ({ steps: [attach, info] }) => {
    const { group, container } = (attach?.attach ?? {}) as Record<string, unknown>;
    return group !== undefined && container !== undefined && info?.info === container;
  });
  t.same(smallest, sequence([{ attach: { group: "A", container: "c0" } }, { info: "c0" }], { A: {} }));
});

t.test("limits are kept, and said", async (t) => {
  const whole = sequence(noise(64));
  const few = await shrunk(whole, () => true, { ...LIMITS, triesMost: 3 });
  t.match(few, { tries: 3, isSmallest: false });
  const late = await shrunk(whole, () => true, { ...LIMITS, signal: AbortSignal.abort() });
  t.match(late, { tries: 0, isSmallest: false, sequence: whole });
});

t.test("no candidate is tried twice", async (t) => {
  const seen = new Map<string, number>();
  await shrunk(sequence([...noise(10), { attach: "A" }]), (candidate) => {
    const key = JSON.stringify(candidate);
    seen.set(key, (seen.get(key) ?? 0) + 1);
    return has(candidate, "attach");
  });
  t.same([...seen.values()].filter((count) => count > 1), []);
});
