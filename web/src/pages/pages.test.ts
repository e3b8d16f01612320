import { describe, expect, it } from "vitest";
import { marksOf } from "./CommandCenter";
import { ended } from "./Audit";
import { fieldPath } from "./Configuration";
import { sampleText, samples } from "./Operations";
import { safeNext, secretOf } from "./SignIn";

describe("pages", () => {
  it("go only to own paths after signing in", () => {
    expect(safeNext("/traders?q=x")).toBe("/traders?q=x");
    for (const evil of ["https://evil.example", "//evil.example", "/\\evil.example", "/sign-in?token=x", undefined]) expect(safeNext(evil)).toBe("/");
  });
  it("take the secret out of a pasted link, or what was pasted", () => {
    expect(secretOf(" http://127.0.0.1:8787/sign-in?token=tdl_x ")).toBe("tdl_x");
    expect(secretOf("tdl_y\n")).toBe("tdl_y");
  });
  it("put an act of the wall clock on the trading axis", () => {
    const points = [0, 1, 2].map((n) => ({ time: `2008-10-0${n + 1}T00:00:00Z`, at: `2026-11-20T14:00:0${n}Z`, equity: 1, drawdown: 0, balance: 1 }));
    const marks = marksOf(points, [{ seq: 1, at: "2026-11-20T14:00:01.500Z", source: "local", kind: "halt.set", body: {} }], [], []);
    expect(marks).toEqual([{ at: Date.parse("2008-10-02T00:00:00Z") / 1000, label: "halt", tone: "bad" }]);
    expect(marksOf(points, [{ seq: 1, at: "2026-11-20T13:00:00Z", source: "local", kind: "halt.set", body: {} }], [], [])).toEqual([]);
  });
  it("read Prometheus text", () => {
    expect(samples('# HELP a_total Things.\n# TYPE a_total counter\na_total{x="1"} 5\nb_bucket{le="1"} 2\n')).toEqual([{ name: "a_total", labels: 'x="1"', value: 5, help: "Things." }]);
  });
  it("show a moment of Prometheus as one, and a duration as one", () => {
    expect(sampleText({ name: "tradedeck_process_start_time_seconds", value: 1_795_269_600 }, "utc")).toBe("2026-11-21 14:00:00");
    expect(sampleText({ name: "tradedeck_source_age_seconds", value: 0.25 }, "utc")).toBe("250 ms");
  });
  it("find the field of a fault", () => {
    expect(fieldPath("traders[4].params.fast")).toBe("traders/4/params/fast");
    expect(fieldPath("scan_interval_s")).toBe("scan_interval_s");
  });
  it("show an act that ended once, and one that did not as begun", () => {
    const record = (seq: number, audit_id: string, outcome: string) => ({ seq, audit_id, outcome }) as never;
    expect(ended([record(4, "b", "started"), record(3, "a", "done"), record(2, "a", "started"), record(1, "c", "done")]).map((each) => each.seq)).toEqual([4, 3, 1]);
  });
});
