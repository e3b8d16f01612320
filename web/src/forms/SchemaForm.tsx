import { useId } from "react";
import type { JsonSchema } from "~/api/types";
import { words } from "~/lib/format";
import { Field } from "~/ui/Bits";
import { bounds, controlOf, fault, isOptional, read, resolve, type Values } from "./schema";

export function SchemaField({ name, schema, root, value, required, error, onChange, disabled }: { name: string; schema: JsonSchema; root: JsonSchema; value: unknown; required: boolean; error?: string | null; onChange: (value: unknown) => void; disabled?: boolean }) {
  const id = useId();
  const known = resolve(schema, root);
  const control = controlOf(known);
  // A title made from the name by a machine says less than the name in words.
  const label = known.title && known.title.replaceAll(" ", "_").toLowerCase() !== name ? known.title : words(name);
  const wrong = error ?? fault(known, value, required && !isOptional(schema));
  const note = bounds(known) || (isOptional(schema) ? "optional" : undefined);
  if (control === "switch") {
    return (
      <div className="field">
        <label className="flex h-7 items-center gap-2 text-12"><input type="checkbox" checked={value === true} disabled={disabled} onChange={(event) => onChange(event.target.checked)} />{label}</label>
        {known.description && <span className="hint">{known.description}</span>}
      </div>
    );
  }
  return (
    <Field label={label} note={note} hint={known.description} error={wrong} htmlFor={id}>
      {control === "choice"
        ? <select id={id} className="select" value={String(value ?? "")} disabled={disabled} onChange={(event) => onChange(known.enum?.find((each) => String(each) === event.target.value) ?? null)}>{isOptional(schema) && <option value="">none</option>}{known.enum?.map((each) => <option key={String(each)} value={String(each)}>{words(String(each))}</option>)}</select>
        : <input
            id={id} className="input" inputMode={control === "integer" ? "numeric" : control === "number" ? "decimal" : undefined} autoComplete="off" spellCheck={false} disabled={disabled}
            aria-invalid={wrong ? true : undefined} value={value == null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value)}
            onChange={(event) => onChange(control === "any" || control === "text" ? (event.target.value === "" ? null : event.target.value) : control === "list" || control === "object" ? parseLoose(event.target.value) : read(known, event.target.value))}
          />}
    </Field>
  );
}
function parseLoose(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text; // Half-typed JSON stays as text; the server names the fault if it is sent so.
  }
}

export function SchemaForm({ schema, values, onChange, errors = {}, disabled, columns = 2 }: { schema: JsonSchema; values: Values; onChange: (values: Values) => void; errors?: Record<string, string>; disabled?: boolean; columns?: 1 | 2 | 3 }) {
  const fields = Object.entries(schema.properties ?? {});
  if (fields.length === 0) return <p className="text-12 text-muted">This strategy has no parameters.</p>;
  return (
    <div className={columns === 1 ? "grid gap-3" : columns === 3 ? "grid grid-cols-1 gap-x-4 gap-y-3 md:grid-cols-3" : "grid grid-cols-1 gap-x-4 gap-y-3 md:grid-cols-2"}>
      {fields.map(([name, each]) => (
        <SchemaField key={name} name={name} schema={each} root={schema} value={values[name]} required={(schema.required ?? []).includes(name)} error={errors[name]} disabled={disabled} onChange={(value) => onChange({ ...values, [name]: value })} />
      ))}
    </div>
  );
}
