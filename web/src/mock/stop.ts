/* Kills, lifts, guard and drills of the mock back end. Reason `unanswered`: nobody takes the kill. */
import type { Drill, Guard, KillFull, KillPreview, KillStep, Lift, LiftPreview } from "~/api/stop";
import { workingOrder } from "~/api/states";
import type { Halt, Order } from "~/api/types";
import type { MockTrader, World } from "./world";

interface Request { body: Record<string, unknown>; params: Record<string, string>; headers: Record<string, string>; query?: URLSearchParams }
interface Kit {
  on(method: string, path: string, handler: (request: Request) => Response | Promise<Response>): void;
  json(body: unknown, status?: number): Response;
  problem(status: number, code: string, title: string, detail: string, extra?: Record<string, unknown>): Response;
  setHalt(scope: string, level: Halt["level"], reason: string): void;
  cancel(ids: string[]): void;
  close(trader: MockTrader): void;
}
const text = (value: unknown) => (typeof value === "string" ? value : "");

export function installStop(world: World, { on, json, problem, setHalt, cancel, close }: Kit) {
  const kills: KillFull[] = [];
  const lifts: Lift[] = [];
  const instant = (offset = 0) => new Date(world.now() + offset).toISOString();
  const drills: Drill[] = Array.from({ length: 14 }, (_, index) => {
    const flat = 24 + Math.sin(index * 1.7) * 5 + (index === 9 ? 21 : 0);
    return { id: `kill_drill${index}`, at: instant(-index * 7 * 86_400_000 - 3_600_000), ok: index !== 11, by: index % 4 ? "schedule" : "A. Operator", orders: 50, positions: 50, to_last_cancel_sent_ms: index === 11 ? null : flat * 0.16, to_cancelled_ms: index === 11 ? null : flat * 0.4, to_flat_ms: index === 11 ? null : flat, detail: index === 11 ? "not flat within 30 s" : "" };
  });
  const inScope = (scope: string, trader: MockTrader) => {
    const { id, account, strategy, instrument } = trader.spec;
    return scope === "all" || scope === "tenant/default" || [`trader/${id}`, `account/${account}`, `strategy/${strategy}`, `instrument/${instrument}`].includes(scope);
  };
  const working = (scope: string): Order[] => world.orders.filter((order) => workingOrder[order.status] && world.traders.some((trader) => trader.spec.id === order.trader && inScope(scope, trader)));

  on("GET", "/kills/scopes", () => json({ items: ["all", ...new Set(world.traders.flatMap(({ spec }) => [`account/${spec.account}`, `strategy/${spec.strategy}`, `instrument/${spec.instrument}`, `trader/${spec.id}`]))].sort() }));
  on("POST", "/kills/preview", ({ body }) => {
    const scope = text(body.scope), traders = world.traders.filter((trader) => inScope(scope, trader)), keep = body.flatten === false;
    const positions = traders.filter((trader) => trader.book.quantity).map((trader) => ({ instrument: trader.spec.instrument, trader: trader.spec.id, quantity: trader.book.quantity.toFixed(0), ours: trader.book.quantity.toFixed(0), foreign: false, notional: Math.abs(trader.book.quantity * world.price(trader)).toFixed(2) }));
    const orders = working(scope).map((order) => ({ id: order.id, venue_order: order.venue_order, instrument: order.instrument, trader: order.trader, side: order.side, type: order.type, remaining: order.quantity, purpose: order.purpose, reduce_only: order.reduce_only, foreign: false }));
    const notional = positions.reduce((sum, each) => sum + Number(each.notional), 0), cost = keep ? "0.00" : (notional * 3e-4).toFixed(2);
    const account = { account: "paper-demo", broker: "paper", currency: "USD", instruments: null, seen: "venue" as const, detail: "", orders, positions, notional: notional.toFixed(2), cost, seconds: 0.03, order_rate: null, cancel_all: "native", close: "reduce_only" };
    const preview: KillPreview = { scope, step: text(body.step), flatten: !keep, seen: "venue", at: instant(), accounts: [account], traders: traders.map((trader) => trader.spec.id), orders: orders.length, positions: positions.length, foreign: 0, totals: [{ currency: "USD", notional: notional.toFixed(2), cost }], seconds: 0.03 };
    return json(preview);
  });
  on("POST", "/kills", ({ body, headers }) => {
    const id = headers["Idempotency-Key"] ?? "kill_mock0000", scope = text(body.scope), step = text(body.step) as KillStep, reason = text(body.reason);
    const kill: KillFull = { id, scope, step, flatten: body.flatten !== false, reason, by: "A. Operator", origin: "api", at: instant(), state: "unanswered", latched: { guard: null, runner: null, store: instant() }, done_at: null, legs: [], totals: {}, to_last_cancel_sent_ms: null, to_cancelled_ms: null, to_flat_ms: null, sha256: null, steps: [] };
    kills.unshift(kill);
    if (reason === "unanswered") {
      const hint = `Do not wait for it: on the trading host run \`tradedeck kill ${scope} --step ${step} --local\`.`;
      return problem(503, "UNAVAILABLE", "Not available now", `Neither guard nor runner says that it has the kill ${id}. It is sent again every second.`, { hint });
    }
    const audit_id = world.record("stop:kill:send", scope, "done", reason);
    kill.latched = { guard: instant(), runner: instant(), store: instant() };
    setHalt(scope, step === "flatten" ? "halted" : step, reason);
    const say = (words: string) => kill.steps.push({ at: instant(), account: "paper-demo", by: "runner", step: words, numbers: {}, ref: "", seq: kill.steps.length });
    if (step === "flatten") {
      kill.state = "closing";
      kill.legs = [{ account: "paper-demo", instruments: null, state: "closing", by: "runner", epoch: null, owned_at: instant(), flat_at: null, proof: null, steps: 1 }];
      say("cancel sent");
      cancel(working(scope).map((order) => order.id));
      setTimeout(() => {
        if (kill.flatten) world.traders.filter((trader) => inScope(scope, trader)).forEach(close);
        say("close sent");
        for (const leg of kill.legs) Object.assign(leg, { state: "flat", flat_at: instant(), proof: { reads: [[1, 4], [2, 4], [3, 4]], held: {}, kept: [] } });
        Object.assign(kill, { state: "done", done_at: instant(), to_last_cancel_sent_ms: 3.4, to_cancelled_ms: 8.1, to_flat_ms: 26.7 });
        world.emit("kill.done", { id, scope }, "guard");
      }, 400);
    } else {
      Object.assign(kill, { state: "done", done_at: instant() });
      setTimeout(() => world.emit("kill.done", { id, scope }, "guard"), 40);
    }
    const heard = { latched: true, code: "", detail: "", ms: 4.2 };
    return json({ id, scope, step, flatten: kill.flatten, at: kill.at, guard: heard, runner: heard, audit_id, detail: "Latched by guard and runner." }, 202);
  });
  on("GET", "/kills", () => json({ items: kills, next_cursor: null }));
  on("GET", "/kills/:id", ({ params }) => { const kill = kills.find((each) => each.id === params.id); return kill ? json(kill) : problem(404, "NOT_FOUND", "Not found", `There is no kill ${params.id ?? ""}.`); });
  on("GET", "/kills/:id/report", ({ params }) => new Response(JSON.stringify({ report: kills.find((each) => each.id === params.id), sha256: "ab".repeat(32) }), { headers: { "x-content-sha256": "ab".repeat(32) } }));
  on("GET", "/lifts", () => json({ items: lifts }));
  on("GET", "/lifts/preview", ({ query }) => {
    const scope = query?.get("scope") ?? "", cause = { account: "paper-demo", scope: "account/paper-demo", breaker: "drawdown_max", used: 0.27, bound: 0.25, unit: "ratio", action: "flatten", crossed: true };
    const again = scope === "all";
    const preview: LiftPreview = { scope, latched: true, again, causes: again ? [cause] : [], detail: again ? "Still crossed: drawdown_max of account/paper-demo is at 0.27 of 0.25. It stops again on the next price; raise the limit first, or leave it stopped." : "" };
    return json(preview);
  });
  on("POST", "/lifts", ({ body }) => {
    if (!body.code) return problem(403, "STEP_UP_REQUIRED", "Not allowed", "Lifting a halt needs a one-time code of the guard.");
    const scope = text(body.scope), entry: Lift = { id: `lift_mock${lifts.length}0000`, scope, reason: text(body.reason), by: "A. Operator", at: instant(), until: instant(60_000), state: "waiting", ended_at: null, detail: "" };
    lifts.unshift(entry);
    setTimeout(() => {
      if (entry.state !== "waiting") return;
      Object.assign(entry, { state: "lifted", ended_at: instant() });
      world.halts = world.halts.filter((halt) => halt.scope !== scope);
      world.emit("halt.cleared", { scope, reason: entry.reason, by: entry.by }, "guard");
    }, 60_000);
    return json({ accepted: true, id: entry.id, pending: entry.id, hold_until: entry.until, audit_id: world.record("runner:halt:clear", scope, "done", entry.reason) }, 202);
  });
  on("DELETE", "/lifts/:id", ({ params }) => {
    const entry = lifts.find((each) => each.id === params.id);
    if (entry) Object.assign(entry, { state: "cancelled", ended_at: instant(), detail: "taken back" });
    return json({ accepted: true, audit_id: world.record("stop:lift:cancel", params.id ?? "") });
  });
  on("GET", "/guard", () => {
    const policy = { on_silence: "cancel_and_flatten", cancel_after_s: 10, flatten_after_s: 60 };
    const guard: Guard = { state: "running", seen_at: instant(-300), age_ms: 300, pid: 4021, build: "mock", started_at: instant(-5_400_000), detail: "", runner: { connected: true, pid: 4022, silent_ms: 120, state: "connected", detail: "", since: instant(-5_390_000), accounts: { "paper-demo": policy }, hears: "True", hears_detail: "" }, timers: {}, latched: world.halts.length };
    return json(guard);
  });
  on("GET", "/drills", () => json({ items: drills }));
  on("POST", "/drills", () => {
    setTimeout(() => {
      drills.unshift({ id: `kill_drill${drills.length}`, at: instant(), ok: true, by: "A. Operator", orders: 50, positions: 50, to_last_cancel_sent_ms: 3.9, to_cancelled_ms: 9.4, to_flat_ms: 25.2, detail: "" });
      world.emit("drill.done", { id: drills[0]?.id }, "guard");
    }, 300);
    return json({ accepted: true, audit_id: world.record("stop:drill:run", "drill") }, 202);
  });
}
