import t from "#tap";
import { findMirrors, parsePrintedUris } from "../../harness/components/mirrors.ts";

const digest = "3c71917b490d1a17aed43196a2787a256ecf060526cdb20216a74bedc061b150";

t.test("lines of apt-get --print-uris", async (t) => {
  const text = [
    "Reading package lists...",
    `'http://m.example/pool/g/libgcc-s1_14.2.0-19_amd64.deb' libgcc-s1_14.2.0-19_amd64.deb 72772 SHA256:${digest}`,
    "'http://m.example/debian/dists/bookworm/InRelease' m.example_debian_dists_bookworm_InRelease 0 ",
    "'http://m.example/a.deb' a.deb 5 MD5Sum:00",
    "",
  ].join("\n");
  t.same(parsePrintedUris(text), [
    {
      uri: "http://m.example/pool/g/libgcc-s1_14.2.0-19_amd64.deb",
      file: "libgcc-s1_14.2.0-19_amd64.deb",
      sizeBytes: 72772,
      sha256: digest,
    },
    {
      uri: "http://m.example/debian/dists/bookworm/InRelease",
      file: "m.example_debian_dists_bookworm_InRelease",
      sizeBytes: 0,
      sha256: "",
    },
    { uri: "http://m.example/a.deb", file: "a.deb", sizeBytes: 5, sha256: "" },
  ]);
});

const release = (site: string, suite: string) => `${site}/dists/${suite}/InRelease`;

t.test("the Debian sites among the configured sources", async (t) => {
  const vendor = release("https://vendor.example/linux/debian", "bookworm");
  const main = [
    release("http://m.example/debian", "bookworm"),
    release("http://m.example/debian", "bookworm-updates"),
  ];
  const security = release("http://m.example/debian-security", "bookworm-security");
  const found = { main: "http://m.example/debian", security: "http://m.example/debian-security" };
  t.same(findMirrors([...main, security]), found);
  t.same(
    findMirrors([vendor, ...main, security]),
    found,
    "a vendor with Debian's suite names isn't taken for Debian",
  );
  t.same(findMirrors([main[0]!]), { main: "http://m.example/debian" }, "no security site");
  t.same(
    findMirrors([release("http://p.example/mirror", "stable")]),
    { main: "http://p.example/mirror" },
    "a proxy's path may have any name",
  );
  t.equal(
    findMirrors([release("mirror+file:/etc/apt/mirrors/debian.list", "trixie")])?.main,
    "mirror+file:/etc/apt/mirrors/debian.list",
  );
});

t.test("no Debian site", async (t) => {
  t.equal(findMirrors([]), undefined);
  t.equal(
    findMirrors([release("http://u.example/ubuntu", "noble"), release("http://n.example", "nodistro")]),
    undefined,
  );
  t.equal(findMirrors([release("cdrom:[Debian 12]", "bookworm")]), undefined);
  t.equal(findMirrors(["http://m.example/debian/dists/bookworm/main/binary-amd64/Packages.xz"]), undefined);
});
