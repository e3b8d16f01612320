import { describe, expect, it } from "vitest";
import type { Breaker, Headroom } from "~/api/types";
import * as rules from "./breakers";
import { leftText, usedText } from "./headroom";

const row = (change: Partial<Breaker> = {}): Breaker => ({ account: "main", scope: "account/main", breaker: "rejects", state: "closed", used: 2, bound: 5, unit: "rejects", window_s: 60, action: "pause", resume: "person", cooldown_s: null, lifted_by: "risk", reason: "", numbers: {}, open_since: null, closes_at: null, halts: [], last_tripped: null, trips: 0, ...change });
const limit = (change: Partial<Headroom> = {}): Headroom => ({ scope: "account/main", limit: "drawdown_max", label: "drawdown", used: 0.05, bound: 0.1, unit: "ratio", action: "flatten", set_by: null, set_at: null, last_breach: null, breaches: 0, ...change });

describe("breakers", () => {
  it("say their rule and how they close", () => {
    expect(rules.ruleText(row())).toBe("5 orders rejected in 60 s");
    expect(rules.closesText(row())).toBe("a person lifts it (risk)");
    expect(rules.ruleText(row({ breaker: "feed_disconnected", bound: 30, window_s: null }))).toBe("30 s without a usable price");
    expect(rules.closesText(row({ resume: "auto", cooldown_s: 60 }))).toBe("60 s after its cause");
    expect(rules.closesText(row({ resume: "auto", cooldown_s: 0 }))).toBe("with its cause");
    expect(rules.nearText(row())).toBe("2 of 5");
    expect(rules.nearText(row({ used: null }))).toBe("");
  });
  it("group the places of one rule, the open and the nearest first", () => {
    const [only, other] = rules.byRule([row({ scope: "trader/a", used: 1 }), row({ scope: "trader/b", used: 4 }), row({ scope: "trader/c", used: 0, state: "open" }), row({ breaker: "clock_offset" })]);
    expect(only?.places.map((each) => each.scope)).toEqual(["trader/c", "trader/b", "trader/a"]);
    expect(only?.open).toHaveLength(1);
    expect(other?.open).toEqual([]);
  });
  it("know where the configuration keeps them", () => {
    expect(rules.breakerPath(row())).toBe("accounts/main/breakers/rejects");
    expect(rules.breakerPath(row({ breaker: "stale_checks" }))).toBe("accounts/main/limits/stale_checks_max");
    expect(rules.limitPath(limit({ scope: "trader/a/b", limit: "loss_max" }))).toBe("traders/a/b/limits/loss_max");
  });
});
describe("the verdicts of the risk page", () => {
  it("name what is closest and what follows", () => {
    expect(rules.closest([limit(), limit({ limit: "x", used: 0.01 })], "USD")).toMatchObject({ answer: "Drawdown, 50 %", tone: "ok", detail: "main · 5.0 of 10 % · then flatten" });
    expect(rules.closest([limit({ used: 0.1 })], "USD").tone).toBe("bad");
    expect(rules.closest([limit({ used: 0.2, action: null })], "USD").tone).toBe("warn");
    expect(rules.closest([], "USD").answer).toBe("No limit is set");
  });
  it("say what opened, and lead to the lift only where something is latched", () => {
    expect(rules.opened([row()])).toMatchObject({ answer: "Nothing", tone: "ok" });
    expect(rules.opened([row({ state: "open", reason: "5 rejects in 60 s" })])).toMatchObject({ answer: "Rejected orders", detail: "main: 5 rejects in 60 s", link: undefined });
    expect(rules.opened([row({ breaker: "loss_max", state: "open", reason: "loss_max 12 of 10" })]).detail).toBe("main: 12 of 10");
    expect(rules.opened([row({ state: "open", halts: [{ scope: "account/main", level: "pause", by: "breaker", at: "" }] })]).link?.to).toBe("/emergency");
  });
  it("tell what an order wanted beyond a limit, which is no breach", () => {
    expect(rules.refused([limit({ used: 0.2 })]).answer).toBe("Nothing");
    expect(rules.refused([limit({ used: 0.2, action: null })])).toMatchObject({ answer: "Drawdown", detail: "wanted 20.0 of 10 %" });
  });
});
describe("headroom", () => {
  it("says what is left, and what is over", () => {
    expect(leftText(limit())).toBe("5.0 %");
    expect(leftText(limit({ unit: "currency", used: 1500.4, bound: 1000 }), "USD")).toBe("500.4 USD over");
    expect(leftText(limit({ used: null }))).toBe("–");
    expect(usedText(limit({ bound: 0.0001 }))).toBe("5.0 of 0.01 %");
    expect(usedText(limit({ unit: "seconds", used: 1, bound: 5 }))).toBe("5 s window");
  });
});
