import { encode } from "uqr";
import { describe, expect, it } from "vitest";
import { agentWords } from "~/components/agent";
import { drawn } from "~/components/Qr";
import { personState, proofWords } from "./People";
import { tokenState } from "./Tokens";

const now = Date.parse("2026-11-21T12:00:00Z");
const later = "2026-11-21T12:05:00Z", before = "2026-11-21T11:55:00Z";

describe("settings", () => {
  it("say how an account stands, the gravest first", () => {
    expect(personState({ disabled: false, locked: false, waiting_until: null }, now)).toBe("active");
    expect(personState({ disabled: false, locked: false, waiting_until: later }, now)).toBe("waiting");
    expect(personState({ disabled: false, locked: false, waiting_until: before }, now)).toBe("active");
    expect(personState({ disabled: false, locked: true, waiting_until: later }, now)).toBe("locked");
    expect(personState({ disabled: true, locked: true, waiting_until: null }, now)).toBe("disabled");
  });
  it("say how somebody proves who they are", () => {
    expect(proofWords({ kind: "person", passkeys: 2, has_totp: true, has_password: true })).toBe("2 passkeys, app, password");
    expect(proofWords({ kind: "person", passkeys: 0, has_totp: false, has_password: false })).toBe("");
    expect(proofWords({ kind: "service", passkeys: 0, has_totp: false, has_password: false })).toBe("tokens");
  });
  it("say whether a token lets in; a revoked one never does", () => {
    expect(tokenState({ revoked_at: null, expires_at: later }, now)).toBe("valid");
    expect(tokenState({ revoked_at: null, expires_at: before }, now)).toBe("expired");
    expect(tokenState({ revoked_at: before, expires_at: later }, now)).toBe("revoked");
  });
  it("name a browser, and show what is not known as it came", () => {
    expect(agentWords("Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0")).toBe("Firefox 141 on Linux");
    expect(agentWords("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0")).toBe("Edge 141 on Windows");
    expect(agentWords("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Mobile/15E148 Safari/604.1")).toBe("Safari 19 on iOS");
    expect(agentWords("robot of somebody")).toBe("robot of somebody");
    expect(agentWords("")).toBe("unknown");
  });
  it("draw every dark module of a code where it belongs, within a quiet zone", () => {
    const text = "otpauth://totp/Tradedeck:admin?secret=JBSWY3DPEHPK3PXP&issuer=Tradedeck";
    const { size, data } = encode(text, { ecc: "M", border: 3 });
    const { path, size: drawnSize } = drawn(text);
    expect(drawnSize).toBe(size);
    const at = new Set([...path.matchAll(/M(\d+) (\d+)h1v1h-1z/gu)].map(([, x, y]) => `${x} ${y}`));
    const dark = data.flatMap((row, y) => row.flatMap((on, x) => (on ? [`${x} ${y}`] : [])));
    expect(at).toEqual(new Set(dark));
    // The corner of the upper left finder pattern stands just inside the quiet zone.
    expect(at.has("3 3")).toBe(true);
    expect([...at].some((each) => /^[0-2] | [0-2]$/u.test(each))).toBe(false);
  });
});
