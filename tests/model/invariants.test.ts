import t from "#tap";
import { brokenInvariants } from "../../harness/model/invariants.ts";
import { deviceOpen } from "../../harness/model/lifecycle.ts";
import { type State, type Type1, withEntry } from "../../harness/model/state.ts";
import { Play } from "./play.ts";
import { group, INTEL, INTEL_48, MSI, worldOf } from "./worlds.ts";
import { mappingAt } from "./mapping.ts";

const WORLD = worldOf({ a: group(INTEL, [MSI]), b: group(INTEL, [MSI]), wide: group(INTEL_48, []) });

const sound = new Play(Play.right("6.12.117", WORLD).state);
sound.start(3n, "a", "b", "wide");
sound.map(0x1000n, 0x1000n);
sound.map(0x4000n, 0x2000n);
sound.run(deviceOpen, "a.0", "a");

const withType1 = (change: Partial<Type1>): State => {
  const container = { holders: ["main"], groups: ["wide", "b", "a"], type1: { ...sound.type1, ...change } };
  return { ...sound.state, containers: new Map([["c", container]]) };
};

const low = mappingAt(0x1000n);
const high = mappingAt(0x1000000000n, 0x2000n);

t.test("a sound state breaks nothing", async (t) => t.same(brokenInvariants(sound.state), []));

t.test("a state that is broken by hand is described", async (t) => {
  const { state } = sound;
  const cases: [words: string, broken: State][] = [
    ["c: list is empty", withType1({ list: [], mappings: [] })],
    [
      "c: range 0x2000..0x1fff ends before it starts",
      withType1({ list: [{ start: 0x2000n, last: 0x1fffn }], mappings: [] }),
    ],
    [
      "c: list is unsorted: 0x4000..0x7fff,0x0..0xfff",
      withType1({ list: [{ start: 0x4000n, last: 0x7fffn }, { start: 0n, last: 0xfffn }], mappings: [] }),
    ],
    [
      "c: mapping 0x1000..0x1fff is outside the list",
      withType1({ list: [{ start: 0x2000n, last: 0xfffffn }], mappings: [low] }),
    ],
    ["c: mappings overlap or are unsorted at 0x1000..0x1fff", withType1({ mappings: [low, low] })],
    ["c: mappings overlap or are unsorted at 0x1000..0x1fff", withType1({ mappings: [high, low] })],
    ["c: more mappings than the budget allows", withType1({ mappingLimit: 1 })],
    [
      "c: range 0xfef00000..0x8000000000 is outside the aperture of b",
      withType1({ list: [{ start: 0n, last: 0xfedfffffn }, { start: 0xfef00000n, last: 0x8000000000n }] }),
    ],
    ["c: list holds 0xfee00000..0xfeefffff:msi of group b", withType1({ list: [INTEL.aperture] })],
    ["c: b has no domain", withType1({ domains: [domain("intel", "a"), domain("intel-48", "wide")] })],
    [
      "c: a has two domains",
      withType1({ domains: [domain("intel", "a", "b"), domain("intel-48", "wide"), domain("intel", "a")] }),
    ],
    ["c: wide is in a domain of intel", withType1({ domains: [domain("intel", "a", "b", "wide")] })],
    ["c: a domain of x has no group", withType1({ domains: [...sound.type1.domains, domain("x")] })],
    ["pages stay locked without a mapping", { ...state, leakedPages: new Map([[0, 2n]]) }],
    ["c: group b is elsewhere", { ...state, groups: withEntry(state.groups, "b", undefined) }],
    [
      "d: neither descriptor nor group keeps it alive",
      { ...state, containers: withEntry(state.containers, "d", { holders: [], groups: [] }) },
    ],
    [
      "e: neither descriptor nor device keeps it open",
      { ...state, groups: withEntry(state.groups, "e", { holders: [], devices: new Map(), isLost: false }) },
    ],
    [
      "a: in container c without a device",
      {
        ...state,
        world: new Map([...state.world].map(([name, group]) => [name, { ...group, drivers: ["absent"] }])),
      },
    ],
    [
      "e: container c doesn't know it",
      {
        ...state,
        groups: withEntry(state.groups, "e", {
          holders: ["main"],
          devices: new Map(),
          container: "c",
          isLost: false,
        }),
      },
    ],
  ];
  for (const [words, broken] of cases) t.ok(brokenInvariants(broken).includes(words), words);
});

function domain(iommu: string, ...groups: string[]) {
  return { iommu, groups };
}
