import t from "#tap";
import {
  configurationLines,
  isDropped,
  isOutdated,
  networkSettings,
  sourceLines,
} from "../../harness/components/apt_root.ts";
import { CommandError } from "../../harness/components/command.ts";
import { releaseOf } from "../../harness/components/releases.ts";

t.test("sources of a release are signed by Debian's keyring", async (t) => {
  const signed = "deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]";
  const trixie = releaseOf("trixie");
  t.equal(
    sourceLines(trixie, "amd64", { main: "http://m.example/debian", security: "http://s.example/security" }),
    `${signed} http://m.example/debian trixie main
${signed} http://m.example/debian trixie-backports main
${signed} http://s.example/security trixie-security main
`,
  );
  t.notMatch(sourceLines(trixie, "amd64", { main: "http://m.example/debian" }), /security/);
});

t.test("of an old release only the security suite is used", async (t) => {
  const bullseye = releaseOf("bullseye");
  t.equal(
    sourceLines(bullseye, "amd64", {
      main: "http://m.example/debian",
      security: "http://s.example/security",
    }),
    "deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] " +
      "http://s.example/security bullseye-security main\n",
  );
  t.equal(sourceLines(bullseye, "amd64", { main: "http://m.example/debian" }), "");
});

t.test("another architecture has lists of its own, of the same suites and signed by the same keys", async (t) => {
  const line = (arch: "amd64" | "arm64") =>
    sourceLines(releaseOf("bullseye"), arch, { main: "", security: "http://s.example/security" });
  t.equal(line("arm64"), line("amd64").replace("amd64", "arm64"));
  const configuration = configurationLines("/c", "arm64", [], true);
  t.match(configuration, 'APT::Architecture "arm64";\nAPT::Architectures { "arm64"; };');
});

t.test("a release that the mirror has dropped is told from a mirror that can't be reached", async (t) => {
  const refusal = (stderr: string) => new CommandError("apt-get", 100, stderr, undefined);
  const suite = "'http://s.example/security bullseye-security Release'";
  t.ok(isDropped(refusal(`E: The repository ${suite} does not have a Release file.`)));
  t.ok(isDropped(refusal(`E: The repository ${suite} no longer has a Release file.`)));
  t.notOk(isDropped(refusal("E: Failed to fetch http://s.example/ Could not resolve 's.example'")));
});

t.test("of the machine's settings only the way to the network is taken over", async (t) => {
  const dump = `APT::Update::Post-Invoke:: "rm -f /var/cache/apt/archives/*.deb || true";
Acquire "";
Acquire::http::Proxy "http://proxy.example:3128/";
Acquire::http::Proxy::intern.example "DIRECT";
Acquire::https::CaInfo "/etc/ssl/own.pem";
Acquire::https::m.example::CaInfo "/etc/ssl/m.pem";
Acquire::https::Verify-Peer "false";
Acquire::AllowInsecureRepositories "1";
Acquire::Check-Valid-Until "false";
Dir::Cache "/var/cache/apt";`;
  t.same(networkSettings(dump), [
    'Acquire::http::Proxy "http://proxy.example:3128/";',
    'Acquire::http::Proxy::intern.example "DIRECT";',
    'Acquire::https::CaInfo "/etc/ssl/own.pem";',
    'Acquire::https::m.example::CaInfo "/etc/ssl/m.pem";',
    'Acquire::Check-Valid-Until "false";',
  ]);
});

t.test("the configuration keeps to its folder and to the machine's user", async (t) => {
  const user = configurationLines("/c/apt/trixie", "amd64", ['Acquire::http::Proxy "http://p/";'], false);
  t.match(user, 'Dir::State::status "/c/apt/trixie/state/status";');
  t.match(user, 'Dir::Etc::parts "/dev/null";');
  t.match(user, 'Acquire::http::Proxy "http://p/";');
  t.notMatch(user, "Sandbox");
  t.match(configurationLines("/c", "amd64", [], true), 'APT::Sandbox::User "root";');
});

t.test("which refusals mean that the lists are old", async (t) => {
  const refusal = (stderr: string) => new CommandError("apt-get", 100, stderr, undefined);
  t.ok(isOutdated(refusal("E: Failed to fetch http://m.example/a.deb  404  Not Found [IP: ::1 80]")));
  t.ok(isOutdated(refusal("E: Version '9' for 'hello' was not found")));
  t.ok(isOutdated(refusal("E: Unable to locate package hello")));
  t.notOk(
    isOutdated(refusal("E: Failed to fetch http://m.example/a.deb  write (28: No space left on device)")),
  );
  t.notOk(isOutdated(refusal("E: You don't have enough free space in /c/.")));
  t.notOk(isOutdated(new Error("404 Not Found")));
});
