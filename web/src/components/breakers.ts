/* Breakers and running limits in words: when one opens, what it does, how it closes. Pure. */
import type { Breaker, ConfigState, Headroom } from "~/api/types";
import type { StateLook } from "~/lib/look";
import { duration, number, percent, plural, words } from "~/lib/format";
import { closestFirst, limitName, usedRatio, usedText } from "./headroom";
import { bad, good, warn, type Verdict } from "./verdicts";

export const breakerLook = {
  closed: { word: "Closed", shape: "dot", tone: "ok", meaning: "It stops nothing." },
  open: { word: "Open", shape: "triangle", tone: "bad", meaning: "Its bound was reached." },
} satisfies Record<Breaker["state"], StateLook>;

export const actionWords = {
  alarm: "alarm only", pause: "pause entries", reduce_only: "reduce only", flatten: "flatten",
} satisfies Record<Breaker["action"], string>;

const names: Record<string, string> = {
  feed_disconnected: "Feed away", rejects: "Rejected orders", repeated_execution: "Repeated execution", clock_offset: "Clock set", stale_checks: "Stale checks",
};
export const breakerName = (breaker: string): string => names[breaker] ?? words(breaker);

const seconds = (value: number): string => (value < 90 ? `${number(value, { maxDigits: 3 })} s` : duration(value * 1000));
/** When it opens, as a rule of the document. */
export function ruleText(row: Breaker, currency = ""): string {
  const window = row.window_s ? ` in ${seconds(row.window_s)}` : "";
  switch (row.breaker) {
    case "feed_disconnected": return `${seconds(row.bound)} without a usable price`;
    case "rejects": return `${plural(row.bound, "order")} rejected${window}`;
    case "repeated_execution": return `${plural(row.bound, "entry", "entries")}${window} by one trader`;
    case "clock_offset": return `the host’s clock set by ${seconds(row.bound)}`;
    case "stale_checks": return `${plural(row.bound, "stale check")} in a row`;
    case "drawdown_max": return `${percent(row.bound, 1)} below the peak`;
    default: return `a loss of ${number(row.bound, { maxDigits: 2 })} ${currency}`.trim();
  }
}
/** How it closes again, and who may. */
export function closesText(row: Breaker): string {
  if (row.resume === "person") return `a person lifts it (${row.lifted_by ?? "risk"})`;
  return row.cooldown_s ? `${seconds(row.cooldown_s)} after its cause` : "with its cause";
}
/** `3 of 5`, `12 of 30 s`; empty where nobody reported it. */
export function nearText(row: Breaker): string {
  if (row.used == null) return "";
  return row.unit === "seconds" ? `${number(row.used, { maxDigits: 1 })} of ${seconds(row.bound)}` : `${number(row.used)} of ${number(row.bound)}`;
}

/** What stands on its own among the limits is not told again among the breakers. */
export const isLimit = (row: Pick<Breaker, "breaker">): boolean => row.breaker.endsWith("_max");

export const scopeName = (scope: string): string => scope.slice(scope.indexOf("/") + 1);
/** Why it opened; the name of a limit stands beside it already. */
export const whyText = (row: Breaker): string => (isLimit(row) && row.reason.startsWith(row.breaker) ? row.reason.slice(row.breaker.length + 1) : row.reason);

/** One rule of an account with every place where it can open, the open and the nearest first. */
export interface Ruled { key: string; rule: Breaker; places: Breaker[]; open: Breaker[] }
export function byRule(rows: Breaker[]): Ruled[] {
  const found = new Map<string, Breaker[]>();
  for (const row of rows) {
    const key = `${row.account}/${row.breaker}`;
    found.set(key, [...(found.get(key) ?? []), row]);
  }
  return [...found].map(([key, places]) => {
    const sorted = [...places].sort((a, b) => Number(b.state === "open") - Number(a.state === "open") || (b.used ?? 0) / b.bound - (a.used ?? 0) / a.bound);
    return { key, rule: sorted[0] as Breaker, places: sorted, open: sorted.filter((row) => row.state === "open") };
  });
}
/** Where the configuration keeps it, by names. */
export const limitPath = (limit: Pick<Headroom, "scope" | "limit">): string => {
  const [kind, name] = [limit.scope.split("/")[0], limit.scope.slice(limit.scope.indexOf("/") + 1)];
  return `${kind}s/${name}/limits/${limit.limit}`;
};
export const breakerPath = (row: Pick<Breaker, "account" | "scope" | "breaker">): string =>
  row.breaker === "stale_checks" ? `accounts/${row.account}/limits/stale_checks_max` : isLimit(row) ? limitPath({ scope: row.scope, limit: row.breaker }) : `accounts/${row.account}/breakers/${row.breaker}`;

export function closest(limits: Headroom[], currency: string): Verdict {
  const question = "What is closest?";
  const first = closestFirst(limits)[0];
  if (!first) return { question, answer: "No limit is set", detail: "Nothing bounds the traders", ...warn, link: { to: "/config", label: "set one" } };
  const ratio = usedRatio(first) ?? 0;
  const look = ratio < 0.8 ? good : first.action && ratio >= 1 ? bad : warn;
  return { question, answer: `${limitName({ ...first, scope: "" })}, ${percent(ratio, 0)}`, detail: `${scopeName(first.scope)} · ${usedText(first, currency)} · ${first.action ? `then ${actionWords[first.action as Breaker["action"]]}` : "beyond it refused"}`, ...look };
}
export function opened(rows: Breaker[]): Verdict {
  const question = "What has opened?";
  const open = rows.filter((row) => row.state === "open"), first = open[0];
  if (!first) return { question, answer: "Nothing", detail: `${plural(byRule(rows).length, "rule")} in force, all closed`, ...good };
  const halted = open.some((row) => row.halts.length > 0);
  return { question, answer: open.length > 1 ? `${plural(open.length, "breaker")} open` : breakerName(first.breaker), detail: open.length > 1 ? [...new Set(open.map((row) => breakerName(row.breaker)))].join(", ") : `${scopeName(first.scope)}: ${whyText(first)}`, ...bad, link: halted ? { to: "/emergency", label: "lift" } : undefined };
}
export function refused(limits: Headroom[]): Verdict {
  const question = "What was refused?";
  const over = closestFirst(limits).filter((limit) => limit.action == null && (usedRatio(limit) ?? 0) > 1);
  if (!over[0]) return { question, answer: "Nothing", detail: "The newest order of each trader fits its limits", ...good };
  return { question, answer: over.length > 1 ? plural(over.length, "limit") : limitName(over[0]), detail: `wanted ${usedText(over[0])}`, ...warn, link: { to: "/orders", label: "see the orders", search: { status: "refused" } } };
}
export function changing(config: ConfigState | undefined): Verdict {
  const question = "What will change?";
  const waiting = config?.pending?.filter((each) => each.kind !== "halt.clear") ?? [];
  if (!waiting[0]) return { question, answer: "Nothing", detail: "Tightening is at once; loosening needs a code and waits", ...good };
  return { question, answer: plural(waiting.length, "loosening waits", "loosenings wait"), detail: `${plural(waiting[0].changes.length, "change")} by ${waiting[0].by}`, shape: "hollow", tone: "accent", link: { to: "/config", label: "look" } };
}
