/* Limits and breakers of the mock back end. gold-frames has given nothing for long: its breakers
   are open; a halt by hand stands beside them. */
import type { Breaker, DesiredDocument, Headroom } from "~/api/types";
import type { World } from "./world";

interface Kit {
  on(method: string, path: string, handler: () => Response): void;
  items<T>(list: T[]): Response;
}
type Account = DesiredDocument["accounts"][number];

export function installRisk(world: World, { on, items }: Kit) {
  const instant = (ago: number) => new Date(world.now() - ago).toISOString();
  on("GET", "/accounts/:id/limits", () => {
    const account = world.status().accounts[0];
    const equity = Number(account?.equity ?? 1);
    const goog = world.traders.find((trader) => trader.spec.id === "goog-breakout");
    const largest = Math.max(...world.traders.map((trader) => Math.abs(trader.book.quantity * world.price(trader))));
    const row = (scope: string, limit: string, used: number | null, bound: number, unit: string, more: Partial<Headroom> = {}): Headroom => ({ scope, limit, label: limit.replace(/_max$/u, "").replaceAll("_", " "), used, bound, unit, action: null, set_by: "A. Operator", set_at: "2026-11-20T13:21:00Z", last_breach: null, breaches: 0, ...more });
    const own = "account/paper-demo";
    return items([
      row("trader/goog-breakout", "position_quantity_max", Math.abs(goog?.book.quantity ?? 0), 120, "units", { last_breach: world.barTime, breaches: 2 }),
      row(own, "gross_exposure_max", Number(account?.exposure ?? 0) / equity, 1, "ratio"),
      row(own, "concentration_max", largest / equity, 0.5, "ratio"),
      row(own, "margin_use_max", Number(account?.exposure ?? 0) / equity, 1, "ratio", { set_by: null, set_at: null }),
      row(own, "drawdown_max", -Number(account?.drawdown ?? 0), 0.25, "ratio", { action: "flatten" }),
      row(own, "day_loss_max", Math.max(0, -Number(account?.day_pnl ?? 0)), 2000, "currency", { action: "pause" }),
      row(own, "orders_per_minute", 3, 60, "orders"),
      row(own, "duplicate_window_s", null, 5, "seconds"),
    ]);
  });
  on("GET", "/breakers", () => {
    const account = world.document.accounts[0] as Account;
    const rule = (scope: string, breaker: string, unit: string, more: Partial<Breaker> = {}): Breaker => {
      const set = (account.breakers as unknown as Record<string, { bound: string; action: Breaker["action"]; resume: Breaker["resume"]; cooldown_s: number; window_s?: number }>)[breaker];
      const person = set?.resume === "person";
      return { account: account.id, scope, breaker, state: "closed", used: 0, bound: Number(set?.bound ?? 3), unit, window_s: set?.window_s ?? null, action: set?.action ?? "pause", resume: set?.resume ?? "auto", cooldown_s: person ? null : (set?.cooldown_s ?? 0), lifted_by: person ? "risk" : null, reason: "", numbers: {}, open_since: null, closes_at: null, halts: [], last_tripped: null, trips: 0, ...more };
    };
    const own = `account/${account.id}`;
    const stale: Partial<Breaker> = { state: "open", used: 214, reason: "the feed gold-frames has been stale for 214 s", numbers: { seconds: 214, bound: 30 }, open_since: instant(184_000), closes_at: instant(0), last_tripped: instant(184_000), trips: 1 };
    return items([
      rule("feed/gold-frames", "stale_checks", "checks", { ...stale, used: 71, reason: "no frame for 214 s", numbers: { checks: 3, bound: 3 }, trips: 2 }),
      rule("feed/gold-frames", "feed_disconnected", "seconds", stale),
      rule("feed/us-daily", "stale_checks", "checks"),
      rule("feed/us-daily", "feed_disconnected", "seconds"),
      rule(own, "rejects", "rejects", { used: 1 }),
      ...world.traders.map(({ spec }, index) => rule(`trader/${spec.id}`, "repeated_execution", "orders", { used: index % 3 })),
      rule(own, "clock_offset", "seconds", { used: null }),
    ]);
  });
}
