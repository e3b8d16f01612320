import { describe, expect, it } from "vitest";
import type { JsonSchema } from "~/api/types";
import { bounds, controlOf, defaults, fault, faults, read, resolve, stated } from "./schema";

const root: JsonSchema = { $defs: { Limits: { type: "object", properties: { gross: { anyOf: [{ anyOf: [{ type: "number" }, { type: "string" }], ge: 0, le: 1 }, { type: "null" }] } } } }, properties: { limits: { $ref: "#/$defs/Limits" }, fast: { type: "integer", minimum: 2, maximum: 200, default: 10 } }, required: ["fast"] };

describe("a schema as a form", () => {
  it("follows references and optional decimals, and keeps decimals as text", () => {
    const limits = resolve(root.properties?.limits as JsonSchema, root);
    const gross = resolve(limits.properties?.gross as JsonSchema, root);
    expect(gross).toMatchObject({ type: "number", format: "decimal", minimum: 0, maximum: 1 });
    expect(read(gross, "0.10")).toBe("0.10");
    expect(fault(gross, "1.5", false)).toMatch("0 to 1");
    expect(fault(gross, null, false)).toBeNull();
  });
  it("finds what is wrong by name", () => {
    expect(faults(root, { fast: 1 })).toHaveProperty("fast");
    expect(faults(root, { fast: 2.5 })).toHaveProperty("fast");
    expect(faults(root, {})).toHaveProperty("fast");
    expect(faults(root, { fast: 12 })).toEqual({});
  });
  it("states what is not the default, and what was stated before", () => {
    expect(stated(root, { fast: 10, other: 1 }, {})).toEqual({ other: 1 });
    expect(stated(root, { fast: 10 }, { fast: 7 })).toEqual({ fast: 10 });
  });
  it("knows controls, bounds and defaults", () => {
    expect(controlOf({ type: "boolean" })).toBe("switch");
    expect(controlOf({ enum: ["a"] })).toBe("choice");
    expect(bounds({ exclusiveMinimum: 0 })).toBe("above 0");
    expect(defaults(root)).toMatchObject({ fast: 10 });
    expect(read({ type: "integer" }, "12")).toBe(12);
    expect(read({ type: "integer" }, "1x")).toBe("1x");
  });
});
