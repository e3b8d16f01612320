/* What the page knows of the stream: connection, the last events, what was lost. A reducer and a
   small store; components subscribe, queries are invalidated by kind at a bounded rate. */
import { useSyncExternalStore } from "react";
import type { QueryClient } from "@tanstack/react-query";
import { openStream } from "./stream";
import type { LiveEvent } from "./types";

export type Connection =
  | { state: "connecting"; since: number }
  | { state: "open"; since: number }
  | { state: "down"; since: number; why: string };

export interface Live {
  connection: Connection;
  lastSeq: number;
  lastAt: number | null;
  /** Newest first, only what a person would call an event; see `isNoteworthy`. */
  events: LiveEvent[];
  gap: { from: number; to: number; at: number } | null;
}
export type LiveAction =
  | { type: "open"; at: number }
  | { type: "down"; at: number; why: string }
  | { type: "events"; at: number; events: LiveEvent[] }
  | { type: "gap"; at: number; from: number; to: number }
  | { type: "forget-gap" };

export const KEPT_EVENTS = 250;
export const initialLive = (at: number): Live => ({ connection: { state: "connecting", since: at }, lastSeq: 0, lastAt: null, events: [], gap: null });

const quiet = new Set(["equity", "cycle", "decision", "order.intent", "order.accepted", "exch.order", "exch.fill", "exch.account", "exch.cancel", "exch.expire", "exch.reject", "exch.replace"]);
export const isNoteworthy = (kind: string): boolean => !quiet.has(kind);

export function reduceLive(live: Live, action: LiveAction): Live {
  switch (action.type) {
    case "open":
      return { ...live, connection: { state: "open", since: action.at } };
    case "down":
      // The first failure sets `since`; later attempts of the same outage keep it.
      return live.connection.state === "down"
        ? { ...live, connection: { ...live.connection, why: action.why } }
        : { ...live, connection: { state: "down", since: action.at, why: action.why } };
    case "events": {
      const fresh = action.events.filter((event) => event.seq > live.lastSeq);
      if (fresh.length === 0) return live;
      const kept = fresh.filter((event) => isNoteworthy(event.kind)).reverse();
      return {
        ...live,
        lastSeq: fresh[fresh.length - 1]?.seq ?? live.lastSeq,
        lastAt: action.at,
        events: kept.length ? [...kept, ...live.events].slice(0, KEPT_EVENTS) : live.events,
      };
    }
    case "gap":
      return { ...live, lastSeq: Math.max(live.lastSeq, action.to), gap: { from: action.from, to: action.to, at: action.at } };
    case "forget-gap":
      return { ...live, gap: null };
  }
}

/** Which reads an event makes old. `status` belongs to every one and is not listed. */
export function touched(kind: string): string[] {
  if (kind.startsWith("order.")) return kind === "order.filled" ? ["orders", "order", "fills", "positions", "trades", "ledger", "bars", "performance", "execution"] : ["orders", "order", "bars", "execution"];
  switch (kind) {
    case "equity": return ["equity", "limits", "positions"];
    case "decision": return ["decisions", "bars", "memory"];
    case "config.applied": case "config.refused": case "condition": return ["config", "limits", "breakers"];
    case "strategy.swapped": return ["config", "decisions", "memory"];
    case "alarm": case "limit.breached": case "breaker.tripped": case "breaker.reset": return ["alerts", "limits", "breakers", "breaches"];
    case "kill.sent": case "kill.requested": case "kill.owned": case "kill.step": case "kill.account_flat": case "kill.done": return ["kills", "kill-preview"];
    case "halt.lift_waiting": case "halt.lift_cancelled": case "halt.lift_refused": return ["lifts", "alerts"];
    case "drill.done": case "drill.failed": return ["drills", "alerts"];
    case "guard.started": case "guard.stopped": case "guard.runner": return ["guard", "alerts"];
    case "command.done": return ["audit"];
    case "halt.set": return ["audit", "breakers", "breaches"];
    case "halt.cleared": return ["audit", "lifts", "breakers", "breaches"];
    case "runner.started": case "runner.stopped": case "host.killed": return ["components", "alerts"];
    default: return [];
  }
}

let live: Live = initialLive(Date.now());
const listeners = new Set<() => void>();
const taps = new Set<(event: LiveEvent) => void>();
function dispatch(action: LiveAction) {
  const next = reduceLive(live, action);
  if (next === live) return;
  live = next;
  listeners.forEach((listener) => listener());
}
const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => void listeners.delete(listener);
};
export const currentLive = (): Live => live;
export const useLive = (): Live => useSyncExternalStore(subscribe, () => live);
export const useConnection = (): Connection => useSyncExternalStore(subscribe, () => live.connection);
export const useEvents = (): LiveEvent[] => useSyncExternalStore(subscribe, () => live.events);
export const useGap = () => useSyncExternalStore(subscribe, () => live.gap);
export const forgetGap = () => dispatch({ type: "forget-gap" });
/** Every event, also the quiet ones, in order: for acts that wait for their confirmation. */
export function tapEvents(tap: (event: LiveEvent) => void): () => void {
  taps.add(tap);
  return () => void taps.delete(tap);
}

/** Collects query keys and invalidates them at most every `everyMs`. */
export function invalidator(client: Pick<QueryClient, "invalidateQueries">, everyMs: number) {
  const pending = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  return (keys: string[]) => {
    keys.forEach((key) => pending.add(key));
    timer ??= setTimeout(() => {
      timer = undefined;
      const due = [...pending];
      pending.clear();
      for (const key of due) void client.invalidateQueries({ queryKey: [key] }, { cancelRefetch: false });
    }, everyMs);
  };
}

export function startLive(client: QueryClient, from: number, onUnauthorised: () => void): () => void {
  const statusSoon = invalidator(client, 250);
  const restSoon = invalidator(client, 1_000);
  return openStream(from, {
    onOpen: () => {
      const wasDown = live.connection.state === "down";
      dispatch({ type: "open", at: Date.now() });
      if (wasDown) void client.invalidateQueries({ queryKey: ["status"] });
    },
    onEvents: (events) => {
      dispatch({ type: "events", at: Date.now(), events });
      for (const event of events) {
        taps.forEach((tap) => tap(event));
        restSoon(touched(event.kind));
      }
      statusSoon(["status"]);
    },
    onGap: ({ from: first, to }) => {
      dispatch({ type: "gap", at: Date.now(), from: first, to });
      void client.invalidateQueries(); // What was lost can only be read again from snapshots.
    },
    onTelemetry: () => statusSoon(["status"]),
    onDown: (why) => dispatch({ type: "down", at: Date.now(), why }),
    onUnauthorised,
  });
}
