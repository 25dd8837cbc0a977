import t from "#tap";
import { packagesOf } from "../../harness/components/package_index.ts";
import { dependencyNames, parseStanzas } from "../../harness/components/stanza.ts";

const list = `Package: linux-image-7.3.4+deb13-amd64
Source: linux-signed-amd64 (7.3.4+1~bpo13+1)
Version: 7.3.4-1~bpo13+1
Depends: dracut | linux-initramfs-tool, linux-base-7.3.4+deb13-amd64 (= 7.3.4-1~bpo13+1),
 linux-binary-7.3.4+deb13-amd64 (= 7.3.4-1~bpo13+1)
Description: Linux 7.3.4 for 64-bit PCs
 More text: with a colon.
Size: 1900
SHA256: aa

Package: linux-image-7.3.4+deb13-amd64-dbg
Version: 7.3.4-1~bpo13+1
Size: 5
SHA256: bb

Package: linux-image-7.3.4+deb13-rt-arm64-unsigned
Version: 7.3.4-1~bpo13+1
Size: 7
SHA256: dd

Package: hello
Version: 2.10-3
Description: names linux-image-6.1 in passing
Size: 6
SHA256: cc
`;

t.test("stanzas, with fields over several lines", async (t) => {
  const stanzas = parseStanzas(list);
  t.same(stanzas.map((stanza) => stanza.get("Package")), [
    "linux-image-7.3.4+deb13-amd64",
    "linux-image-7.3.4+deb13-amd64-dbg",
    "linux-image-7.3.4+deb13-rt-arm64-unsigned",
    "hello",
  ]);
  t.equal(stanzas[0]?.get("Size"), "1900");
  t.match(stanzas[0]?.get("Description"), "More text: with a colon.");
  t.same(parseStanzas(""), []);
});

t.test("names in a Depends field", async (t) => {
  t.same(dependencyNames(parseStanzas(list)[0]!.get("Depends")!), [
    "dracut",
    "linux-initramfs-tool",
    "linux-base-7.3.4+deb13-amd64",
    "linux-binary-7.3.4+deb13-amd64",
  ]);
  t.same(dependencyNames("python3:any (>= 3.11)"), ["python3"]);
  t.same(dependencyNames(""), []);
});

t.test("the index has the packages that components are made of", async (t) => {
  const packages = packagesOf(list, "trixie", "trixie-backports");
  t.match(packages, [{
    name: "linux-image-7.3.4+deb13-amd64",
    version: "7.3.4-1~bpo13+1",
    sha256: "aa",
    release: "trixie",
    suite: "trixie-backports",
    sizeBytes: 1900,
  }]);
  t.equal(packages.length, 1);
});
