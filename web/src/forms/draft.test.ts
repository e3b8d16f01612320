import { describe, expect, it } from "vitest";
import { faultsOf } from "./draft";

const faults = (...errors: [string, string][]) => faultsOf({ errors: errors.map(([path, reason]) => ({ path, reason })) }, ["fast", "slow"]);

describe("faults of a draft", () => {
  it("puts a fault at the parameter it names, also where two do not fit together", () => {
    expect(faults(["params.fast", "was 0, the least is 2"]).params).toEqual({ fast: "was 0, the least is 2" });
    expect(faults(["params", "fast was 50, it must be below slow, 20"]).params).toEqual({ fast: "fast was 50, it must be below slow, 20" });
  });
  it("puts a fault at the field of the trader", () => {
    expect(faults(["instrument", "there is none"], ["sizing.value", "too large"]).fields).toEqual({ instrument: "there is none", sizing: "too large" });
  });
  it("loses none that has no field on the form", () => {
    expect(faults(["(trader)", "one trader per account"], ["params.none", "is not a parameter"], ["limits.x", "is no key"]).whole)
      .toEqual(["one trader per account", "params.none: is not a parameter", "limits.x: is no key"]);
  });
});
