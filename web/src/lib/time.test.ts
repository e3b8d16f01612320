import { describe, expect, it } from "vitest";
import { date, moment, tradingTime } from "./time";

describe("times", () => {
  it("shows a daily bar as a date and an intraday one with its time", () => {
    expect(tradingTime("2008-10-09T00:00:00Z")).toBe("2008-10-09");
    expect(tradingTime("2008-10-09T14:31:00Z")).toBe("2008-10-09 14:31");
    expect(tradingTime(null)).toBe("–");
  });
  it("shows today as a time and another day as a date", () => {
    const now = Date.parse("2026-11-20T14:00:00Z");
    expect(moment("2026-11-20T13:21:05Z", "utc", now)).toBe("13:21:05");
    expect(moment("2026-11-19T13:21:05Z", "utc", now)).toBe("2026-11-19 13:21");
    expect(date("2026-11-20T13:21:05Z", "utc")).toBe("2026-11-20");
  });
});
