/** What a divergence comes to on fresh guests; whatever befalls them, it was seen. */
import t from "#tap";
import type { Execution } from "../../harness/check/execution.ts";
import { targetOf } from "../../harness/check/preparation.ts";
import { Examination } from "../../harness/explore/examination.ts";
import { type Playable, playableOf } from "../../harness/explore/playable.ts";
import { GuestLost } from "../../harness/guest/guest_lost.ts";
import { PLATFORM } from "../check/stand_in_guests.ts";

const TARGET = targetOf(PLATFORM);
const SEQUENCE = {
  setting: { groups: { A: {} } },
  steps: [{ "group-open": "A" }, { open: "c0" }, { info: {} }],
};
const WHOLE = playableOf(SEQUENCE, "whole", TARGET)!;

/** Longer than any of these takes. */
const SHRINK_LIMIT_MS = 60_000;

const MATCH: Execution = { verdict: "match" };
const MISMATCH: Execution = {
  verdict: "mismatch",
  stepIndex: 1,
  actionText: "open c0",
  difference: { predicted: "ok", observed: "EPERM" },
};
const CRASH: Execution = { verdict: "crash", reason: "the kernel crashed", console: ["Oops"] };
const FAULT: Execution = { verdict: "harness-fault", reason: "QEMU ended with exit code 7" };

/** A guest that has played nothing, or others, is asked to play one: how that goes. */
type Conduct = (playable: Playable, isFresh: boolean) => Execution;

async function examine(found: Execution, conduct: Conduct, signal = new AbortController().signal) {
  let isFresh = false;
  const player = {
    renew: async () => void (isFresh = true),
    play: async (playable: Playable) => {
      const execution = conduct(playable, isFresh);
      isFresh = false;
      return execution;
    },
  };
  const find = { index: 0, playable: WHOLE, execution: found, earlier: 4 };
  const examination = new Examination(player, TARGET, find, SHRINK_LIMIT_MS, signal);
  const error = await examination.run().then(() => undefined, (error) => error);
  const { playable: { sequence: { steps } }, execution: { verdict }, notes } = examination;
  return { steps: steps.length, verdict, notes: notes.join("; "), kinds: examination.kinds.size, error };
}

const opens = ({ sequence: { steps } }: Playable): boolean => steps.some((step) => "open" in step);

t.test("what a fresh guest shows is made as small as can be", async (t) => {
  t.match(await examine(MISMATCH, (playable) => opens(playable) ? MISMATCH : MATCH), {
    steps: 1,
    verdict: "mismatch",
    notes: /^\d+ shorter or simpler ones were tried$/,
    kinds: 1,
  });
});

t.test("what a fresh guest doesn't show is told as it was seen", async (t) => {
  t.match(await examine(CRASH, () => MATCH), {
    steps: 3,
    verdict: "crash",
    notes: "seen after 4 others; on a fresh guest all is as predicted",
  });
});

t.test("what was made of it counts only if a fresh guest shows it", async (t) => {
  const conduct: Conduct = (playable, isFresh) => isFresh && playable !== WHOLE ? MATCH : MISMATCH;
  t.match(await examine(MISMATCH, conduct), {
    steps: 3,
    verdict: "mismatch",
    notes: /shows nothing on a fresh one/,
  });
});

t.test("what befalls the harness is no reason to forget what the kernel did", async (t) => {
  t.match(await examine(MISMATCH, () => FAULT), {
    steps: 3,
    verdict: "mismatch",
    notes: /exit code 7/,
    kinds: 1,
  });
  t.match(await examine(FAULT, () => FAULT), { verdict: "harness-fault" });
});

t.test("what it was at first is told beside what it is on a fresh guest", async (t) => {
  t.match(await examine(CRASH, () => MISMATCH), {
    verdict: "mismatch",
    notes: /^at first it was a crash \(the kernel crashed\); /,
    kinds: 2,
  });
});

t.test("a guest that isn't to be had any more leaves what is known so far", async (t) => {
  let plays = 0;
  const conduct: Conduct = () => {
    if (plays++ > 0) throw new GuestLost("hang", "no guest", []);
    return MISMATCH;
  };
  const examined = await examine(MISMATCH, conduct);
  t.match(examined, { steps: 3, verdict: "mismatch", notes: /no guest to try/ });
  t.type(examined.error, GuestLost);
});

t.test("an end before its time is told, since another machine may come to less", async (t) => {
  const interruption = new AbortController();
  let plays = 0;
  const conduct: Conduct = () => {
    if (++plays === 2) interruption.abort();
    return MISMATCH;
  };
  t.match(await examine(MISMATCH, conduct, interruption.signal), {
    steps: 2,
    verdict: "mismatch",
    notes: "0 shorter or simpler ones were tried, more would have taken too long",
  });
});
