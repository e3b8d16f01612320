/* Reading a JSON schema as a form: which control, which default, what is wrong with a value. Pure. */
import type { JsonSchema } from "~/api/types";

export type Values = Record<string, unknown>;
export type Control = "switch" | "choice" | "integer" | "number" | "text" | "list" | "object" | "any";

export function resolve(schema: JsonSchema, root: JsonSchema = schema): JsonSchema {
  let found = schema;
  if (schema.$ref) {
    const name = schema.$ref.split("/").at(-1) ?? "";
    found = { ...(root.$defs?.[name] ?? {}), ...schema, $ref: undefined };
  }
  if (found.allOf?.length === 1 && found.allOf[0]) found = { ...resolve(found.allOf[0], root), ...found, allOf: undefined };
  // `X | null` is X that may be left empty.
  const some = (found.anyOf ?? found.oneOf)?.filter((each) => each.type !== "null");
  if (some?.length) {
    const variants = some.map((each) => resolve(each, root));
    const preferred = variants.find((each) => each.type === "number" || each.type === "integer") ?? (variants[0] as JsonSchema);
    // Number-or-string is how a decimal is written: it stays text, so that no digit passes through a float.
    const decimal = preferred.format === "decimal" || (preferred.type === "number" && variants.some((each) => each.type === "string"));
    found = { ...preferred, ...found, anyOf: undefined, oneOf: undefined, type: preferred.type, ...(decimal ? { format: "decimal" } : {}) };
  }
  return {
    ...found,
    minimum: found.minimum ?? found.ge, maximum: found.maximum ?? found.le,
    exclusiveMinimum: found.exclusiveMinimum ?? (found.ge == null ? found.gt : undefined), exclusiveMaximum: found.exclusiveMaximum ?? found.lt,
  };
}
export const isOptional = (schema: JsonSchema): boolean => (schema.anyOf ?? schema.oneOf)?.some((each) => each.type === "null") ?? (Array.isArray(schema.type) && schema.type.includes("null"));

export function controlOf(schema: JsonSchema): Control {
  if (schema.enum) return "choice";
  const type = Array.isArray(schema.type) ? schema.type.find((each) => each !== "null") : schema.type;
  switch (type) {
    case "boolean": return "switch";
    case "integer": return "integer";
    case "number": return "number";
    case "string": return "text";
    case "array": return "list";
    case "object": return "object";
    default: return "any";
  }
}
export function defaults(schema: JsonSchema): Values {
  return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, each]) => [name, resolve(each, schema).default ?? null]));
}
/** What a document has to say: values that are not the default, and those that it said before. */
export function stated(schema: JsonSchema, values: Values, before: Values): Values {
  const usual = defaults(schema);
  return Object.fromEntries(Object.entries(values).filter(([name, value]) => name in before || JSON.stringify(value) !== JSON.stringify(usual[name])));
}
export function bounds(schema: JsonSchema): string {
  const low = schema.minimum ?? schema.exclusiveMinimum, high = schema.maximum ?? schema.exclusiveMaximum;
  if (low != null && high != null) return `${low} to ${high}`;
  if (low != null) return schema.exclusiveMinimum != null ? `above ${low}` : `from ${low}`;
  return high != null ? `up to ${high}` : "";
}
export function fault(schema: JsonSchema, value: unknown, required: boolean): string | null {
  if (value == null || value === "") return required ? "A value is needed." : null;
  const control = controlOf(schema);
  if (control === "integer" || control === "number") {
    const parsed = typeof value === "number" ? value : Number(value);
    if (!Number.isFinite(parsed)) return "A number is needed.";
    if (control === "integer" && !Number.isInteger(parsed)) return "A whole number is needed.";
    if ((schema.minimum != null && parsed < schema.minimum) || (schema.maximum != null && parsed > schema.maximum)) return `Must lie in ${bounds(schema)}.`;
    if ((schema.exclusiveMinimum != null && parsed <= schema.exclusiveMinimum) || (schema.exclusiveMaximum != null && parsed >= schema.exclusiveMaximum)) return `Must lie in ${bounds(schema)}.`;
  }
  if (control === "text" && typeof value === "string" && schema.pattern && !new RegExp(schema.pattern, "u").test(value)) return "Not in the expected form.";
  return null;
}
export function faults(schema: JsonSchema, values: Values): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, each] of Object.entries(schema.properties ?? {})) {
    const wrong = fault(resolve(each, schema), values[name], !isOptional(each) && (schema.required ?? []).includes(name));
    if (wrong) found[name] = wrong;
  }
  return found;
}
/** A typed value from what was typed; text stays text while it cannot be read. */
export function read(schema: JsonSchema, text: string): unknown {
  if (text.trim() === "") return null;
  const control = controlOf(schema);
  if (control !== "integer" && control !== "number") return text;
  if (schema.format === "decimal") return text.trim();
  const parsed = Number(text);
  return Number.isFinite(parsed) ? parsed : text;
}
