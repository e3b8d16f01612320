import { describe, expect, it } from "vitest";
import { killId, type KillPreview } from "~/api/stop";
import { touched } from "~/api/live";
import { ms } from "./KillRun";
import { words } from "./StopSteps";

const preview = (change: Partial<KillPreview> = {}): KillPreview => ({
  scope: "all", step: "flatten", flatten: true, seen: "venue", at: null, accounts: [], traders: ["a", "b"], orders: 3, positions: 1, foreign: 0,
  totals: [{ currency: "USD", notional: "1950.00", cost: "0.58" }], seconds: 2, ...change,
});

describe("what a stop says it will do", () => {
  it("counts and prices", () => {
    expect(words(preview(), false).flatten).toBe("Cancels 3 orders, closes 1 position, notional 1,950.00 USD; about 0.58 USD and 2.0 s at the broker’s declared rates.");
    expect(words(preview(), false).pause).toBe("Stops entries of 2 traders; 1 position kept.");
  });
  it("never takes the unknown for zero", () => {
    const unpriced = words(preview({ totals: [{ currency: "USD", notional: null, cost: null }] }), false);
    expect(unpriced.flatten).toContain("notional unpriced USD; about unknown USD");
    expect(unpriced.reduce_only).toContain("unpriced USD");
  });
  it("keeps currencies apart", () => expect(words(preview({ totals: [{ currency: "EUR", notional: "1.00", cost: "0" }, { currency: "USD", notional: "2.00", cost: "0" }] }), false).reduce_only).toContain("1.00 EUR + 2.00 USD"));
  it("says when positions are kept, and when there is nothing", () => {
    expect(words(preview(), true).flatten).toBe("Cancels 3 orders, keeps 1 position.");
    expect(words(preview({ orders: 0, positions: 0 }), false).flatten).toContain("nothing to close");
  });
});

describe("kills", () => {
  it("have ids that the API takes and that differ", () => {
    const ids = new Set(Array.from({ length: 200 }, killId));
    expect(ids.size).toBe(200);
    for (const id of ids) expect(id).toMatch(/^kill_[a-z0-9]{26}$/u);
  });
  it("make what shows them old", () => {
    expect(touched("kill.account_flat")).toContain("kills");
    expect(touched("halt.lift_waiting")).toContain("lifts");
    expect(touched("drill.failed")).toEqual(["drills", "alerts"]);
  });
  it("show times, and a dash where none is known", () => expect([ms(null), ms(26.74), ms(61_000)]).toEqual(["–", "26.7 ms", "61.0 s"]));
});
