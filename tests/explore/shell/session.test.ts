import t from "#tap";
import { isDifferent, type Session, type StepReport } from "../../../harness/explore/shell/session.ts";
import type { WrittenStep } from "../../../harness/explore/sequence.ts";
import { readStep } from "../../../harness/explore/shell/input.ts";
import { AMD, targetOf } from "../../check/target.ts";
import { begun, played, STICKY } from "./begun.ts";
import type { Conduct } from "./stand_in_guest.ts";

const again = async (session: Session, steps: readonly WrittenStep[] = []): Promise<StepReport[]> =>
  await session.playAgain(await session.leave(), steps);

const standings = ({ answers }: StepReport) => answers.map((answer) => answer.kernel && answer.standing);

t.test("a kernel that does what is right is the same throughout", async (t) => {
  const { session, report, guest } = await begun({ deviations: new Set() });
  t.notOk(isDifferent(report));
  const reports = await played(session, [
    ...STICKY,
    "map 0x2000 4KiB",
    "map msi 4KiB",
    "info",
  ]);
  for (const report of reports) t.ok(standings(report).every((standing) => standing === "same"), report.text);
  t.same(reports.map(({ number }) => number), [1, 2, 3, 4, 5, 6, 7]);
  t.ok(guest.own.includes("mark shell/session step 5 map: {iova: 0x2000, size: 4KiB}"), "the log is marked");
});

t.test("what kernels of the version are known for is told by its name, at first and afterwards", async (t) => {
  const { session } = await begun();
  const reports = await played(session, [...STICKY, "info"]);
  const [detached, info] = reports.slice(-2);
  t.same(detached?.deviations, [{ name: "sticky-edges", firstAt: 4 }]);
  t.same(info?.deviations, [{ name: "sticky-edges", firstAt: 4 }]);
  t.ok(detached && standings(detached).includes("known"));
  t.notOk(reports.some(isDifferent));
});

t.test("where one known fault would do as well as another, both are named", async (t) => {
  const { session } = await begun({}, undefined, targetOf(AMD));
  const reports = await played(session, ["attach A", "map top-4KiB+1 4KiB", "unmap top-4KiB+1 4KiB"]);
  t.same(reports.map(({ deviations }) => deviations.map(({ name }) => name)), [[], [], [
    "unmap-to-the-end",
    "map-at-the-top",
  ]]);
});

t.test("anything else is different, and what follows knows where they parted", async (t) => {
  const { session } = await begun({ instead: new Map([["map c0 0x1000 size 0x1000 rw", "err ENOSPC"]]) });
  const [, map, unmap] = await played(session, ["attach A", "map 0x1000 4KiB", "unmap 0x1000 4KiB"]);
  t.ok(map && isDifferent(map));
  t.equal(map?.partedAt, undefined);
  t.equal(unmap?.partedAt, 2);
  t.notOk(unmap && isDifferent(unmap), "it is as predicted again");
});

t.test("now right, now as known is neither", async (t) => {
  const { session } = await begun({ instead: new Map([["info c0", "err EIO"]]) });
  const reports = await played(session, [...STICKY, "info"]);
  t.same(reports.map(isDifferent), [false, false, false, false, true]);
});

const REFUSED: readonly [line: string, message: string][] = [
  ["map 0 4KiB", "map: {iova: 0x0, size: 4KiB}: container c0 is not open"],
  ["attach Z", "attach: Z: there is no group Z; name it under groups"],
  ["in p1 info", "info: there is no process p1; fork it first"],
  ["map iova=0", "map.size: write a number or a sum such as 0x1000, 64KiB or top-4KiB+1"],
  ["inject A 0x0..0xfff nonsense", "inject: {group: A, reserved: 0x0..0xfff nonsense}: reserved region"],
];

t.test("a step that can't be played is refused before the guest is asked, and changes nothing", async (t) => {
  const { session, guest } = await begun();
  for (const [line, message] of REFUSED) {
    const asked = guest.own.length;
    await t.rejects(session.play(readStep(line)), { name: "UsageError" }, line);
    await session.play(readStep(line)).catch(({ message: told }: Error) =>
      t.ok(told.startsWith(message), told)
    );
    t.equal(guest.own.length, asked, line);
  }
  t.same(session.steps, []);
  const [attached] = await played(session, ["attach A"]);
  t.equal(attached?.number, 1);
  t.notOk(attached && isDifferent(attached));
});

t.test("all but the last step is played again in the same guest", async (t) => {
  const { session, guest } = await begun();
  await played(session, [...STICKY, "map 0x2000 4KiB"]);
  const reports = await again(session, session.steps.slice(0, -1));
  t.same(reports.map(({ number }) => number), [0, 1, 2, 3, 4]);
  t.same(session.steps, STICKY.map(readStep));
  t.same(reports.at(-1)?.deviations, [{ name: "sticky-edges", firstAt: 4 }]);
  await again(session);
  t.same(session.steps, []);
  t.same(guest.renewals, ["cleaned", "cleaned"]);
});

t.test("another guest is booted where this one has lost devices, its way, or itself", async (t) => {
  const text = "map c0 0x1000 size 0x1000 rw";
  const conducts: [conduct: Conduct, lines: string[]][] = [
    [{}, ["driver A 1 none"]],
    [{ instead: new Map([[text, "err EIO"]]) }, ["attach A", "map 0x1000 4KiB"]],
    [{ lostAt: [text, "hang"] }, ["attach A", "map 0x1000 4KiB"]],
  ];
  for (const [conduct, lines] of conducts) {
    const { session, guest } = await begun(conduct);
    await played(session, lines);
    guest.conduct = {};
    await again(session);
    t.same(guest.renewals, ["booted"], lines.join(", "));
    const [report] = await played(session, ["attach A"]);
    t.notOk(report && isDifferent(report));
  }
});

t.test("a guest that is lost answers no more, until the session begins anew", async (t) => {
  const { session, guest } = await begun({ lostAt: ["map c0 0x1000 size 0x1000 rw", "crash"] });
  const [, map] = await played(session, ["attach A", "map 0x1000 4KiB"]);
  t.match(map?.trouble, { kind: "crash", message: "it is gone", console: ["last words"] });
  t.ok(map && isDifferent(map));
  t.equal(map?.answers[0]?.kernel, undefined);
  await t.rejects(session.play(readStep("info")), { name: "NoGuestError" });
  t.same(await session.takeLog(), { log: [] });
  guest.conduct = {};
  await again(session, session.steps.slice(0, -1));
  t.equal(session.steps.length, 1);
});

t.test("a kernel that complains has crashed, though it lives on; its log is kept", async (t) => {
  const warning = ["<4>[1.0] ------------[ cut here ]------------", "<4>[1.0] WARNING: CPU: 0"];
  const { session } = await begun({ logs: ["set-iommu c0 3", warning] });
  const [attached] = await played(session, ["attach A"]);
  t.match(attached?.trouble, { kind: "crash", message: "the kernel complained", console: warning });
  t.notOk(session.isLost);
  t.same(await session.takeLog(), { log: warning });
  t.same(await session.takeLog(), { log: [] });
});

t.test("a probe that is at a loss is no fault of the kernel", async (t) => {
  const { session } = await begun({ instead: new Map([["info c0", "bad handle c0"]]) });
  const [, info] = await played(session, ["attach A", "info"]);
  t.match(info?.trouble, { kind: "harness-fault", message: 'the probe replied "bad handle c0"' });
  t.notOk(info && isDifferent(info));
});

t.test("what an author says otherwise than the model is told", async (t) => {
  const { session } = await begun();
  const [attached, map] = await played(session, ["attach A", "map msi 4KiB expect=EEXIST"]);
  t.equal(attached?.contradiction, undefined);
  t.equal(map?.contradiction, "the author expects EEXIST, the model says EINVAL");
});

t.test("memory that stays locked when everything is closed is told, unless it is known", async (t) => {
  const { session, guest } = await begun({ leaks: 2n });
  await played(session, ["attach A"]);
  const departure = await session.leave();
  t.match(departure, { isClean: false, leftOver: { standing: "different", text: /^2 pages stay locked/ } });
  await session.playAgain(departure, []);
  t.same(guest.renewals, ["cleaned", "booted"]);
});

t.test("a fault in the log is told once, where no device was refused that address", async (t) => {
  const fault = (address: string) =>
    `<3>[2.0] DMAR: [DMA Write NO_PASID] Request device [00:03.0] fault addr ${address} [fault`;
  const steps = ["attach A", "engine A 0x100000", "dma A write=0x200000 size=16", "info", "info"];
  const strays = async (address: string) => {
    const { session } = await begun({ logs: ["dma A-0 write 0x200000 0x10", [MARK, fault(address)]] });
    return (await played(session, steps)).map(({ trouble }) => trouble?.kind);
  };
  t.same(await strays("0x200000"), [undefined, undefined, undefined, undefined, undefined]);
  t.same(await strays("0x300000"), [undefined, undefined, "mismatch", undefined, undefined]);
});

/** What the probe writes into the log before the third step. */
const MARK = "<14>[1.0] shell/session step 3 dma";
