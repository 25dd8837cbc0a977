// deadline: 120 s
/** The modules of guests/, asked in a live guest for what no scenario asks them. */
import t from "#tap";
import { takeDevices } from "../../harness/check/world_check.ts";
import { Guest } from "../../harness/guest/guest.ts";
import { targetOf } from "../../harness/check/preparation.ts";
import { plannedCell } from "./planned_cell.ts";

const plan = await plannedCell(t, "debian:6.12", "intel-iommu");
const guest = await Guest.boot(await plan.guestPlan(plan.artifactsDir), plan.limits);
t.teardown(() => guest[Symbol.asyncDispose]());
const groups = [...(await takeDevices(guest, targetOf(plan).groups)).values()];
const [one = 0, other = 0] = groups;

const RESVINJ = "/sys/module/resvinj/parameters";
const TWODOM = "/sys/module/twodom/parameters";

const read = async (path: string): Promise<string> =>
  (await guest.ask(`read ${path}`)).replace(/^ok value=/, "");

const MALFORMED: readonly [parameter: string, lines: readonly string[]][] = [
  [`${RESVINJ}/add`, [
    "",
    "1",
    "1 0x0",
    "1 0x0 0xfff",
    "1 0x0 0xfff odd",
    "1 0x2000 0xfff msi",
    "x 0 1 msi",
    "1 0 1 msi x",
  ]],
  [`${RESVINJ}/clear`, ["", "2"]],
  [`${RESVINJ}/order`, ["", "reversed"]],
  [`${RESVINJ}/fail`, ["", "-1", "x"]],
  [
    `${TWODOM}/add`,
    [
      "",
      "1 1",
      "1 1 0x0 0xfff 0x1000",
      "1 0 0x0 0xfff 0x1000 as-is",
      "1 1 0xfff 0x0 0x1000 as-is",
      "1 1 0x0 0xfff 0x1000 odd",
      "1 1 0x0 0xfff 0x1000 as-is more",
      "x 1 0x0 0xfff 0x1000 as-is",
    ],
  ],
  [`${TWODOM}/refuse`, ["", "1", "1 0x0", "0 0x0 0xfff", "1 0xfff 0x0", "1 0x0 0xfff more"]],
  [`${TWODOM}/clear`, ["", "2"]],
];

t.test("what can't be read as a request is refused", async (t) => {
  for (const [parameter, lines] of MALFORMED) {
    for (const line of lines) {
      t.equal(await guest.ask(`write ${parameter} ${line}`), "err EINVAL", `${parameter} ${line}`);
    }
  }
});

t.test("more than there is room for is refused, and forgotten when told so", async (t) => {
  const add = `write ${TWODOM}/add ${one} 1 0x0 0xfff 0x1000 as-is`;
  const replies = await guest.request(Array.from({ length: 65 }, () => add));
  t.same(new Set(replies.slice(0, 64)), new Set(["ok"]));
  t.equal(replies[64], "err ENOSPC");
  t.equal(await guest.ask(`write ${TWODOM}/clear 1`), "ok");
  t.equal(await guest.ask(add), "ok");
  t.equal(await guest.ask(`write ${TWODOM}/clear 1`), "ok");
});

/** Puts both groups into one container; which list they leave. */
async function together(): Promise<string> {
  const replies = await guest.request([
    "open c0",
    ...[one, other].flatMap((
      number,
      index,
    ) => [`group-open g${index} ${number}`, `set-container g${index} c0`]),
    "set-iommu c0 3",
  ]);
  t.same(replies, Array.from(replies, () => "ok"));
  return /ranges=(\S+)/.exec(await guest.ask("state"))?.[1] ?? "";
}

t.test("a group that nothing was said of, and one that was, share no domain; others do", async (t) => {
  const plain = await together();
  t.match(plain, /^0x0\.\./);
  const before = Number(await read(`${TWODOM}/refused`));
  await guest.ask("reset");
  await guest.ask(`write ${TWODOM}/add ${other} 1 0x10000 0x7fffffff 0x1000 as-is`);
  t.equal(await together(), "0x10000..0x7fffffff");
  t.ok(Number(await read(`${TWODOM}/refused`)) > before, "an attach was refused");
  t.equal(await guest.ask("unset-container g1"), "ok");
  t.match(await guest.ask("state"), `ranges=${plain}`);
  await guest.ask("reset");
  await guest.ask(`write ${TWODOM}/clear 1`);
  t.equal(await together(), plain, "forgotten");
  t.equal(await guest.ask("unload twodom"), "ok", "it can go while domains live");
  t.match(await guest.ask("map c0 0x100000 0x1000 rw"), "ok");
  await guest.ask("reset");
});

t.test("it comes back, and its probes have missed nothing", async (t) => {
  t.equal(await guest.ask("load /iovacheck/twodom.ko"), "ok");
  await guest.ask(`write ${TWODOM}/add ${other} 2 0x0 0x7fffffff 0x1000 as-is`);
  await guest.ask(`write ${TWODOM}/refuse 2 0x40000000 0x40000fff`);
  t.match(await together(), /^0x0\.\.0x7fffffff$/);
  t.equal(await guest.ask("map c0 0x40000000 0x1000 rw"), "err ERANGE");
  await guest.ask(`write ${TWODOM}/clear 1`);
  t.equal(await guest.ask("map c0 0x40000000 0x1000 rw"), "ok", "what is told to be forgotten is, at once");
  await guest.ask("reset");
  for (const module of [RESVINJ, TWODOM]) {
    t.same([await read(`${module}/missed`), await read(`${module}/nomem`)], ["0", "0"]);
  }
});

/** The VmLck of the probe, in pages. */
async function inProc(): Promise<bigint> {
  const [, kilobytes = "0"] = /VmLck:(?:%20|%09)*(\d+)/.exec(await read("/proc/self/status")) ?? [];
  return BigInt(kilobytes) / 4n;
}

t.test("locked memory is told as /proc tells it, of the probe and of its children", async (t) => {
  t.match(await read("/proc/misc"), "lockedvm", "the module is asked");
  await together();
  const before = await inProc();
  const vmlck = (pages: bigint) => `vmlck=0x${pages.toString(16)} `;
  t.match(await guest.ask("state"), `ok ${vmlck(before)}`);
  t.equal(await guest.ask("map c0 0x100000 0x3000 rw"), "ok");
  t.equal(await inProc(), before + 3n);
  t.match(await guest.ask("state"), `ok ${vmlck(before + 3n)}`);
  t.same(await guest.request(["fork p", "in p map c0 0x200000 0x2000 rw"]), ["ok", "ok"]);
  t.match(await guest.ask("state"), `ok ${vmlck(before + 3n)}p.vmlck=0x2 `);
  t.equal(await guest.ask("exec p"), "ok");
  t.match(
    await guest.ask("state"),
    `ok ${vmlck(before + 3n)}p.vmlck=0x0 `,
    "a new program has locked nothing",
  );
  t.match(await guest.ask("reset"), `ok ${vmlck(before)}`);
});
