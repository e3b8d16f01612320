/* A form over a whole document, from its JSON schema where the API gives one, else from its values. */
import { useEffect, useRef } from "react";
import type { JsonSchema, Strategy } from "~/api/types";
import { plural, words } from "~/lib/format";
import { controlOf, resolve } from "./schema";
import { SchemaField } from "./SchemaForm";

export function infer(value: unknown): JsonSchema {
  if (Array.isArray(value)) return { type: "array", items: value.length ? infer(value[0]) : {} };
  if (value && typeof value === "object") return { type: "object", properties: Object.fromEntries(Object.entries(value).map(([name, each]) => [name, infer(each)])) };
  if (typeof value === "boolean") return { type: "boolean" };
  if (typeof value === "number") return { type: "number" };
  return { type: ["string", "null"] };
}
const isMap = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
const titleOf = (value: unknown, index: number): string => (isMap(value) && typeof value.id === "string" ? value.id : `${index + 1}`);
const noteOf = (value: unknown): string => (isMap(value) ? [value.kind, value.broker, value.instrument, value.strategy, value.state].filter((each) => typeof each === "string").join(" · ") : "");

interface NodeProps { schema: JsonSchema; root: JsonSchema; value: unknown; path: string; errors: Record<string, string>; strategies: Strategy[] | undefined; onChange: (value: unknown) => void; disabled: boolean;
  /** Where to open the form, by names: `["accounts", "paper-demo", "limits", "drawdown_max"]`. */
  at?: string[];
}

function childSchema(schema: JsonSchema, root: JsonSchema, name: string, value: unknown, owner: Record<string, unknown>, strategies: Strategy[] | undefined): JsonSchema {
  if (name === "params" && typeof owner.strategy === "string") {
    const known = strategies?.find((each) => each.id === owner.strategy)?.schema;
    if (known) return known;
  }
  if (name === "strategy" && strategies?.length) return { type: "string", enum: strategies.map((each) => each.id), title: "Strategy" };
  const given = schema.properties?.[name];
  const known = given ? resolve(given, root) : null;
  // An open map ({name: anything}) has no properties of its own: its values say what it holds.
  if (!known || (controlOf(known) === "object" && !known.properties) || controlOf(known) === "any") return infer(value);
  return given as JsonSchema;
}

/** One object: plain fields in a grid, everything nested in its own fold. */
export function NodeForm({ schema, root, value, path, errors, strategies, onChange, disabled, at: wanted = [] }: NodeProps) {
  const [head, ...rest] = wanted;
  const map = isMap(value) ? value : {};
  const known = resolve(schema, root);
  const names = [...new Set([...Object.keys(map), ...Object.keys(known.properties ?? {})])];
  const at = (name: string) => (path ? `${path}/${name}` : name);
  const set = (name: string) => (next: unknown) => onChange({ ...map, [name]: next });
  const children = names.map((name) => {
    const child = childSchema(known, root, name, map[name], map, strategies);
    const control = controlOf(resolve(child, root));
    const nested = (isMap(map[name]) && control !== "text") || (Array.isArray(map[name]) && (map[name] as unknown[]).some(isMap));
    // A list of objects is a section of its own, also while it is empty.
    const objects = control === "list" && controlOf(resolve(resolve(child, root).items ?? {}, root)) === "object";
    return { name, child, nested: nested || objects };
  }).filter(({ name }) => path !== "" || name !== "version");
  const plain = children.filter((each) => !each.nested);
  return (
    <div className="flex flex-col gap-3">
      {plain.length > 0 && (
        <div className="grid grid-cols-1 gap-x-4 gap-y-3 md:grid-cols-2 lg:grid-cols-3">
          {plain.map(({ name, child }) => <Here key={name} here={name === head}><SchemaField name={name} schema={child} root={root} value={map[name]} required={(known.required ?? []).includes(name)} error={errors[at(name)]} onChange={set(name)} disabled={disabled} /></Here>)}
        </div>
      )}
      {children.filter((each) => each.nested).map(({ name, child }) => {
        const inner = map[name] ?? [];
        if (Array.isArray(inner)) {
          return (
            <section key={name}>
              <h3 className="flex items-baseline gap-2 border-b border-line pb-1.5 text-13 font-semibold">{words(name)}<span className="text-11 font-normal text-muted">{plural(inner.length, "entry", "entries")}</span></h3>
              {inner.length === 0 && <p className="py-2 text-12 text-muted">None{name === "instruments" ? ": those of the built-in catalogue are known. One of your own is added in the raw view." : "; one is added in the raw view."}</p>}
              {inner.map((item, index) => (
                <Fold key={titleOf(item, index)} title={titleOf(item, index)} note={noteOf(item)} open={name === head && titleOf(item, index) === rest[0]} here={name === head && titleOf(item, index) === rest[0] && rest.length === 1} wrong={Object.keys(errors).some((each) => each.startsWith(`${at(name)}/${index}`))}>
                  <NodeForm schema={resolve(child, root).items ?? infer(item)} root={root} value={item} path={`${at(name)}/${index}`} errors={errors} strategies={strategies} disabled={disabled} at={name === head && titleOf(item, index) === rest[0] ? rest.slice(1) : undefined} onChange={(next) => set(name)(inner.map((each, at2) => (at2 === index ? next : each)))} />
                </Fold>
              ))}
            </section>
          );
        }
        return <Fold key={name} title={words(name)} note={["limits", "breakers"].includes(name) ? "tightening is immediate, loosening waits" : ""} open={name === "params" || name === head} here={name === head && rest.length === 0} wrong={Object.keys(errors).some((each) => each.startsWith(`${at(name)}/`))}><NodeForm schema={child} root={name === "params" ? child : root} value={inner} path={at(name)} errors={errors} strategies={strategies} disabled={disabled} at={name === head ? rest : undefined} onChange={set(name)} /></Fold>;
      })}
    </div>
  );
}
/** Where the address points to: brought into view and given the keyboard, once. */
function useHere<T extends HTMLElement>(here: boolean | undefined, pick: (element: T) => HTMLElement | null) {
  const ref = useRef<T>(null);
  const picked = useRef(pick);
  useEffect(() => {
    const target = here && ref.current ? picked.current(ref.current) : null;
    target?.focus({ preventScroll: true });
    target?.scrollIntoView({ block: "center" });
  }, [here]);
  return ref;
}
function Here({ here, children }: { here: boolean; children: React.ReactNode }) {
  const ref = useHere<HTMLDivElement>(here, (element) => element.querySelector("input, select"));
  return <div ref={ref} className="min-w-0">{children}</div>;
}
function Fold({ title, note, wrong, open, here, children }: { title: string; note?: string; wrong?: boolean; open?: boolean; here?: boolean; children: React.ReactNode }) {
  const ref = useHere<HTMLElement>(here, (element) => element.parentElement?.querySelector("input, select") ?? element);
  return (
    <details className="border-b border-line py-1" open={open || wrong || undefined}>
      <summary ref={ref} className="flex h-8 list-none items-center gap-3 text-12 select-none"><span className="chevron" aria-hidden="true">›</span><b className="ident">{title}</b><span className="ident truncate text-muted">{note}</span>{wrong && <span className="ml-auto text-bad">refused values</span>}</summary>
      <div className="border-l border-line py-2 pl-4">{children}</div>
    </details>
  );
}
