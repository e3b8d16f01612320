/* Every state the API names, with its word, mark and colour. `satisfies Record<State, …>` makes a
   state that is added to the API a compile error here. */
import type {
  ComponentHealth, Backtest, FeedState, HaltLevel, Mode, OrderStatus, ReconcileVerdict, Role, SessionVerdict, TraderState,
} from "./types";

import type { StateLook } from "~/lib/look";

export const modeLook = {
  signals: { word: "SIGNALS ONLY", shape: "hollow", tone: "signals", meaning: "Strategies compute signals; nothing can be sent to a broker." },
  paper: { word: "PAPER", shape: "dashed", tone: "paper", meaning: "Orders go to the built-in paper exchange. No real money." },
  live: { word: "LIVE", shape: "square", tone: "live", meaning: "Orders go to a real broker with real money." },
  blocked: { word: "BLOCKED", shape: "diamond", tone: "bad", meaning: "A condition for trading is unmet. Signals are still computed." },
  halted: { word: "HALTED", shape: "cross", tone: "bad", meaning: "A kill is latched. It stays through restarts until it is lifted." },
} satisfies Record<Mode, StateLook>;

export const traderLook = {
  starting: { word: "Starting", shape: "ring", tone: "accent" },
  running: { word: "Running", shape: "dot", tone: "ok" },
  paused: { word: "Paused", shape: "bars", tone: "warn" },
  stopped: { word: "Stopped", shape: "hollow", tone: "muted" },
  faulted: { word: "Faulted", shape: "triangle", tone: "bad" },
  blocked: { word: "Blocked", shape: "diamond", tone: "bad" },
  unknown: { word: "Unknown", shape: "question", tone: "unknown", meaning: "The runner is not heard; what was last known stands in the reason." },
} satisfies Record<TraderState, StateLook>;

export const orderLook = {
  INTENT: { word: "Intent", shape: "ring", tone: "muted", meaning: "Journaled, not yet sent." },
  SENT: { word: "Sent", shape: "ring", tone: "accent", meaning: "On the wire, not yet acknowledged." },
  ACCEPTED: { word: "Working", shape: "dot", tone: "accent", meaning: "Acknowledged by the venue and working." },
  PARTIALLY_FILLED: { word: "Partly filled", shape: "dot", tone: "accent", meaning: "Some of it has traded; the rest is working." },
  FILLED: { word: "Filled", shape: "dot", tone: "ok", meaning: "All of it has traded." },
  CANCELLED: { word: "Cancelled", shape: "dash", tone: "muted" },
  REJECTED: { word: "Rejected", shape: "cross", tone: "bad", meaning: "Refused by the venue." },
  EXPIRED: { word: "Expired", shape: "dash", tone: "muted" },
  DENIED: { word: "Denied", shape: "diamond", tone: "warn", meaning: "Refused by our own gate; it never left the deck." },
  UNKNOWN: { word: "Unknown", shape: "question", tone: "unknown", meaning: "Sent, outcome not known. Counted at its worst in every limit until the broker's own log resolves it." },
} satisfies Record<OrderStatus, StateLook>;

export const workingOrder = {
  INTENT: true, SENT: true, ACCEPTED: true, PARTIALLY_FILLED: true, UNKNOWN: true,
  FILLED: false, CANCELLED: false, REJECTED: false, EXPIRED: false, DENIED: false,
} satisfies Record<OrderStatus, boolean>;

export const feedLook = {
  running: { word: "Running", shape: "dot", tone: "ok" },
  paused: { word: "Paused", shape: "bars", tone: "warn" },
  stale: { word: "Stale", shape: "triangle", tone: "warn" },
  ended: { word: "Ended", shape: "hollow", tone: "muted" },
  failed: { word: "Failed", shape: "cross", tone: "bad" },
  unknown: { word: "Unknown", shape: "question", tone: "unknown" },
} satisfies Record<FeedState, StateLook>;

export const haltLook = {
  pause: { word: "Entries paused", shape: "bars", tone: "warn" },
  reduce_only: { word: "Reduce only", shape: "diamond", tone: "warn" },
  halted: { word: "Halted", shape: "cross", tone: "bad" },
} satisfies Record<HaltLevel, StateLook>;

export const sessionLook = {
  open: { word: "open", shape: "dot", tone: "ok" },
  closed: { word: "closed", shape: "hollow", tone: "muted" },
  weekend: { word: "weekend", shape: "hollow", tone: "muted" },
  holiday: { word: "holiday", shape: "hollow", tone: "muted" },
} satisfies Record<SessionVerdict, StateLook>;

export const reconcileLook = {
  clean: { word: "Book = broker", shape: "dot", tone: "ok" },
  drift: { word: "Drift", shape: "triangle", tone: "bad" },
  stale: { word: "Book unverified", shape: "question", tone: "unknown", meaning: "The books were equal, but nobody has compared them for too long." },
  unknown: { word: "Book unverified", shape: "question", tone: "unknown" },
  not_checked: { word: "Not reconciled", shape: "question", tone: "unknown" },
} satisfies Record<ReconcileVerdict, StateLook>;

export const healthLook = {
  ok: { word: "Healthy", shape: "dot", tone: "ok" },
  degraded: { word: "Degraded", shape: "triangle", tone: "warn" },
  down: { word: "Down", shape: "cross", tone: "bad" },
  idle: { word: "Not started", shape: "hollow", tone: "muted" },
  unknown: { word: "Unknown", shape: "question", tone: "unknown" },
} satisfies Record<ComponentHealth["state"], StateLook>;

export const backtestLook = {
  queued: { word: "Queued", shape: "ring", tone: "muted" },
  running: { word: "Running", shape: "dot", tone: "accent" },
  succeeded: { word: "Done", shape: "dot", tone: "ok" },
  failed: { word: "Failed", shape: "cross", tone: "bad" },
  cancelled: { word: "Cancelled", shape: "dash", tone: "muted" },
  timed_out: { word: "Timed out", shape: "triangle", tone: "warn" },
} satisfies Record<Backtest["state"], StateLook>;

const unknownLook: StateLook = { word: "Unknown", shape: "question", tone: "unknown" };
/** A state the page does not know yet is shown by its own name, marked unknown; never hidden. */
export function look<K extends string>(table: Record<K, StateLook>, state: string | null | undefined): StateLook {
  if (state == null) return unknownLook;
  return (table as Record<string, StateLook>)[state] ?? { ...unknownLook, word: state };
}

const rank = { viewer: 0, operator: 1, risk: 2, admin: 3 } satisfies Record<Role, number>;
/** Null when the role suffices, else the reason to show on the disabled button. */
export function lacks(role: Role | undefined, needed: Role): string | null {
  if (!role) return "Sign in first.";
  return rank[role] >= rank[needed] ? null : `Needs the role ${needed}; you are ${role}.`;
}
