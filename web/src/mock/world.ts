/* A small deck in the browser: traders over invented bars, a gate, fills, a ledger, events with
   sequence numbers. It exists so that the page can be built and looked at alone; it proves nothing. */
import type {
  Alert, AuditRecord, Backtest, ConfigChange, ConfigVersion, Decision, DesiredDocument, EquityPoint, FeedStatus, Fill, Halt, LedgerPosting,
  LimitCheck, LiveEvent, LogLine, Pending, Order, OrderStep, Status, Trade, TraderSpec, TraderState, TraderStatus,
} from "~/api/types";
import { barsOf, days, random } from "./prices";

const params = new URLSearchParams(typeof location === "undefined" ? "" : location.search);
export const frozen = params.get("mock") === "frozen";
const START_DAY = days.findIndex((day) => day >= Date.parse("2008-10-09"));
const dec = (value: number, digits = 2) => value.toFixed(digits);
const iso = (at: number) => new Date(at).toISOString();

interface Book { quantity: number; average: number; realised: number; opened: string | null; entryAt: number; dayStart: number; peak: number; fast?: number; slow?: number }
export interface MockTrader { spec: TraderSpec; state: TraderState; reason: string | null; observed: number; book: Book; decisions: Decision[]; marks: { bar: number; kind: "fill" | "denied" | "signal"; side: "BUY" | "SELL"; price: number; quantity: number; order: string | null }[]; curve: number[]; lastTarget: number; memory: Record<string, unknown> }
const newBook = (): Book => ({ quantity: 0, average: 0, realised: 0, opened: null, entryAt: 0, dayStart: 0, peak: 0 });

function spec(id: string, instrument: string, strategy: string, values: Record<string, unknown>, extra: Partial<TraderSpec> = {}): TraderSpec {
  return { id, account: "paper-demo", feed: "us-daily", instrument, strategy, params: values, sizing: { kind: "equity_fraction", value: "0.14" }, limits: { position_value_max: "40000" }, state: "running", session_gate: true, ...extra };
}
export const document0 = (): DesiredDocument => ({
  version: 1, scan_interval_s: 30,
  feeds: [
    { id: "us-daily", kind: "replay", source: "bundled:us-daily", instruments: ["AAPL", "IBM", "MSFT", "GOOG", "GE"], start: "2004-08-19", end: null, speed: 4, loop: false, stale_after_s: 5, interval: "1d" },
    { id: "gold-frames", kind: "live_file", source: "data/xauusd.jsonl", instruments: ["XAUUSD"], start: null, end: null, speed: 0, loop: false, stale_after_s: 60, interval: "1m" },
  ],
  accounts: [{ id: "paper-demo", broker: "paper", currency: "USD", starting_balance: "100000", timezone: "America/New_York", limits: { gross_exposure_max: "1", concentration_max: "0.5", orders_per_minute: 60, order_value_max: "60000", day_loss_max: { bound: "2000", action: "pause" }, drawdown_max: { bound: "0.25", action: "flatten" } }, guard: {}, breakers: {
    feed_disconnected: { bound: "30", action: "pause", resume: "auto", cooldown_s: 0 },
    rejects: { bound: "5", action: "pause", resume: "person", cooldown_s: 0, window_s: 60 },
    repeated_execution: { bound: "60", action: "pause", resume: "person", cooldown_s: 0, window_s: 60 },
    clock_offset: { bound: "1", action: "pause", resume: "auto", cooldown_s: 60 },
  }, exchange: { spread_bps: "2", slippage_bps: "1", fee_bps: "1", fee_min: "1", volume_share_max: "0.1", latency_ms: 5, dead_man_timer: false } }],
  traders: [
    spec("aapl-ema", "AAPL", "ema-cross", { fast: 10, slow: 20, allow_short: true }),
    spec("ibm-momentum", "IBM", "momentum", { lookback: 63, threshold: 0.02 }),
    spec("msft-reversion", "MSFT", "mean-reversion", { window: 20, width: 2 }),
    spec("goog-breakout", "GOOG", "breakout", { entry: 55, exit: 20 }, { limits: { position_quantity_max: "120" } }),
    spec("gold-scalp", "XAUUSD", "gold-scalping", { window: 30, stop: 0.004 }, { feed: "gold-frames", state: "paused", session_gate: false }),
  ],
});

function mean(values: number[]) {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}
/** Signed target as a share of the sizing (−1, 0, 1, or null for "leave as it is") with what it was made of. */
function signalOf(trader: MockTrader, at: number): { inputs: Record<string, number>; target: number | null; reason: string } {
  const bars = barsOf(trader.spec.instrument);
  const bar = bars[at];
  if (!bar) return { inputs: {}, target: null, reason: "no bar" };
  const p = trader.spec.params as Record<string, number | boolean>;
  const closes = (count: number) => bars.slice(Math.max(0, at - count + 1), at + 1).map((each) => each.close);
  const held = Math.sign(trader.book.quantity);
  switch (trader.spec.strategy) {
    case "ema-cross": {
      const fastN = Number(p.fast ?? 10), slowN = Number(p.slow ?? 20);
      trader.book.fast = trader.book.fast == null ? bar.close : trader.book.fast + (2 / (fastN + 1)) * (bar.close - trader.book.fast);
      trader.book.slow = trader.book.slow == null ? bar.close : trader.book.slow + (2 / (slowN + 1)) * (bar.close - trader.book.slow);
      const up = trader.book.fast > trader.book.slow;
      return { inputs: { fast: trader.book.fast, slow: trader.book.slow }, target: at < slowN ? null : up ? 1 : p.allow_short ? -1 : 0, reason: up ? "fast above slow" : "fast below slow" };
    }
    case "momentum": {
      const back = Number(p.lookback ?? 63);
      const then = bars[at - back]?.close;
      if (!then) return { inputs: {}, target: null, reason: "warming up" };
      const change = bar.close / then - 1;
      return { inputs: { return: change, threshold: Number(p.threshold ?? 0) }, target: change > Number(p.threshold ?? 0) ? 1 : 0, reason: change > Number(p.threshold ?? 0) ? "return above threshold" : "return below threshold" };
    }
    case "mean-reversion": {
      const values = closes(Number(p.window ?? 20));
      const middle = mean(values);
      const deviation = Math.sqrt(mean(values.map((value) => (value - middle) ** 2)));
      const lower = middle - Number(p.width ?? 2) * deviation, upper = middle + Number(p.width ?? 2) * deviation;
      const target = bar.close < lower ? 1 : bar.close > upper ? -1 : held > 0 && bar.close >= middle ? 0 : held < 0 && bar.close <= middle ? 0 : null;
      return { inputs: { lower, middle, upper }, target, reason: target === 1 ? "below the lower band" : target === -1 ? "above the upper band" : target === 0 ? "back at the middle" : "inside the bands" };
    }
    case "breakout": {
      const entry = bars.slice(Math.max(0, at - Number(p.entry ?? 55)), at), exit = bars.slice(Math.max(0, at - Number(p.exit ?? 20)), at);
      const high = Math.max(...entry.map((each) => each.high)), low = Math.min(...exit.map((each) => each.low));
      const target = at < 55 ? null : bar.close > high ? 1 : bar.close < low ? 0 : null;
      return { inputs: { channel_high: high, channel_low: low }, target, reason: target === 1 ? "above the entry channel" : target === 0 ? "below the exit channel" : "inside the channel" };
    }
    default:
      return { inputs: { mean: mean(closes(30)) }, target: null, reason: "feed stale" };
  }
}

export class World {
  seq = 0;
  day = 0;
  speed = 1;
  paused = frozen;
  live = false;
  generation = 17;
  observed = 17;
  document = document0();
  traders: MockTrader[] = [];
  orders: Order[] = [];
  steps = new Map<string, OrderStep[]>();
  fills: Fill[] = [];
  trades: Trade[] = [];
  ledger: LedgerPosting[] = [];
  equity: EquityPoint[] = [];
  events: LiveEvent[] = [];
  halts: Halt[] = [];
  alerts: Alert[] = [];
  audit: AuditRecord[] = [];
  versions: (ConfigVersion & { document: DesiredDocument })[] = [];
  pending: Pending[] = [];
  logs: LogLine[] = [];
  backtests: Backtest[] = [];
  balance = 100_000;
  peak = 100_000;
  maxDrawdown = 0;
  dayEquity = 100_000;
  breached = false;
  private rand = random(7);
  private listeners = new Set<(event: LiveEvent) => void>();
  private logListeners = new Set<(line: LogLine) => void>();
  /** The wall clock of the page load; history lies before it. */
  private readonly born = frozen ? Date.parse("2026-11-20T14:02:12Z") : Date.now();

  constructor() {
    this.traders = this.document.traders.map((each) => this.makeTrader(each));
    for (this.day = 0; this.day < START_DAY; this.day += 1) this.step();
    this.seedHistory();
    this.live = true;
  }
  now() {
    return this.live && !frozen ? Date.now() : this.born - Math.max(0, START_DAY - this.day) * 250 - 200;
  }
  get barTime() {
    return iso(days[Math.min(this.day, days.length) - 1] ?? days[0] ?? 0).replace(".000", "");
  }
  makeTrader(each: TraderSpec): MockTrader {
    return { spec: each, state: each.state === "running" ? "running" : each.state === "paused" ? "paused" : "stopped", reason: each.id === "gold-scalp" ? "Breaker: feed gold-frames stale, 3 checks" : null, observed: this.generation, book: newBook(), decisions: [], marks: [], curve: [], lastTarget: 0, memory: { bars_seen: 0, last_signal: null } };
  }
  emit(kind: string, body: Record<string, unknown>, source = "local") {
    const event: LiveEvent = { seq: ++this.seq, at: iso(this.now()), source, kind, body };
    if (this.live || kind !== "equity") this.events.push(event);
    if (this.events.length > 4000) this.events.splice(0, 1000);
    if (this.live) this.listeners.forEach((listener) => listener(event));
  }
  log(process: string, level: LogLine["level"], event: string, fields: Record<string, unknown> = {}) {
    const line: LogLine = { at: iso(this.now()), process, level, event, fields, id: `${this.seq}-${this.logs.length}` };
    this.logs.push(line);
    if (this.logs.length > 3000) this.logs.splice(0, 1000);
    if (this.live) this.logListeners.forEach((listener) => listener(line));
  }
  subscribe(listener: (event: LiveEvent) => void) {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }
  subscribeLogs(listener: (line: LogLine) => void) {
    this.logListeners.add(listener);
    return () => void this.logListeners.delete(listener);
  }
  record(act: AuditRecord["act"], target: string, outcome: AuditRecord["outcome"] = "done", detail: string | null = null, actor = "A. Operator", before?: unknown, after?: unknown): string {
    const audit_id = `01J${(1_000_000 + this.audit.length * 7919).toString(36).toUpperCase()}D${this.audit.length}`;
    this.audit.unshift({ seq: this.audit.length + 1, at: iso(this.now()), actor, role: actor === "host" ? "host" : "admin", act, target, outcome, detail: detail ?? "", audit_id, source: actor === "host" ? "host" : "session", address: "127.0.0.1", code: outcome === "refused" ? "CEILING" : "", hash: "9f", before, after });
    return audit_id;
  }
  price(trader: MockTrader) {
    return barsOf(trader.spec.instrument)[this.day - 1]?.close ?? 0;
  }
  unrealised(trader: MockTrader) {
    return trader.book.quantity * (this.price(trader) - trader.book.average);
  }
  equityNow() {
    return this.balance + this.traders.reduce((sum, trader) => sum + this.unrealised(trader), 0);
  }
  private checks(trader: MockTrader, quantity: number, price: number): LimitCheck[] {
    const equity = this.equityNow();
    const gross = this.traders.reduce((sum, each) => sum + Math.abs(each.book.quantity * this.price(each)), 0);
    const held = trader.book.quantity;
    const after = Math.abs(held + quantity);
    const bound = this.live ? Number(trader.spec.limits.position_quantity_max ?? 5000) : 5000;
    const value = Math.abs(quantity * price);
    const grossAfter = (gross - Math.abs(held * price) + after * price) / equity;
    const reducing = after < Math.abs(held);
    return [
      { limit: "order_value_max", used: "0", after: dec(value), bound: "60000.00", ok: reducing || value <= 60_000 },
      { limit: "position_quantity_max", used: dec(Math.abs(held), 0), after: dec(after, 0), bound: dec(bound, 0), ok: reducing || after <= bound },
      { limit: "gross_exposure_max", used: dec(gross / equity, 4), after: dec(grossAfter, 4), bound: "1.0000", ok: reducing || grossAfter <= 1 },
      { limit: "concentration_max", used: dec(Math.abs(held * price) / equity, 4), after: dec((after * price) / equity, 4), bound: "0.5000", ok: reducing || (after * price) / equity <= 0.5 },
      { limit: "orders_per_minute", used: 1, after: 2, bound: 60, ok: true },
    ];
  }
  private haltOf(trader: MockTrader) {
    return this.halts.find((halt) => halt.scope === "all" || halt.scope === `trader/${trader.spec.id}` || halt.scope === `account/${trader.spec.account}` || halt.scope === `strategy/${trader.spec.strategy}` || halt.scope === `instrument/${trader.spec.instrument}`);
  }
  private decide(trader: MockTrader) {
    const at = this.day;
    const bar = barsOf(trader.spec.instrument)[at];
    if (!bar || trader.spec.feed !== "us-daily") return;
    const { inputs, target, reason } = signalOf(trader, at);
    trader.memory = { bars_seen: at + 1, last_signal: reason, ...(trader.book.fast == null ? {} : { ema_fast: Number(trader.book.fast.toFixed(4)), ema_slow: Number((trader.book.slow ?? 0).toFixed(4)) }) };
    const decision: Decision = { seq: this.seq + 1, trader: trader.spec.id, account: trader.spec.account, strategy: trader.spec.strategy, instrument: trader.spec.instrument, time: bar.time, price: dec(bar.close), inputs: Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, Number(value.toFixed(4))])), signal: target == null ? null : { target, stop: target ? dec(bar.close * 0.94) : null, reason }, position: dec(trader.book.quantity, 0), verdict: "none", orders: [], refusals: [], checks: [] };
    trader.decisions.push(decision);
    if (trader.decisions.length > 1500) trader.decisions.shift();
    if (target == null || trader.state === "stopped") return;
    const size = Math.floor((this.equityNow() * Number(trader.spec.sizing?.value ?? 0.1)) / bar.close);
    const wanted = target === 0 ? 0 : trader.lastTarget === target && trader.book.quantity !== 0 ? trader.book.quantity : target * size;
    const quantity = wanted - trader.book.quantity;
    if (quantity === 0 || (trader.lastTarget === target && trader.book.quantity === 0 && target !== 0)) return;
    const entering = Math.abs(wanted) > Math.abs(trader.book.quantity);
    trader.lastTarget = target;
    const side = quantity > 0 ? "BUY" : "SELL";
    const checks = this.checks(trader, quantity, bar.close);
    const halted = this.haltOf(trader);
    decision.checks = checks;
    const refused = entering && (trader.state === "paused" || halted) ? { reason: "HALT_ENTRIES_PAUSED", numbers: { scope: halted?.scope ?? `trader/${trader.spec.id}` } } : checks.find((check) => !check.ok);
    const order = this.makeOrder(trader, side, Math.abs(quantity), bar.close, bar.time, entering ? "entry" : "exit");
    decision.orders = [order.id];
    if (refused) {
      const code = "limit" in refused ? ({ position_quantity_max: "POSITION_QUANTITY", order_value_max: "ORDER_VALUE", gross_exposure_max: "EXPOSURE_GROSS", concentration_max: "EXPOSURE_CONCENTRATION" }[refused.limit] ?? refused.limit.toUpperCase()) : refused.reason;
      const numbers = "limit" in refused ? { wanted: Math.abs(wanted), after: refused.after, bound: refused.bound } : refused.numbers;
      decision.verdict = "denied";
      decision.refusals = [{ reason: code, numbers, intent: { side, quantity: dec(Math.abs(quantity), 0) } }];
      order.status = "DENIED";
      order.reason = code;
      order.numbers = numbers;
      trader.marks.push({ bar: at, kind: "denied", side, price: bar.close, quantity: Math.abs(quantity), order: order.id });
      this.emit("order.denied", { order: { ...order }, reason: code, numbers });
      this.stepOf(order, "order.denied", { reason: code, numbers });
      this.log("runner", "warning", "order denied", { trader: trader.spec.id, reason: code, order: order.id });
      return;
    }
    decision.verdict = "allowed";
    this.fill(trader, order, bar.close, at);
  }
  makeOrder(trader: MockTrader, side: "BUY" | "SELL", quantity: number, price: number, time: string, purpose: Order["purpose"]): Order {
    const id = `o-${(this.orders.length + 1).toString().padStart(5, "0")}`;
    const order: Order = { id, client_id: `td-${trader.spec.id}-${this.orders.length + 1}`, account: trader.spec.account, trader: trader.spec.id, strategy: trader.spec.strategy, instrument: trader.spec.instrument, side, type: "MARKET", quantity: dec(quantity, 0), limit_price: null, stop_price: null, tif: "GTC", expires: null, reduce_only: purpose !== "entry", status: "INTENT", filled: "0", average_price: null, purpose, created: time, decision_price: dec(price), sent_at_ns: this.now() * 1e6, acked_at_ns: this.now() * 1e6 + 1.2e6 + this.rand() * 1.6e6, by: trader.spec.strategy, updated_at: iso(this.now()), planned_stop: null, venue_order: null, reason: null, numbers: null, seq: this.seq };
    this.orders.push(order);
    return order;
  }
  stepOf(order: Order, kind: string, body: Record<string, unknown>, offsetMs = 0) {
    const list = this.steps.get(order.id) ?? [];
    list.push({ seq: this.seq, at: iso(this.now() + offsetMs), kind, body });
    this.steps.set(order.id, list);
  }
  fill(trader: MockTrader, order: Order, price: number, at: number) {
    const signedQuantity = Number(order.quantity) * (order.side === "BUY" ? 1 : -1);
    const slip = price * (0.0001 + (this.rand() - 0.4) * 0.00008) * Math.sign(signedQuantity);
    const paid = Math.round((price + slip) * 100) / 100;
    const book = trader.book;
    const fee = Math.max(1, Math.abs(signedQuantity * paid) * 0.0001);
    const closing = book.quantity !== 0 && Math.sign(signedQuantity) !== Math.sign(book.quantity);
    const closed = closing ? Math.min(Math.abs(signedQuantity), Math.abs(book.quantity)) : 0;
    const pnl = closed * (paid - book.average) * Math.sign(book.quantity);
    const after = book.quantity + signedQuantity;
    if (closing) {
      book.realised += pnl - fee;
      const risk = book.average * 0.06 * closed;
      this.trades.push({ trade_time: order.created, entry_price: dec(book.average), exit_price: dec(paid), pnl: dec(pnl - fee), outcome: pnl - fee > 0 ? "win" : "loss", r_multiple: dec((pnl - fee) / risk), equity: dec(this.equityNow()), trader: trader.spec.id, instrument: trader.spec.instrument, quantity: dec(closed, 0), side: book.quantity > 0 ? "long" : "short", opened: book.opened ?? order.created, account: order.account, fees: dec(fee), strategy: order.strategy, seq: this.seq });
      if (Math.sign(after) !== Math.sign(book.quantity)) book.average = paid;
    } else {
      book.average = (book.average * Math.abs(book.quantity) + paid * Math.abs(signedQuantity)) / Math.abs(after);
      book.realised -= fee;
    }
    this.balance += pnl - fee;
    if (book.quantity === 0 || Math.sign(after) !== Math.sign(book.quantity)) book.opened = after ? order.created : null;
    book.quantity = after;
    if (after === 0) book.average = 0;
    order.status = "FILLED";
    order.filled = order.quantity;
    order.average_price = dec(paid);
    const fill: Fill = { client_id: order.client_id, balance: dec(this.balance), seq: this.seq, id: `f-${this.fills.length + 1}`, order: order.id, account: order.account, trader: order.trader, instrument: order.instrument, side: order.side, quantity: order.quantity, price: dec(paid), fee: dec(fee), currency: "USD", time: order.created, venue_seq: this.fills.length * 3 + 7, at_ns: this.now() * 1e6, liquidity: "taker", decision_price: order.decision_price };
    this.fills.push(fill);
    trader.marks.push({ bar: at, kind: "fill", side: order.side, price: paid, quantity: Number(order.quantity), order: order.id });
    const post = (ledger: string, amount: number) => this.ledger.push({ seq: this.ledger.length + 1, at: iso(this.now()), time: order.created, account: order.account, ledger, amount: dec(amount), currency: "USD", ref: fill.id, balance: dec(this.balance), line: 0 });
    if (closed) post("realised", pnl);
    post("fee", -fee);
    this.emit("order.intent", { order: { ...order, status: "INTENT" } });
    this.stepOf(order, "order.intent", { decision_price: order.decision_price });
    this.emit("order.accepted", { order: order.id, venue_order: `x-${order.id}`, venue_seq: fill.venue_seq - 1 }, "paper");
    this.stepOf(order, "order.accepted", { venue_order: `x-${order.id}` }, 2);
    this.emit("order.filled", { fill, status: "FILLED", position: { quantity: dec(after, 0), average_price: dec(book.average), realised: dec(book.realised) }, postings: [], balance: dec(this.balance) }, "paper");
    this.stepOf(order, "order.filled", { price: fill.price, quantity: fill.quantity, fee: fill.fee }, 3);
    this.log("runner", "info", "filled", { trader: trader.spec.id, order: order.id, side: order.side, quantity: order.quantity, price: fill.price });
  }
  step() {
    const before = this.equityNow();
    this.dayEquity = before;
    this.traders.forEach((trader) => (trader.book.dayStart = trader.book.realised + this.unrealised(trader)));
    this.traders.forEach((trader) => this.decide(trader));
    this.day += this.live ? 1 : 0;
    if (!this.live) {
      this.day += 1;
      this.mark();
      this.day -= 1;
    } else this.mark();
  }
  private mark() {
    const equity = this.equityNow();
    this.peak = Math.max(this.peak, equity);
    const drawdown = equity / this.peak - 1;
    this.maxDrawdown = Math.min(this.maxDrawdown, drawdown);
    for (const trader of this.traders) {
      const total = trader.book.realised + this.unrealised(trader);
      trader.book.peak = Math.max(trader.book.peak, total);
      trader.curve.push(total);
      if (trader.curve.length > 30) trader.curve.shift();
    }
    this.equity.push({ time: this.barTime, at: iso(this.now()), equity, drawdown, balance: this.balance });
    this.emit("equity", { account: "paper-demo", time: this.barTime, equity: dec(equity), balance: dec(this.balance), drawdown: dec(drawdown, 6) });
    if (this.live) {
      for (const trader of this.traders) {
        const last = trader.decisions[trader.decisions.length - 1];
        if (last && trader.state === "running") this.emit("decision", { ...last });
      }
      this.log("runner", "info", "cycle", { signals: this.traders.length - 1, executed: 0, mode: "paper", bar: this.barTime.slice(0, 10) });
    }
  }
  private seedHistory() {
    const at = (minutesAgo: number) => iso(this.born - minutesAgo * 60_000);
    this.day = START_DAY;
    // One order that our own gate refused, and one that went through UNKNOWN before the broker's log resolved it.
    const goog = this.traders.find((each) => each.spec.id === "goog-breakout");
    if (goog) {
      const order = this.makeOrder(goog, "BUY", 141, this.price(goog), this.barTime, "entry");
      Object.assign(order, { status: "DENIED", reason: "POSITION_QUANTITY", numbers: { wanted: 141, bound: 120 } });
      goog.marks.push({ bar: START_DAY - 1, kind: "denied", side: "BUY", price: this.price(goog), quantity: 141, order: order.id });
      const last = goog.decisions[goog.decisions.length - 1];
      if (last) Object.assign(last, { verdict: "denied", signal: { target: 1, stop: dec(this.price(goog) * 0.94), reason: "above the entry channel" }, orders: [order.id], refusals: [{ reason: "POSITION_QUANTITY", numbers: { wanted: 141, bound: 120 }, intent: { side: "BUY", quantity: "141" } }], checks: this.checks(goog, 141, this.price(goog)) });
      this.emit("order.denied", { order: { ...order }, reason: "POSITION_QUANTITY", numbers: { wanted: 141, bound: 120 } });
      this.stepOf(order, "order.denied", { reason: "POSITION_QUANTITY", wanted: 141, bound: 120 });
    }
    const resolved = this.orders.filter((order) => order.status === "FILLED").at(-4);
    if (resolved) {
      const list = this.steps.get(resolved.id) ?? [];
      list.splice(1, 1, { seq: 0, at: list[0]?.at ?? at(3), kind: "order.unknown", body: { reason: "SEND_TIMEOUT" } });
    }
    const msft = this.traders.find((each) => each.spec.id === "msft-reversion");
    if (msft) {
      const limit = this.makeOrder(msft, "BUY", 400, this.price(msft), this.barTime, "entry");
      Object.assign(limit, { type: "LIMIT", status: "ACCEPTED", limit_price: dec(this.price(msft) * 0.97), tif: "DAY" });
      this.emit("order.intent", { order: { ...limit } });
      this.stepOf(limit, "order.intent", {});
      this.stepOf(limit, "order.accepted", { venue_order: `x-${limit.id}` }, 2);
    }
    this.emit("feed.state", { feed: "gold-frames", state: "stale", reason: "no frame for 214 s, limit 60 s" });
    this.alerts.push({ id: "al-1", at: at(2.4), code: "FEED_STALE", detail: "Feed gold-frames: no frame for 214 s, 3 checks. Trader gold-scalp paused by the breaker.", severity: "warning", acknowledged_at: null, acknowledged_by: null, subject: "feed/gold-frames", count: 3, last_at: at(1.4), note: null });
    this.emit("trader.state", { trader: "gold-scalp", old: "running", new: "paused", reason: "breaker: feed stale" });
    const doc = this.document;
    const version = (generation: number, minutes: number, by: string, reason: string, changes: ConfigChange[]) => this.versions.unshift({ generation, created_at: at(minutes), by, reason, changes, role: "admin", digest: "ab12", kind: "apply", base_generation: generation - 1, document: structuredClone(doc) });
    version(14, 190, "host", "First start of an empty home", []);
    version(15, 96, "A. Operator", "Demo traders", [{ path: "traders/2", old: null, new: "msft-reversion", effect: "neutral" }]);
    version(16, 41, "A. Operator", "Tighter position for GOOG", [{ path: "traders/3/limits/position_quantity_max", old: "200", new: "120", effect: "tightens" }]);
    version(17, 4, "A. Operator", "AAPL from momentum to EMA cross", [{ path: "traders/0/strategy", old: "momentum", new: "ema-cross", effect: "neutral" }, { path: "traders/0/params", old: { lookback: 63, threshold: 0.02 }, new: { fast: 10, slow: 20, allow_short: false }, effect: "neutral" }]);
    const audit = (minutes: number, act: AuditRecord["act"], target: string, outcome: AuditRecord["outcome"] = "done", detail: string | null = null, actor = "A. Operator") => {
      this.record(act, target, outcome, detail, actor);
      const top = this.audit[0];
      if (top) top.at = at(minutes);
    };
    audit(190, "identity:session:open", "one-time link", "done", null, "host");
    audit(96, "desired:config:apply", "generation 15");
    audit(60, "runner:halt:clear", "all", "done", "Drill finished");
    audit(61, "runner:book:flatten", "all", "done", "Drill: flat in 28 ms");
    audit(41, "desired:config:apply", "generation 16", "done", "Tighter position for GOOG");
    audit(12, "desired:config:apply", "traders/1/limits/position_value_max", "refused", "LIMIT_ABOVE_CEILING: 60,000 wanted, host ceiling 50,000");
    audit(4, "desired:strategy:activate", "aapl-ema", "done", "momentum → ema-cross");
    this.emit("strategy.swapped", { trader: "aapl-ema", old: "momentum", new: "ema-cross", generation: 17 });
    this.emit("config.applied", { generation: 17, changes: [1, 2] });
    this.log("supervisor", "info", "ready", { processes: 6, seconds: 1.9 });
    this.log("api", "info", "listening", { host: "127.0.0.1", port: 8787 });
    this.log("runner", "info", "armed", { account: "paper-demo", verdict: "paper" });
    this.log("runner", "warning", "feed stale", { feed: "gold-frames", age_s: 214, check: 3 });
    this.log("host", "error", "strategy raised", { trader: "gold-scalp", error: "ZeroDivisionError: division by zero", restarts: 1 });
    const done: Backtest = { id: "bt-1", created_at: at(35), kind: "backtest", attempts: 1, bars: 1040, cancel_requested: false, code: "", detail: "", started_at: at(35), ended_at: at(35), state: "succeeded", progress: 1, request: { strategy: "ema-cross", params: { fast: 10, slow: 20 }, data: "bundled:us-daily", instrument: "AAPL", start: "2004-08-19", end: "2008-10-09", starting_balance: "100000" }, by: "A. Operator", seconds: 0.41 };
    this.backtests = [{ ...done, id: "bt-3", created_at: at(1), state: "running", progress: 0.42, seconds: null, request: { ...done.request, strategy: "breakout", params: { entry: 55, exit: 20 }, instrument: "GOOG" } }, { ...done, id: "bt-2", created_at: at(22), state: "failed", detail: "data/eurusd.csv row 1,204: high below low", request: { ...done.request, instrument: "EURUSD", data: "data/eurusd.csv" }, seconds: 0.02 }, done];
  }
  status(): Status {
    const equity = this.equityNow();
    const gross = this.traders.reduce((sum, trader) => sum + Math.abs(trader.book.quantity * this.price(trader)), 0);
    const now = this.now();
    const traderStatus = (trader: MockTrader): TraderStatus => ({
      id: trader.spec.id, account: trader.spec.account, instrument: trader.spec.instrument, strategy: trader.spec.strategy, params: trader.spec.params, state: trader.state, reason: trader.reason, desired_state: trader.spec.state ?? null,
      generation_desired: this.generation, generation_observed: trader.observed, position: dec(trader.book.quantity, 0), average_price: trader.book.quantity ? dec(trader.book.average) : null, price: dec(this.price(trader)),
      unrealised: dec(this.unrealised(trader)), realised: dec(trader.book.realised), halt: this.haltOf(trader) ?? null, restarts: trader.spec.id === "gold-scalp" ? 1 : 0, applied: trader.spec.strategy, strategy_observed: trader.spec.strategy, sizing: trader.spec.sizing ?? null, session_gate: trader.spec.session_gate ?? null, day_pnl: dec(trader.book.realised + this.unrealised(trader) - trader.book.dayStart), drawdown: (trader.book.realised + this.unrealised(trader) - trader.book.peak) / (25_000 + trader.book.peak) + "",
      data_age_ms: trader.spec.feed === "us-daily" ? 200 + Math.round(this.rand() * 120) : 214_000, last_bar: this.barTime, sparkline: trader.curve.slice(-30), last_decision: trader.decisions.at(-1) ?? null, feed: trader.spec.feed,
    });
    const feeds: FeedStatus[] = [
      { id: "us-daily", kind: "replay", data_mode: "replay", state: this.paused && !frozen ? "paused" : "running", cursor: this.barTime, start: "2004-08-19T00:00:00Z", end: "2009-12-31T00:00:00Z", speed: this.speed, age_ms: 240, stale_after_ms: 5_000, instruments: ["AAPL", "IBM", "MSFT", "GOOG", "GE"], source: "bundled:us-daily", interval: "1d", loop: false, reason: null, observed_at: iso(now) },
      { id: "gold-frames", kind: "live_file", data_mode: "live_file", state: "stale", cursor: "2008-10-08T20:56:00Z", start: null, end: null, speed: null, age_ms: 214_000 + (frozen ? 0 : now - this.born), stale_after_ms: 60_000, instruments: ["XAUUSD"], reason: "No new frame in data/xauusd.jsonl", source: "data/xauusd.jsonl", interval: "1m", loop: null, observed_at: iso(now) },
    ];
    const open = this.alerts.filter((alert) => !alert.acknowledged_at);
    return {
      at: iso(now), build: "0.1.0+mock", mode: "paper", mode_reasons: [], simulated: false, data_mode: "replay", execution_capable_accounts: 1, desired_generation: this.generation, observed_generation: this.observed,
      runner: { id: "local", state: "running", guard: "True", seen_at: iso(now), age_ms: 120, epoch: "9f3c", seq: this.seq, loop_lag_ms: 0.8, build: "0.1.0+mock", detail: "", started_at: iso(this.born - 7.2e6) },
      accounts: [{ id: "paper-demo", broker: "paper", currency: "USD", verdict: "paper", reasons: [], balance: dec(this.balance), equity: dec(equity), unrealised: dec(equity - this.balance), realised: dec(this.balance - 100_000), day_pnl: dec(equity - this.dayEquity), day_loss_max: "2000", drawdown: String(equity / this.peak - 1), max_drawdown: String(this.maxDrawdown), observed_at: iso(now), exposure: dec(gross), as_of: this.barTime, starting_balance: "100000" }],
      traders: this.traders.map(traderStatus), feeds, halts: this.halts,
      session: [{ calendar: "NYSE", verdict: "open", since: null, until: null }], reconcile: { verdict: "not_checked", checked_at: null, detail: "Reconciliation with the broker is not part of this build." },
      alerts: { unacknowledged: open.length, oldest_at: open[0]?.at ?? null }, last_seq: this.seq,
    };
  }
  run() {
    if (frozen) return;
    let due = 0;
    setInterval(() => {
      this.backtests = this.backtests.map((job) => (job.state === "running" ? { ...job, progress: Math.min(1, job.progress + 0.04), state: job.progress >= 0.96 ? ("succeeded" as const) : ("running" as const), seconds: job.progress >= 0.96 ? 0.6 : null } : job));
      if (this.paused) return;
      due += this.speed / 4;
      for (; due >= 1; due -= 1) if (this.day < days.length - 1) this.step();
    }, 250);
  }
}
