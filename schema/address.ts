/** Addresses that nothing of ours may ever call: unspecified, link-local and cloud metadata, multicast, reserved, unique local (security requirement 30). */

/** Whether the host of a parsed URL is such an address. The parser has brought every numeric spelling into one form; a name is looked at when it is resolved. */
export function isForbiddenHost(hostname: string): boolean {
  if (hostname.startsWith('[')) return isForbiddenV6(groupsOf(hostname.slice(1, -1)));
  return /^\d+(\.\d+){3}$/.test(hostname) && isForbiddenV4(hostname.split('.').map(Number));
}

/** Single addresses at which clouds answer with credentials, outside of the ranges. */
const METADATA: ReadonlySet<string> = new Set(['100.100.100.200', '168.63.129.16']);

function isForbiddenV4(bytes: readonly number[]): boolean {
  const [a = 0, b = 0, c = 0] = bytes;
  return a === 0 || (a === 169 && b === 254) || (a === 192 && b === 0 && c === 0) || a >= 224 || METADATA.has(bytes.join('.'));
}

function isForbiddenV6(groups: readonly number[]): boolean {
  const [first = 0] = groups;
  const isZero = (from: number, to: number): boolean => groups.slice(from, to).every((group) => group === 0);
  if (isZero(0, 7) && groups[7] === 1) return false;
  if ((first & 0xff80) === 0xfe80 || (first & 0xfe00) === 0xfc00 || first >= 0xff00) return true;
  if (first === 0x100 && isZero(1, 4)) return true;
  const inner = embedded(groups, isZero);
  return inner !== undefined && isForbiddenV4(inner.flatMap((group) => [group >> 8, group & 255]));
}

/** The two groups that carry an IPv4 address: IPv4-compatible, -mapped and -translated, NAT64, 6to4. */
function embedded(groups: readonly number[], isZero: (from: number, to: number) => boolean): readonly number[] | undefined {
  const [first, second, third] = groups;
  if (first === 0x2002) return groups.slice(1, 3);
  const isNat64 = first === 0x64 && second === 0xff9b && (third === 1 || isZero(2, 6));
  const isMapped =
    isZero(0, 4) && ((groups[4] === 0 && (groups[5] === 0 || groups[5] === 0xffff)) || (groups[4] === 0xffff && groups[5] === 0));
  return isNat64 || isMapped ? groups.slice(6) : undefined;
}

/** The eight groups of an address as URL writes it: hexadecimal, at most one `::`. */
function groupsOf(address: string): number[] {
  const [left = [], right = []] = address.split('::').map((half) => half.split(':').filter(Boolean));
  const gap = Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...gap, ...right].map((group) => Number.parseInt(group, 16));
}
