import { describe, expect, it } from "vitest";
import { canonical, exact, sha256 } from "./canonical";

describe("an act as it is hashed", () => {
  // As `tradedeck.kernel.canonical` writes and hashes it.
  const known = "d836bf23040d7abd3bd6b3865f59eca5f02b58f72a6ab4390eb3d3b4361c08c4";
  const sent = '{"scope":"all", "nonce":"00ff","b":{"ä":"Ü\\n\\u2028\\"x","z":[1,2.5,null,true]},"at":1795269600123456789}';
  it("has the bytes and the hash of the host, to the last digit", async () => {
    const text = canonical(exact(sent));
    expect(text).toBe('{"at":1795269600123456789,"b":{"z":[1,2.5,null,true],"ä":"Ü\\n\u2028\\"x"},"nonce":"00ff","scope":"all"}');
    expect(await sha256(text)).toBe(known);
  });
  it("has another hash when a digit is another one", async () => {
    expect(await sha256(canonical(exact(sent.replace("6789", "6788"))))).not.toBe(known);
  });
});
