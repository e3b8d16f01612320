/* Acts are never optimistic: pending, accepted by the API, then confirmed by the runner's own event.
   The tray shows every act of this page with its audit id. */
import { useSyncExternalStore } from "react";
import { problemOf, send } from "./http";
import { tapEvents } from "./live";
import { withStepUp } from "./stepUp";
import type { LiveEvent, Problem, Receipt } from "./types";

export type ActPhase = "pending" | "accepted" | "confirmed" | "refused" | "silent";
export interface Act {
  id: number; label: string; phase: ActPhase; startedAt: number; endedAt: number | null;
  auditId: string | null; commandId: string | null; note: string | null; problem: Problem | null;
}
export type Confirm = (event: LiveEvent, receipt: Receipt | null) => boolean;
export interface ActRequest { label: string; run: (stepUp?: string) => Promise<Receipt>; confirm?: Confirm; timeoutMs?: number; confirmedBy?: "api" }

let acts: Act[] = [];
let nextId = 1;
const listeners = new Set<() => void>();
const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => void listeners.delete(listener);
};
function update(id: number, change: Partial<Act>) {
  acts = acts.map((act) => (act.id === id ? { ...act, ...change } : act));
  listeners.forEach((listener) => listener());
}
export const useActs = (): Act[] => useSyncExternalStore(subscribe, () => acts);
export const dismissAct = (id: number) => {
  acts = acts.filter((act) => act.id !== id);
  listeners.forEach((listener) => listener());
};

/** True when the event says how the command of this receipt ended. */
export const isOutcomeOf: Confirm = (event, receipt) => event.kind === "command.done" && receipt?.id != null && event.body.id === receipt.id;
export const isApplied: Confirm = (event, receipt) =>
  (event.kind === "config.applied" || event.kind === "config.refused") && typeof event.body.generation === "number" && receipt?.generation != null && event.body.generation >= receipt.generation;
const whichever: Confirm = (event, receipt) => isOutcomeOf(event, receipt) || isApplied(event, receipt);

/** Sends one act and follows it to its end. Resolves with its last phase. */
export async function perform({ label, run, confirm = whichever, timeoutMs = 10_000, confirmedBy }: ActRequest): Promise<Act> {
  const id = nextId++;
  const startedAt = Date.now();
  acts = [...acts.slice(-5), { id, label, phase: "pending", startedAt, endedAt: null, auditId: null, commandId: null, note: null, problem: null }];
  listeners.forEach((listener) => listener());
  const current = () => acts.find((act) => act.id === id) ?? ({ id, label, phase: "silent" } as Act);

  // Events may overtake the answer of the call: keep what comes, judge it once the receipt is here.
  let receipt: Receipt | null = null;
  const early: LiveEvent[] = [];
  let settle: (event: LiveEvent | null) => void = () => undefined;
  const outcome = new Promise<LiveEvent | null>((resolve) => (settle = resolve));
  const stop = tapEvents((event) => {
    if (!receipt) early.push(event);
    else if (confirm(event, receipt)) settle(event);
  });
  const timer = setTimeout(() => settle(null), timeoutMs);
  try {
    receipt = await withStepUp(label, run);
    const accepted = receipt;
    if (accepted.accepted === false) {
      update(id, { phase: "refused", endedAt: Date.now(), note: accepted.detail ?? accepted.code ?? "Refused.", auditId: accepted.audit_id ?? null });
      return current();
    }
    update(id, { phase: "accepted", auditId: accepted.audit_id ?? null, commandId: accepted.id ?? null });
    if (confirmedBy === "api") {
      update(id, { phase: "confirmed", endedAt: Date.now(), note: accepted.detail ?? null });
      return current();
    }
    if (accepted.hold_until) {
      update(id, { phase: "confirmed", endedAt: Date.now(), note: `Waits until ${accepted.hold_until.slice(11, 19)} UTC, because it loosens; cancellable meanwhile.` });
      return current();
    }
    const event = early.find((each) => confirm(each, accepted)) ?? (await outcome);
    if (!event) update(id, { phase: "silent", endedAt: Date.now(), note: "Accepted, but the runner has not confirmed it yet." });
    else {
      const failed = event.kind === "config.refused" || event.body.outcome === "failed" || event.body.outcome === "refused";
      const detail = [failed ? event.body.code : null, event.body.detail].filter((part) => typeof part === "string" && part !== "").join(": ");
      update(id, { phase: failed ? "refused" : "confirmed", endedAt: Date.now(), note: detail || null });
    }
  } catch (error) {
    update(id, { phase: "refused", endedAt: Date.now(), problem: problemOf(error), note: problemOf(error).detail ?? problemOf(error).title });
  } finally {
    clearTimeout(timer);
    stop();
  }
  return current();
}

export type TraderVerb = "start" | "pause" | "resume" | "stop" | "restart";
const verbWord: Record<TraderVerb, string> = { start: "Start", pause: "Pause", resume: "Resume", stop: "Stop", restart: "Restart" };
export const traderAct = (trader: string, verb: TraderVerb, body: Record<string, unknown> = {}) =>
  perform({ label: `${verbWord[verb]} ${trader}`, run: () => send<Receipt>(`/traders/${encodeURIComponent(trader)}/${verb}`, { body }) });
export const removeTrader = (trader: string, generation: number) =>
  perform({ label: `Remove ${trader}`, run: () => send<Receipt>(`/traders/${encodeURIComponent(trader)}`, { method: "DELETE", ifMatch: generation }) });
export const cancelOrder = (order: string, label = order) =>
  perform({ label: `Cancel order ${label}`, run: () => send<Receipt>(`/orders/${encodeURIComponent(order)}/cancel`) });
export const cancelOrders = (scope: { account?: string; trader?: string; instrument?: string }) =>
  perform({ label: "Cancel working orders", run: () => send<Receipt>("/orders/cancel", { body: scope }) });
export const closePosition = (account: string, instrument: string) =>
  perform({ label: `Close ${instrument}`, run: () => send<Receipt>("/positions/close", { body: { account, instrument } }) });
export const activate = (strategy: string, choice: { preset?: string; params?: Record<string, unknown> }, trader: string) =>
  perform({ label: `Switch ${trader} to ${strategy}`, run: () => send<Receipt>("/activate", { body: { strategy, ...choice, trader } }) });
export const replay = (feed: string, change: { speed?: number; paused?: boolean; step?: number; seek?: string }) =>
  perform({ label: `Replay ${feed}: ${Object.entries(change).map(([name, value]) => `${name} ${String(value)}`).join(", ")}`, run: () => send<Receipt>(`/feeds/${encodeURIComponent(feed)}/replay`, { body: change }) });
export const acknowledge = (alert: string) =>
  perform({ label: "Acknowledge alert", run: () => send<Receipt>(`/alerts/${encodeURIComponent(alert)}/acknowledge`), confirmedBy: "api" });
