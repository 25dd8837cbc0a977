/**
 * Orders two Debian version strings. [Debian policy §5.6.12]
 *
 * Epoch first, then the upstream version, then the Debian revision. `~` sorts before everything, also before
 * the end; letters sort before other characters; digits compare as numbers of any length.
 *
 * @returns negative, 0 or positive, as for `Array.prototype.sort`
 */
export function compareVersions(left: string, right: string): number {
  const a = splitVersion(left);
  const b = splitVersion(right);
  return Math.sign(a.epoch - b.epoch) || comparePart(a.upstream, b.upstream) ||
    comparePart(a.revision, b.revision);
}

/**
 * The version that upstream gave its release: `6.12.117` of `6.12.117-1~deb12u1`, `10.0.13` of
 * `1:10.0.13+ds-0+deb13u1`.
 */
export function upstreamVersion(version: string): string {
  return splitVersion(version).upstream.replace(/[+~].*$/, "");
}

/** Does `version` belong to `series`: 6.12.117 is in 6.12 and in 6, not in 6.1? */
export function isInSeries(version: string, series: string): boolean {
  return version === series || version.startsWith(`${series}.`);
}

function splitVersion(version: string): { epoch: number; upstream: string; revision: string } {
  const colon = version.indexOf(":");
  const rest = version.slice(colon + 1);
  const dash = rest.lastIndexOf("-");
  return {
    epoch: colon < 0 ? 0 : Number(version.slice(0, colon)),
    upstream: dash < 0 ? rest : rest.slice(0, dash),
    revision: dash < 0 ? "" : rest.slice(dash + 1),
  };
}

function comparePart(left: string, right: string): number {
  const a = tokens(left);
  const b = tokens(right);
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const order = index % 2 === 0
      ? compareText(a[index] ?? "", b[index] ?? "")
      : compareDigits(a[index], b[index]);
    if (order !== 0) return order;
  }
  return 0;
}

/** Text and digits in turn, text first: `2+dfsg` is `["", "2", "+dfsg"]`. */
function tokens(part: string): string[] {
  return part.split(/(\d+)/);
}

function compareDigits(left = "", right = ""): number {
  const difference = BigInt(left || 0) - BigInt(right || 0);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

function compareText(left: string, right: string): number {
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const difference = rank(left[index]) - rank(right[index]);
    if (difference !== 0) return difference;
  }
  return 0;
}

function rank(character: string | undefined): number {
  if (character === undefined) return 0;
  if (character === "~") return -1;
  const code = character.charCodeAt(0);
  return /[A-Za-z]/.test(character) ? code : code + 256;
}
