/* Whether a leaf stands at its place in a Merkle tree (RFC 6962; the algorithm is 2.1.3.2 of RFC 9162). */
const bytes = (hex: string): Bytes => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const hexOf = (data: Uint8Array) => [...data].map((each) => each.toString(16).padStart(2, "0")).join("");
type Bytes = Uint8Array<ArrayBuffer>;
async function sha256(...parts: Bytes[]): Promise<Bytes> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) { whole.set(part, at); at += part.length; }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
}

export async function leafHash(entry: string): Promise<string> {
  return hexOf(await sha256(Uint8Array.of(0), new TextEncoder().encode(entry)));
}

/** True only where `hashes` lead from `leaf` at `index` to `root` in a tree of `size`. Sizes stay below 2^53. */
export async function included(leaf: string, index: number, size: number, hashes: string[], root: string): Promise<boolean> {
  if (index < 0 || index >= size) return false;
  let place = BigInt(index), last = BigInt(size - 1), found = bytes(leaf);
  for (const hash of hashes) {
    if (last === 0n) return false;
    if (place & 1n || place === last) {
      found = await sha256(Uint8Array.of(1), bytes(hash), found);
      while (!(place & 1n) && place) { place >>= 1n; last >>= 1n; }
    } else found = await sha256(Uint8Array.of(1), found, bytes(hash));
    place >>= 1n; last >>= 1n;
  }
  return last === 0n && hexOf(found) === root;
}
