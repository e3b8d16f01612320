import { describe, expect, it } from "vitest";
import * as format from "./format";

describe("numbers", () => {
  it("keeps decimals of the API and uses one minus sign", () => {
    expect(format.money("118204.1")).toBe("118,204.10");
    expect(format.delta("-348.48")).toBe("−348.48");
    expect(format.delta("412.8")).toBe("+412.80");
  });
  it("gives zero no sign, whichever side it was rounded from", () => {
    expect(format.delta("-0.001")).toBe("0.00");
    expect(format.delta(0)).toBe("0.00");
  });
  it("says nothing where there is nothing", () => {
    for (const missing of [null, undefined, "", "abc", Number.NaN]) expect(format.money(missing)).toBe(format.DASH);
  });
  it("shows a drawdown as a loss, whichever sign it comes with", () => {
    expect(format.drawdown(0.0192)).toBe("−1.92 %");
    expect(format.drawdown("-0.0192")).toBe("−1.92 %");
    expect(format.drawdown(0)).toBe("0.00 %");
  });
  it("keeps the digits of currencies", () => expect(format.price("1.08345")).toBe("1.08345"));
  it("says flat for no position", () => {
    expect(format.position("0", "AAPL")).toBe("flat");
    expect(format.position("-300", "MSFT")).toBe("−300 MSFT");
  });
});
describe("durations", () => {
  it.each([[300, "0.3 s"], [42_000, "42 s"], [180_000, "3 min"], [8_040_000, "2 h 14 min"], [356_400_000, "4 d 3 h"]])("%i ms is %s", (ms, text) => expect(format.duration(ms)).toBe(text));
});
