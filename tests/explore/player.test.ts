/** Guests have a sequence before they are done with the last: each is judged by what its own guest was like. */
import t from "#tap";
import { targetOf } from "../../harness/check/preparation.ts";
import { CannotTestError } from "../../harness/errors.ts";
import { type Playable, playableOf } from "../../harness/explore/playable.ts";
import { Player } from "../../harness/explore/player.ts";
import type { WrittenStep } from "../../harness/explore/sequence.ts";
import { cellWith, type Conduct, PLATFORM } from "../check/stand_in_guests.ts";

const TARGET = targetOf(PLATFORM);

function sequence(name: string, ...steps: WrittenStep[]): Playable {
  const playable = playableOf({ setting: { groups: { A: {} } }, steps }, name, TARGET);
  if (!playable) throw new Error(`${name} can't be played`);
  return playable;
}

/** What tells nothing of locked memory, which stand-ins don't keep account of. */
const [ONE, TWO, THREE] = ["one", "two", "three"].map((name) => sequence(name, { "group-open": "A" })) as [
  Playable,
  Playable,
  Playable,
];
const LIMITED = sequence("limited", { memlock: { limit: 0x10000n, capability: false } });

/** What each sequence came to, and on which guest it was judged. */
async function playAll(
  artifactsDir: string,
  guests: readonly (readonly [Conduct, ...Playable[]])[],
  sequences: readonly Playable[],
  goesOn: (name: string) => boolean = () => true,
) {
  const plan = cellWith(
    guests.map(([conduct, ...plays]) => [conduct, ...plays.map(({ scenario }) => scenario)]),
    { scenarios: [], retries: 0, artifactsDir },
  );
  await using player = new Player(plan, TARGET, new AbortController().signal);
  await player.checkWorld();
  const verdicts: string[] = [];
  const play = player.playAll(sequences.values(), ({ scenario: { id } }, { verdict }) => {
    const name = id.replace("explore/", "");
    verdicts.push(`${name}: ${verdict}`);
    return goesOn(name);
  });
  const error = await play.then(() => undefined, (error) => error);
  return { verdicts, boots: player.boots, error };
}

t.test("one guest plays them all, in order", async (t) => {
  const played = await playAll(t.testdir(), [["match", ONE, TWO, THREE]], [ONE, TWO, THREE]);
  t.match(played, { verdicts: ["one: match", "two: match", "three: match"], boots: 1, error: undefined });
});

t.test("what is on its way to a guest that is lost is played on the next", async (t) => {
  const guests = [["crash", ONE, TWO], ["match", TWO, THREE]] as const;
  const played = await playAll(t.testdir(), guests, [ONE, TWO, THREE]);
  t.match(played, { verdicts: ["one: crash", "two: match", "three: match"], boots: 2 });
});

t.test("memory that stays locked counts against the sequence that left it, and no other", async (t) => {
  const guests = [["leak", ONE, TWO, THREE]] as const;
  const played = await playAll(t.testdir(), guests, [ONE, TWO, THREE]);
  t.match(played, { verdicts: ["one: mismatch", "two: match", "three: match"], boots: 1 });
});

t.test("limits of locked memory are tried where nothing is locked, though they were sent before that", async (t) => {
  const guests = [["leak", ONE, LIMITED], ["match", LIMITED, TWO]] as const;
  const played = await playAll(t.testdir(), guests, [ONE, LIMITED, TWO]);
  t.match(played, { verdicts: ["one: mismatch", "limited: match", "two: match"], boots: 2 });
});

t.test("a sequence whose log is longer than a reply is played again alone, unless it tells something", async (t) => {
  const guests = [["long-log", ONE, TWO], ["match", ONE, TWO]] as const;
  t.match(await playAll(t.testdir(), guests, [ONE, TWO]), {
    verdicts: ["one: match", "two: match"],
    boots: 2,
  });
});

t.test("whoever judges may end it; what was sent ahead isn't judged", async (t) => {
  const played = await playAll(
    t.testdir(),
    [["match", ONE, TWO]],
    [ONE, TWO, THREE],
    (name) => name !== "one",
  );
  t.match(played, { verdicts: ["one: match"], boots: 1, error: undefined });
});

t.test("a guest that isn't to be had is told", async (t) => {
  const { verdicts, error } = await playAll(t.testdir(), [["crash", ONE, TWO], ["no-boot"]], [ONE, TWO]);
  t.same(verdicts, ["one: crash"]);
  t.type(error, CannotTestError);
});
