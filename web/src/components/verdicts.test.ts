import { describe, expect, it } from "vitest";
import type { Headroom, Status } from "~/api/types";
import * as verdicts from "./verdicts";

const status = (change: Partial<Status> = {}): Status => ({
  at: "2026-11-20T14:00:00Z", build: "x", mode: "paper", mode_reasons: [], simulated: false, data_mode: "replay", execution_capable_accounts: 1, desired_generation: 3, observed_generation: 3,
  runner: { id: "local", state: "running", guard: "True", seen_at: null, age_ms: 100, epoch: "e", seq: 1, loop_lag_ms: 1, build: null, detail: "", started_at: null },
  accounts: [], traders: [], feeds: [], halts: [], session: [], reconcile: { verdict: "not_checked", checked_at: null, detail: null }, alerts: { unacknowledged: 0, oldest_at: null }, last_seq: 1, ...change,
});
const limit = (used: number): Headroom => ({ scope: "account/a", limit: "drawdown_max", label: "Drawdown", used, bound: 0.1, unit: "ratio", set_by: null, set_at: null, last_breach: null, breaches: 0, action: "pause" });

describe("verdicts", () => {
  it("never call the book true without reconciliation", () => {
    expect(verdicts.book(status(), []).tone).toBe("unknown");
    expect(verdicts.book(status({ reconcile: { verdict: "clean", checked_at: null, detail: null } }), []).tone).toBe("ok");
  });
  it("name the closest limit, and a breach", () => {
    expect(verdicts.safe(status(), [limit(0.019)])).toMatchObject({ answer: "Yes", tone: "ok" });
    expect(verdicts.safe(status(), [limit(0.2)]).tone).toBe("bad");
    expect(verdicts.safe(status(), []).answer).toBe("No limits");
  });
  it("do not call an order that the gate refused a limit that is exceeded", () => {
    const refused = { ...limit(0.5), limit: "order_value_max", label: "Order value", action: null };
    expect(verdicts.safe(status(), [refused])).toMatchObject({ answer: "Yes, orders refused", tone: "warn" });
    expect(verdicts.safe(status(), [refused, limit(0.2)])).toMatchObject({ answer: "Limit exceeded", tone: "bad" });
  });
  it("put a halt before everything", () => expect(verdicts.safe(status({ halts: [{ id: "h", scope: "all", level: "pause", reason: "", by: "x", at: "", kill: null, holders: ["runner"] }] }), []).answer).toBe("Entries paused"));
  it("say signals only, and blocked with its reasons", () => {
    expect(verdicts.safe(status({ mode: "signals" }), []).answer).toBe("Yes, signals only");
    expect(verdicts.safe(status({ mode: "blocked", mode_reasons: ["LIVE_NOT_CONFIRMED"] }), []).detail).toBe("Live not confirmed");
  });
  it("call nothing safe or true once the deck is silent", () => {
    expect(verdicts.lastKnown(verdicts.safe(status(), [limit(0.01)]), "14:00:00")).toMatchObject({ answer: "Unknown", tone: "unknown", detail: "Last known at 14:00:00: Yes" });
  });
  it("inv 16: take nobody's word for longer than its deadline, and absence for no word at all", () => {
    const runner = status().runner;
    expect(verdicts.silent(status(), null)).toBe(false);
    expect(verdicts.silent(status(), 3_000)).toBe(true);
    expect(verdicts.silent(status({ runner: { ...runner, age_ms: 60_000 } }), null)).toBe(true);
    expect(verdicts.silent(status({ runner: { ...runner, age_ms: null } }), null)).toBe(true);
    for (const state of ["silent", "unknown", "distrusted"] as const) expect(verdicts.silent(status({ runner: { ...runner, state } }), null)).toBe(true);
    expect(verdicts.silent(status({ runner: { ...runner, state: "stopped", age_ms: 60_000 } }), null)).toBe(false);
    expect(verdicts.book(status({ reconcile: { verdict: "stale", checked_at: null, detail: null } }), []).tone).toBe("unknown");
  });
  it("know a broken connection, a silent runner and a configuration not in force", () => {
    expect(verdicts.broken(status(), 4_000).answer).toBe("Connection lost");
    expect(verdicts.broken(status({ runner: { ...status().runner, age_ms: 60_000 } }), null).answer).toBe("Runner silent");
    expect(verdicts.broken(status({ observed_generation: 2 }), null).answer).toBe("Not in force yet");
    expect(verdicts.broken(status(), null).tone).toBe("ok");
  });
});
