import { describe, expect, it } from "vitest";
import type { BarMark } from "~/api/types";
import { mergeMarks } from "./Candles";

const mark = (time: string, kind: BarMark["kind"], side: BarMark["side"], quantity: string): BarMark => ({ time, kind, side, quantity, price: null });

describe("marks on bars", () => {
  it("makes one of a reversal, and keeps sides, kinds and bars apart", () => {
    const merged = mergeMarks([
      mark("2009-02-24T21:00:00Z", "fill", "SELL", "669"), mark("2009-02-24T21:00:00Z", "fill", "SELL", "662"),
      mark("2009-02-24T21:00:00Z", "fill", "BUY", "1"), mark("2009-02-24T21:00:00Z", "denied", "SELL", "5"),
      mark("2009-01-30T21:00:00Z", "fill", "SELL", "2"), mark("2009-01-30T21:00:00Z", "signal", "SELL", "9"),
    ]);
    expect(merged.map(({ side, denied, quantity }) => [side, denied, quantity])).toEqual([
      ["SELL", false, 2], ["SELL", false, 1331], ["BUY", false, 1], ["SELL", true, 5],
    ]);
  });
});
