/* Journal entries in the words of an operator. Pure; unknown kinds are shown by their name. */
import type { LiveEvent } from "~/api/types";
import { codeWords, money, price, quantity, show, words } from "~/lib/format";
import type { MarkShape, StateTone } from "~/lib/look";

export interface TimelineItem {
  key: string; at: string; shape: MarkShape; tone: StateTone; title: string; detail: string;
  trader?: string; order?: string;
}
const text = (value: unknown): string => (typeof value === "string" ? value : value == null ? "" : show(value));
const record = (value: unknown): Record<string, unknown> => (value && typeof value === "object" ? (value as Record<string, unknown>) : {});
const join = (...parts: unknown[]): string => parts.map(text).filter(Boolean).join(" · ");
export const numbersText = (numbers: unknown): string => Object.entries(record(numbers)).map(([name, value]) => `${words(name).toLowerCase()} ${show(value)}`).join(", ");

/** A trader that is refused bar after bar says so once, with how often. Newest first in and out. */
export function collapse(items: TimelineItem[]): TimelineItem[] {
  const seen = new Map<string, { at: number; count: number }>();
  const kept: TimelineItem[] = [];
  for (const item of items) {
    const key = item.title.startsWith("Denied") ? `${item.trader ?? ""}${item.title}` : "";
    const known = key ? seen.get(key) : undefined;
    if (known) {
      known.count += 1;
      const first = kept[known.at];
      if (first) kept[known.at] = { ...first, title: `${item.title} ×${known.count}` };
      continue;
    }
    if (key) seen.set(key, { at: kept.length, count: 1 });
    kept.push(item);
  }
  return kept;
}

/** `runner:trader:pause` → `Trader pause`: the acts of the audit, without their domain. */
export const actWords = (act: string): string => words(act.split(":").slice(1).join(" ") || act);

export function describe(event: LiveEvent): TimelineItem {
  const body = event.body;
  const order = record(body.order);
  const base = { key: `${event.seq}`, at: event.at, shape: "dash" as MarkShape, tone: "muted" as StateTone, title: words(event.kind.replace(".", " ")), detail: "" };
  const trader = text(body.trader) || text(order.trader) || undefined;
  switch (event.kind) {
    case "order.filled": {
      const fill = record(body.fill);
      const size = (fill.side === "SELL" ? "−" : "") + quantity(text(fill.quantity));
      return { ...base, shape: "ring", tone: "accent", title: `Filled ${size} ${text(fill.instrument)} at ${price(text(fill.price))}`, detail: join(fill.trader, body.status === "PARTIALLY_FILLED" ? "partial" : "", `fee ${money(text(fill.fee))}`), trader: text(fill.trader), order: text(fill.order) };
    }
    case "order.denied":
      return { ...base, shape: "diamond", tone: "warn", title: `Denied: ${codeWords(text(body.reason))}`, detail: join(order.trader, numbersText(body.numbers)), trader, order: text(order.id) };
    case "order.rejected": case "order.unknown":
      return { ...base, shape: event.kind === "order.unknown" ? "question" : "cross", tone: event.kind === "order.unknown" ? "unknown" : "bad", title: `Order ${event.kind === "order.unknown" ? "outcome unknown" : "rejected"}: ${codeWords(text(body.reason))}`, detail: join(order.trader, order.instrument, typeof body.order === "string" ? body.order : ""), trader, order: text(order.id) || text(body.order) };
    case "order.cancelled": case "order.expired": case "order.cancel_requested": case "order.replaced":
      return { ...base, title: `Order ${event.kind.slice(6).replace("_", " ")}`, detail: join(body.reason ? codeWords(text(body.reason)) : "", body.by, typeof body.order === "string" ? body.order : order.id), order: text(order.id) || text(body.order) };
    case "strategy.swapped":
      return { ...base, shape: "square", tone: "accent", title: `Strategy changed: ${text(body.old)} → ${text(body.new)}`, detail: join(body.trader, `generation ${text(body.generation)}`), trader };
    case "config.applied":
      return { ...base, shape: "square", tone: "accent", title: `Configuration ${text(body.generation)} applied`, detail: `${Array.isArray(body.changes) ? body.changes.length : 0} changes in force` };
    case "config.refused":
      return { ...base, shape: "cross", tone: "bad", title: `Configuration ${text(body.generation)} refused`, detail: join(body.path, body.detail) };
    case "trader.state":
      return { ...base, shape: body.new === "running" ? "dot" : "bars", tone: body.new === "faulted" || body.new === "blocked" ? "bad" : body.new === "running" ? "ok" : "warn", title: `${text(body.trader)} ${text(body.new)}`, detail: join(`was ${text(body.old)}`, body.reason), trader };
    case "halt.set":
      return { ...base, shape: "cross", tone: "bad", title: `${words(text(body.level))}: ${text(body.scope)}`, detail: join(body.by, body.reason) };
    case "halt.cleared":
      return { ...base, shape: "square", tone: "accent", title: `Halt lifted: ${text(body.scope)}`, detail: join(body.by, body.reason) };
    case "feed.state":
      return { ...base, shape: body.state === "running" ? "dash" : "triangle", tone: body.state === "stale" || body.state === "failed" ? "warn" : "muted", title: `Feed ${text(body.feed)} ${text(body.state)}`, detail: text(body.reason) };
    case "limit.breached":
      return { ...base, shape: "triangle", tone: "bad", title: `Limit breached: ${words(text(body.limit)).toLowerCase()}`, detail: join(body.scope, `${text(body.value)} of ${text(body.bound)}`, `action ${words(text(body.action)).toLowerCase()}`) };
    case "breaker.tripped":
      return { ...base, shape: "triangle", tone: "warn", title: `Breaker opened: ${words(text(body.breaker)).toLowerCase()}`, detail: join(body.scope, body.reason) };
    case "breaker.reset":
      return { ...base, shape: "dot", tone: "ok", title: `Breaker closed: ${words(text(body.breaker)).toLowerCase()}`, detail: join(body.scope, body.reason) };
    case "host.killed":
      return { ...base, shape: "triangle", tone: "bad", title: `${text(body.trader)} host replaced: ${text(body.reason)}`, detail: join(body.detail, `${text(body.restarts)} restarts`), trader };
    case "alarm":
      return { ...base, shape: "triangle", tone: body.severity === "critical" ? "bad" : "warn", title: codeWords(text(body.code)), detail: text(body.detail) };
    case "command.done":
      return { ...base, shape: "square", tone: body.outcome === "done" ? "accent" : "bad", title: `${words(text(body.command).replace(".", " "))}: ${text(body.outcome)}`, detail: join(body.by, body.detail) };
    case "mode.verdict":
      return { ...base, shape: "square", tone: "accent", title: `Account ${text(body.account)}: ${text(body.verdict)}`, detail: Array.isArray(body.reasons) ? body.reasons.map((reason) => codeWords(text(reason))).join(", ") : "" };
    case "runner.started":
      return { ...base, shape: "dot", tone: "ok", title: `Runner ${text(body.runner)} started`, detail: join(body.mode, body.data_mode, `build ${text(body.build)}`) };
    case "runner.stopped":
      return { ...base, shape: "hollow", tone: "muted", title: "Runner stopped", detail: text(body.reason) };
    case "condition":
      return { ...base, shape: body.status === "True" ? "dash" : "triangle", tone: body.status === "False" ? "warn" : "muted", title: `${text(body.type)} ${text(body.status)}: ${text(body.subject)}`, detail: join(body.reason, body.detail) };
    default:
      return { ...base, trader };
  }
}
