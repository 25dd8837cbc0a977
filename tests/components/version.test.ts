import t from "#tap";
import { compareVersions, isInSeries, upstreamVersion } from "../../harness/components/version.ts";

t.test("versions are ordered as dpkg orders them", async (t) => {
  const ascending = [
    "1.0~beta1~svn1245",
    "1.0~beta1",
    "1.0",
    "1.0-1",
    "1.0-1+b3",
    "1.0+dfsg",
    "1.0.1",
    "6.1.9",
    "6.1.192-1",
    "6.1.192-2",
    "6.12.117-1~deb12u1",
    "6.12.117-1",
    "7.3.4-1~bpo13+1",
    "7.3.4-1",
    "1:7.2+dfsg-7+deb12u15",
    "1:7.2+dfsg-7+deb12u18+b3",
    "1:10.0.2+ds-2+deb13u1",
    "1:11.1.3+ds-1~bpo13+1",
    "2:0",
  ];
  for (const [left, a] of ascending.entries()) {
    for (const [right, b] of ascending.entries()) {
      t.equal(Math.sign(compareVersions(a, b)), Math.sign(left - right), `${a} against ${b}`);
    }
  }
});

t.test("leading zeros and an empty revision don't matter", async (t) => {
  t.equal(compareVersions("1.007", "1.7"), 0);
  t.equal(compareVersions("1.0", "1.0-0"), 0);
  t.equal(compareVersions("0:1.0", "1.0"), 0);
});

t.test("upstream's part of a version", async (t) => {
  t.equal(upstreamVersion("6.12.117-1~deb12u1"), "6.12.117");
  t.equal(upstreamVersion("1:10.0.13+ds-0+deb13u1"), "10.0.13");
  t.equal(upstreamVersion("1:7.2+dfsg-7+deb12u18+b3"), "7.2");
});

t.test("a series ends at a dot", async (t) => {
  t.ok(isInSeries("6.1.192", "6.1"));
  t.ok(isInSeries("6.1", "6.1"));
  t.notOk(isInSeries("6.12.117", "6.1"));
});
