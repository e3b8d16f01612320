import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { initialLive, invalidator, isNoteworthy, KEPT_EVENTS, reduceLive, touched } from "./live";
import type { LiveEvent } from "./types";

const event = (seq: number, kind = "order.filled"): LiveEvent => ({ seq, at: "2026-11-20T14:00:00Z", source: "local", kind, body: {} });

describe("the live reducer", () => {
  it("drops what it has already seen after a resume", () => {
    let live = reduceLive(initialLive(0), { type: "events", at: 1, events: [event(1), event(2)] });
    live = reduceLive(live, { type: "events", at: 2, events: [event(2), event(3)] });
    expect(live.lastSeq).toBe(3);
    expect(live.events.map((each) => each.seq)).toEqual([3, 2, 1]);
  });
  it("keeps the time of the first failure of an outage", () => {
    let live = reduceLive(initialLive(0), { type: "down", at: 10, why: "a" });
    live = reduceLive(live, { type: "down", at: 20, why: "b" });
    expect(live.connection).toEqual({ state: "down", since: 10, why: "b" });
    expect(reduceLive(live, { type: "open", at: 30 }).connection.state).toBe("open");
  });
  it("says what was lost until it is understood, and goes on after it", () => {
    let live = reduceLive(initialLive(0), { type: "gap", at: 1, from: 5, to: 9 });
    expect(live.gap).toEqual({ from: 5, to: 9, at: 1 });
    live = reduceLive(live, { type: "events", at: 2, events: [event(9), event(10)] });
    expect(live.events.map((each) => each.seq)).toEqual([10]);
    expect(reduceLive(live, { type: "forget-gap" }).gap).toBeNull();
  });
  it("is bounded, and keeps no routine entries", () => {
    const many = Array.from({ length: KEPT_EVENTS * 2 }, (_, index) => event(index + 1));
    expect(reduceLive(initialLive(0), { type: "events", at: 1, events: many }).events).toHaveLength(KEPT_EVENTS);
    expect(reduceLive(initialLive(0), { type: "events", at: 1, events: [event(1, "equity")] }).events).toHaveLength(0);
    expect(isNoteworthy("halt.set")).toBe(true);
  });
});
describe("invalidation", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  it("happens at most once per interval, each key once", () => {
    const invalidateQueries = vi.fn();
    const soon = invalidator({ invalidateQueries } as never, 250);
    for (let n = 0; n < 100; n += 1) soon(["status"]);
    expect(invalidateQueries).not.toHaveBeenCalled();
    vi.advanceTimersByTime(250);
    expect(invalidateQueries).toHaveBeenCalledTimes(1);
  });
  it("touches the books on a fill and the configuration on a swap", () => {
    expect(touched("order.filled")).toContain("positions");
    expect(touched("strategy.swapped")).toContain("config");
    expect(touched("something.new")).toEqual([]);
  });
});
