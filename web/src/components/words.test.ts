import { describe as suite, expect, it } from "vitest";
import { look, orderLook } from "~/api/states";
import { latencyMs, slippageBp } from "./execution";
import { match, type Entry } from "./Palette";
import { offered } from "./ways";
import { actWords, collapse, describe } from "./timeline";

suite("words", () => {
  it("tell a fill and a denial as an operator would", () => {
    const at = "2026-11-20T14:00:00Z";
    expect(describe({ seq: 1, at, source: "paper", kind: "order.filled", body: { fill: { side: "SELL", quantity: "300", instrument: "MSFT", price: "22.3", trader: "msft", fee: "1", order: "o-1" } } }).title).toBe("Filled −300 MSFT at 22.30");
    expect(describe({ seq: 2, at, source: "local", kind: "order.denied", body: { reason: "EXPOSURE_GROSS", order: { trader: "a", id: "o" }, numbers: { wanted: 60, bound: 40 } } })).toMatchObject({ title: "Denied: Exposure gross", detail: "a · wanted 60, bound 40" });
  });
  it("show a kind that is not known by its name", () => expect(describe({ seq: 3, at: "", source: "", kind: "guard.fired", body: {} }).title).toBe("Guard fired"));
  it("never hide a state that is not known", () => expect(look(orderLook, "PENDING_NEW")).toMatchObject({ word: "PENDING_NEW", tone: "unknown" }));
  it("say a repeated denial once, with its count", () => {
    const item = (key: string, trader: string) => ({ key, at: "", shape: "diamond" as const, tone: "warn" as const, title: "Denied: Halt paused", detail: "", trader });
    expect(collapse([item("3", "a"), item("2", "b"), item("1", "a")]).map((each) => `${each.trader} ${each.title}`)).toEqual(["a Denied: Halt paused ×2", "b Denied: Halt paused"]);
  });
  it("offer what a person has, a passkey only where the browser can", () => {
    expect(offered(["host", "recovery", "totp", "passkey"], { passkey: true })).toEqual(["passkey", "totp", "recovery", "host"]);
    expect(offered(["host", "passkey"], { passkey: false })).toEqual(["host"]);
  });
  it("say acts of the audit without their domain", () => expect(actWords("runner:trader:pause")).toBe("Trader pause"));
});
suite("execution", () => {
  it("counts a cost as plus, whichever side", () => {
    expect(slippageBp({ side: "BUY", decision_price: "100", average_price: "100.01" })).toBeCloseTo(1);
    expect(slippageBp({ side: "SELL", decision_price: "100", average_price: "99.99" })).toBeCloseTo(1);
    expect(slippageBp({ side: "SELL", decision_price: null, average_price: "99.99" })).toBeNull();
    expect(latencyMs({ sent_at_ns: 1_000_000, acked_at_ns: 2_500_000 })).toBe(1.5);
  });
});
suite("the palette", () => {
  const entry = (label: string): Entry => ({ group: "Trader", label, run: () => undefined });
  it("finds every word in any order", () => expect(match([entry("Pause aapl-ema"), entry("Open aapl-ema")], "ema pau").map((each) => each.label)).toEqual(["Pause aapl-ema"]));
});
