import t from "#tap";
import { compareVersions, parseVersion, versionText } from "../../harness/model/version.ts";

t.test("the leading numbers of a release or package version", async (t) => {
  const cases: [string, string][] = [
    ["6.12.117+deb12-amd64", "6.12.117"],
    ["6.1.192-2", "6.1.192"],
    ["7.3-rc2", "7.3.0"],
    ["5.10", "5.10.0"],
    ["6.12.117-1~deb12u1", "6.12.117"],
  ];
  for (const [text, expected] of cases) {
    const version = parseVersion(text);
    t.equal(version && versionText(version), expected, text);
  }
});

t.test("no version", async (t) => {
  for (const text of ["", "6", "v6.1", "six.one", ".1.2"]) t.equal(parseVersion(text), undefined, text);
});

t.test("order is by number, not by text", async (t) => {
  const sorted = ["5.4", "5.10", "6.1.9", "6.1.192", "6.6", "6.12.117", "6.18", "7.3.4"];
  const versions = [...sorted].reverse().map((text) => parseVersion(text)!);
  t.same(
    versions.sort(compareVersions).map(versionText),
    sorted.map((text) => versionText(parseVersion(text)!)),
  );
  t.equal(compareVersions(parseVersion("6.12")!, parseVersion("6.12.0")!), 0);
});
