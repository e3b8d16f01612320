/* The API of contract, answered from the world in the browser. Failures are sentinel inputs:
   token `used`, trader id or reason `fail`, strategy parameter 13, log search `boom`. */
import type { AuditRecord, BacktestRequest, BacktestResult, ConfigChange, DesiredDocument, Execution, LogLine, Metric, Receipt, RegimeSeries, Schemas, TraderPreview, TraderSpec } from "~/api/types";
import { isNoteworthy } from "~/api/live";
import { workingOrder } from "~/api/states";
import { infer } from "~/forms/DocumentForm";
import { installApprovals } from "./approvals";
import { catalogue } from "./catalogue";
import { installPeople } from "./people";
import { barsOf, days } from "./prices";
import { installRisk } from "./risk";
import { installStop } from "./stop";
import { frozen, World, type MockTrader } from "./world";

const world = new World();
const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
const problem = (status: number, code: string, title: string, detail: string, extra: Record<string, unknown> = {}) => json({ type: `about:blank#${code}`, title, status, code, detail, ...extra }, status);
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
let signedIn = !new URLSearchParams(location.search).has("signed-out");
let offline = false;
let commandNumber = 0;

type Params = Record<string, string>;
interface Request { method: string; query: URLSearchParams; body: Record<string, unknown>; params: Params; signal?: AbortSignal | null; headers: Record<string, string> }
type Handler = (request: Request) => Response | Promise<Response>;
const routes: { method: string; pattern: RegExp; names: string[]; handler: Handler }[] = [];
function on(method: string, path: string, handler: Handler) {
  const names = [...path.matchAll(/:(\w+)/gu)].map((found) => found[1] ?? "");
  routes.push({ method, pattern: new RegExp(`^${path.replace(/:\w+/gu, "([^/]+)")}$`, "u"), names, handler });
}
const items = <T>(list: T[]) => json({ items: list, next_cursor: null });
const find = (id: string | undefined) => world.traders.find((trader) => trader.spec.id === id);
const str = (value: unknown) => (typeof value === "string" ? value : "");

const acts: Record<string, AuditRecord["act"]> = { "trader.pause": "runner:trader:pause", "trader.resume": "runner:trader:resume", "trader.start": "runner:trader:start", "trader.stop": "runner:trader:stop", "trader.restart": "runner:trader:restart", "order.cancel": "runner:order:cancel", "orders.cancel": "runner:orders:cancel", "position.close": "runner:position:close", flatten: "runner:book:flatten", "halt.set": "runner:halt:set", "halt.clear": "runner:halt:clear", "replay.set": "runner:replay:set" };
/** Accepts a command; its outcome follows as an event, as from a runner. */
function accept(command: string, target: string, effect: () => void, detail: string | null = null): Response {
  const id = `c-${++commandNumber}`;
  const audit_id = world.record(acts[command] ?? "runner:command:send", target, "done", detail);
  setTimeout(() => {
    effect();
    world.emit("command.done", { id, command, outcome: "done", code: "OK", detail: "", by: "A. Operator" });
    world.log("runner", "info", "command done", { command, target, id });
  }, 40);
  const receipt: Receipt = { id, audit_id, accepted: true, code: "ACCEPTED" };
  return json(receipt, 202);
}
function applyDocument(next: DesiredDocument, changes: ConfigChange[], reason: string): Response {
  const loosening = changes.filter((change) => change.effect === "loosens");
  world.generation += 1;
  const generation = world.generation;
  const audit_id = world.record("desired:config:apply", `generation ${generation}`, "done", reason);
  const apply = () => {
    world.document = next;
    world.observed = generation;
    const old = new Map(world.traders.map((trader) => [trader.spec.id, trader]));
    world.traders = next.traders.map((each) => {
      const known = old.get(each.id);
      if (!known) return { ...world.makeTrader(each), observed: generation };
      if (known.spec.strategy !== each.strategy) world.emit("strategy.swapped", { trader: each.id, old: known.spec.strategy, new: each.strategy, params_old: known.spec.params, params_new: each.params, generation });
      return Object.assign(known, { spec: each, observed: generation, lastTarget: known.spec.strategy === each.strategy ? known.lastTarget : 0 });
    });
    world.pending = world.pending.filter((each) => each.id !== `pend-${generation}`);
    world.emit("config.applied", { generation, changes: changes.map(({ path, old: before, new: after }) => ({ path, old: before, new: after })), digest: "ab12" });
    world.log("runner", "info", "config applied", { generation, changes: changes.length });
  };
  world.versions.unshift({ generation, created_at: new Date(world.now()).toISOString(), by: "A. Operator", reason, changes, role: "admin", digest: "ab12", kind: "apply", base_generation: generation - 1, document: next });
  if (loosening.length) {
    const until = new Date(Date.now() + 60_000).toISOString();
    world.pending.push({ id: `pend-${generation}`, kind: "config", status: "waiting", base_generation: generation - 1, target: "config", until, changes: loosening, reason, by: "A. Operator", created_at: new Date().toISOString(), ended_by: "", ended_why: "" });
    setTimeout(apply, 60_000);
    return json({ generation, audit_id, accepted: true, hold_until: until } satisfies Receipt, 202);
  }
  setTimeout(apply, 45);
  return json({ generation, audit_id, accepted: true } satisfies Receipt, 202);
}

export function diff(old: unknown, next: unknown, path = ""): ConfigChange[] {
  if (JSON.stringify(old) === JSON.stringify(next)) return [];
  const isMap = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
  if (isMap(old) && isMap(next) && Array.isArray(old) === Array.isArray(next)) {
    return [...new Set([...Object.keys(old), ...Object.keys(next)])].flatMap((key) => diff(old[key], next[key], path ? `${path}/${key}` : key));
  }
  const limit = /limits\//u.test(path);
  const effect: ConfigChange["effect"] = !limit ? "neutral" : next == null || Number(next) > Number(old ?? Infinity) ? "loosens" : "tightens";
  return [{ path, old: old ?? null, new: next ?? null, effect }];
}
function invalid(document: DesiredDocument): { path: string; reason: string }[] {
  const errors: { path: string; reason: string }[] = [];
  (document.traders ?? []).forEach((trader, index) => {
    const strategy = catalogue.find((each) => each.id === trader.strategy);
    if (!strategy) errors.push({ path: `traders/${index}/strategy`, reason: `unknown strategy ${trader.strategy}` });
    for (const [name, schema] of Object.entries(strategy?.schema.properties ?? {})) {
      const value = trader.params?.[name];
      if (schema.type === "integer" && !Number.isInteger(value)) errors.push({ path: `traders/${index}/params/${name}`, reason: "an integer is needed" });
      else if (typeof value === "number" && (value < (schema.minimum ?? -Infinity) || value > (schema.maximum ?? Infinity))) errors.push({ path: `traders/${index}/params/${name}`, reason: `must lie between ${schema.minimum} and ${schema.maximum}` });
    }
  });
  if (!(Number(document.scan_interval_s) > 0)) errors.push({ path: "scan_interval_s", reason: "must be positive" });
  for (const key of Object.keys(document)) if (!["version", "scan_interval_s", "feeds", "accounts", "traders", "instruments"].includes(key)) errors.push({ path: key, reason: "extra fields are not permitted" });
  return errors;
}
function performance(values: { equity: number }[], trades: { pnl: string }[]): Metric[] {
  const first = values[0]?.equity ?? 1, last = values.at(-1)?.equity ?? 1;
  const returns = values.slice(1).map((point, index) => point.equity / (values[index]?.equity ?? 1) - 1);
  const mean = returns.reduce((sum, value) => sum + value, 0) / Math.max(1, returns.length);
  const deviation = Math.sqrt(returns.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, returns.length - 1));
  let peak = 0, worst = 0;
  for (const { equity } of values) {
    peak = Math.max(peak, equity);
    worst = Math.min(worst, equity / peak - 1);
  }
  const wins = trades.filter((trade) => Number(trade.pnl) > 0), losses = trades.filter((trade) => Number(trade.pnl) <= 0);
  const sum = (list: { pnl: string }[]) => list.reduce((total, trade) => total + Number(trade.pnl), 0);
  return [
    { name: "total_return", label: "Return", value: last / first - 1, unit: "ratio", formula: "final equity / first equity − 1" },
    { name: "volatility", label: "Volatility", value: deviation * Math.sqrt(252), unit: "ratio", formula: "standard deviation of daily returns × √252" },
    { name: "sharpe", label: "Sharpe", value: deviation ? (mean / deviation) * Math.sqrt(252) : null, unit: "", formula: "mean daily return / its standard deviation × √252, risk-free rate 0" },
    { name: "max_drawdown", label: "Max drawdown", value: worst, unit: "ratio", formula: "lowest equity / highest before it − 1" },
    { name: "trades", label: "Trades", value: trades.length, unit: "", formula: "closed round trips" },
    { name: "win_rate", label: "Win rate", value: trades.length ? wins.length / trades.length : null, unit: "ratio", formula: "trades with profit / all trades" },
    { name: "profit_factor", label: "Profit factor", value: losses.length ? Math.abs(sum(wins) / sum(losses)) : null, unit: "", formula: "sum of profits / sum of losses" },
    { name: "exposure", label: "Exposure", value: 0.62, unit: "ratio", formula: "bars with a position / all bars" },
  ];
}
function preview(spec: TraderSpec, trader?: MockTrader) {
  const bars = barsOf(spec.instrument);
  const bar = bars[world.day - 1];
  const price = bar?.close ?? 0;
  const size = Math.floor((world.equityNow() * Number(spec.sizing?.value ?? 0.2)) / (price || 1));
  const closes = bars.slice(Math.max(0, world.day - 20), world.day).map((each) => each.close);
  const average = closes.reduce((sum, value) => sum + value, 0) / Math.max(1, closes.length);
  const up = price > average;
  const last = trader?.decisions.at(-1);
  const value = size * price;
  return {
    trader: spec.id, time: world.barTime, price: price.toFixed(2), inputs: last && !up ? last.inputs : { close: price, average_20: Number(average.toFixed(4)) },
    signal: up ? { target: 1, stop: (price * 0.94).toFixed(2), reason: "price above its average" } : { target: 0, stop: null, reason: "price below its average" },
    wishes: [{}],
    orders: up ? [{ side: "BUY", quantity: String(size), verdict: value <= 60_000 ? "allowed" : "denied", reason: value <= 60_000 ? null : "ORDER_VALUE" }] : [],
    checks: [
      { limit: "order_value_max", used: "0", after: value.toFixed(2), bound: "60000.00", ok: value <= 60_000 },
      { limit: "gross_exposure_max", used: "0.62", after: "0.84", bound: "1.0", ok: true },
      { limit: "concentration_max", used: "0", after: (value / world.equityNow()).toFixed(4), bound: "0.5000", ok: true },
    ],
  };
}
const patchTrader = (id: string, change: Partial<TraderSpec>, reason: string) => {
  const next = structuredClone(world.document);
  const at = next.traders.findIndex((each) => each.id === id);
  next.traders[at] = { ...(next.traders[at] as TraderSpec), ...change };
  return applyDocument(next, diff(world.document, next), reason);
};

on("POST", "/sessions", async ({ body }) => {
  await wait(300);
  const token = str(body.token);
  if (token === "used" || token === "") return problem(401, "UNAUTHENTICATED", "Sign in first", "The sign-in link was not valid: it was used before, or 15 minutes have passed.", { hint: "Run `tradedeck token link` on the host for a fresh one." });
  signedIn = true;
  return json({ actor: "A. Operator", role: "admin", expires_at: new Date(Date.now() + 4.32e7).toISOString() }, 201);
});
installApprovals({ on, json, problem });
installPeople({ on, json, problem, enter: () => { signedIn = true; } });
on("DELETE", "/session", () => { signedIn = false; return json({}); });
on("GET", "/status", () => json(world.status()));
on("GET", "/health/components", () => items([
  { id: "supervisor", state: "ok", detail: "6 processes, 0 restarts", age_ms: 400, pid: 4101, rss_mb: 31 },
  { id: "nats", state: "ok", detail: "5 clients, memory only", age_ms: 210, latency_ms: 0.3, pid: 4102, rss_mb: 14 },
  { id: "api", state: "ok", detail: "2 streams open", age_ms: 0, latency_ms: 1.9, queue: 0, sockets: 2, pid: 4103, rss_mb: 94 },
  { id: "runner", state: "ok", detail: "loop lag 0.8 ms", age_ms: 120, latency_ms: 1.8, queue: 0, pid: 4104, rss_mb: 61 },
  { id: "exchange", state: "ok", detail: "journal at 2,114", age_ms: 180, latency_ms: 0.6, pid: 4105, rss_mb: 38 },
  { id: "host/aapl-ema", state: "ok", detail: "callback p99 0.4 ms", age_ms: 230, latency_ms: 0.4, pid: 4111, rss_mb: 24 },
  { id: "host/ibm-momentum", state: "ok", detail: "callback p99 0.3 ms", age_ms: 230, latency_ms: 0.3, pid: 4112, rss_mb: 24 },
  { id: "host/gold-scalp", state: "degraded", detail: "restarted once: exception in on_bar", age_ms: 214_000, latency_ms: 0.5, pid: 4119, rss_mb: 25 },
  { id: "worker", state: "idle", detail: "starts with the first job", age_ms: null },
]));
on("GET", "/metrics", () => new Response(`# HELP tradedeck_events_total Journal entries committed.\n# TYPE tradedeck_events_total counter\ntradedeck_events_total ${world.seq}\n# HELP tradedeck_stream_subscribers Open event streams.\n# TYPE tradedeck_stream_subscribers gauge\ntradedeck_stream_subscribers 2\n# HELP tradedeck_request_seconds Seconds to answer.\n# TYPE tradedeck_request_seconds summary\ntradedeck_request_seconds{route="/status",quantile="0.5"} 0.0011\ntradedeck_request_seconds{route="/status",quantile="0.99"} 0.0042\n# HELP tradedeck_order_seconds Bar received to paper fill.\n# TYPE tradedeck_order_seconds summary\ntradedeck_order_seconds{quantile="0.5"} 0.0014\ntradedeck_order_seconds{quantile="0.99"} 0.0051\n# HELP tradedeck_loop_lag_seconds Lag of the runner's loop.\n# TYPE tradedeck_loop_lag_seconds gauge\ntradedeck_loop_lag_seconds 0.0008\n`));
on("GET", "/accounts/:id/equity", ({ query }) => {
  const points = Number(query.get("points") ?? 600);
  const step = Math.max(1, Math.floor(world.equity.length / points));
  return json({ account: "paper-demo", currency: "USD", points: world.equity.filter((_, index) => index % step === 0 || index === world.equity.length - 1) });
});
on("GET", "/accounts/:id/performance", () => json({ metrics: performance(world.equity, world.trades) }));
on("POST", "/traders", ({ body }) => {
  const spec = body as unknown as TraderSpec;
  if (world.document.traders.some((each) => each.account === spec.account && each.instrument === spec.instrument)) return problem(409, "INSTRUMENT_TAKEN", "Another trader has this instrument", `One trader per account and instrument: ${spec.instrument} on ${spec.account} belongs to ${world.document.traders.find((each) => each.instrument === spec.instrument)?.id}.`, { hint: "Stop and remove that trader, or choose another instrument." });
  const next = structuredClone(world.document);
  next.traders.push(spec);
  return applyDocument(next, [{ path: `traders/${next.traders.length - 1}`, old: null, new: spec.id, effect: "neutral" }], `Deploy ${spec.id}`);
});
on("PATCH", "/traders/:id", ({ params, body }) => patchTrader(params.id ?? "", body as Partial<TraderSpec>, `Change ${params.id}`));
on("DELETE", "/traders/:id", ({ params }) => {
  const next = structuredClone(world.document);
  next.traders = next.traders.filter((each) => each.id !== params.id);
  return applyDocument(next, [{ path: `traders/${params.id}`, old: params.id, new: null, effect: "neutral" }], `Remove ${params.id}`);
});
const states = { start: "running", resume: "running", restart: "running", pause: "paused", stop: "stopped" } as const;
on("POST", "/traders/:id/:verb", ({ params, body }) => {
  const trader = find(params.id);
  const next = states[params.verb as keyof typeof states];
  if (!trader || !next) return problem(404, "TRADER_UNKNOWN", "No such trader", `There is no trader ${params.id}.`);
  if (trader.spec.feed === "gold-frames" && next === "running") return problem(409, "FEED_STALE", "The feed is stale", "gold-frames has had no frame for more than 60 s; the breaker keeps gold-scalp paused.", { hint: "Start the job that writes data/xauusd.jsonl, then resume." });
  return accept(`trader.${params.verb}`, params.id ?? "", () => {
    const old = trader.state;
    trader.state = next;
    trader.spec = { ...trader.spec, state: next };
    trader.reason = next === "running" ? null : "by A. Operator";
    if (body.close && trader.book.quantity) close(trader);
    world.emit("trader.state", { trader: trader.spec.id, old, new: next, reason: "by A. Operator" });
  });
});
on("GET", "/traders/:id/performance", ({ params }) => {
  const trader = find(params.id);
  const trades = world.trades.filter((trade) => trade.trader === params.id);
  let total = 25_000;
  return json({ metrics: performance([{ equity: total }, ...trades.map((trade) => ({ equity: (total += Number(trade.pnl)) })), { equity: total + (trader ? world.unrealised(trader) : 0) }], trades) });
});
on("GET", "/traders/:id/bars", async ({ params, query }) => {
  const trader = find(params.id);
  if (params.id === "fail") return problem(500, "INTERNAL", "Something broke", "The read model failed.");
  if (!trader) return problem(404, "TRADER_UNKNOWN", "No such trader", `There is no trader ${params.id}.`);
  const points = Number(query.get("points") ?? 300);
  const from = Math.max(0, world.day - points);
  const bars = barsOf(trader.spec.instrument).slice(from, world.day);
  return json({ bars, marks: trader.marks.filter((mark) => mark.bar >= from).map((mark) => ({ time: barsOf(trader.spec.instrument)[mark.bar]?.time, kind: mark.kind, side: mark.side, price: String(mark.price), quantity: String(mark.quantity), order: mark.order })) });
});
on("GET", "/traders/:id/memory", ({ params }) => json(find(params.id)?.memory ?? {}));
on("POST", "/traders/preview", async ({ body }) => {
  await wait(120);
  const spec = body as unknown as TraderSpec;
  const errors = invalid({ ...world.document, traders: [spec] }).map((error) => ({ path: error.path.replace("traders/0/", "").replace("/", "."), reason: error.reason }));
  const known = world.document.traders.find((each) => each.id === spec.id);
  const changes = known ? diff(known, { ...known, ...spec }).map((change) => ({ ...change, path: `traders.${spec.id}.${change.path.replaceAll("/", ".")}` })) : [{ path: `traders.${spec.id}`, old: null, new: spec, effect: "neutral" as const }];
  const blank: TraderPreview = { trader: spec.id, valid: errors.length === 0, code: null, detail: "", hint: "", errors, params: spec.params, changes: errors.length ? [] : changes, effect: "neutral", needs_step_up: false, wait_s: 0, time: null, price: null, inputs: {}, signal: null, wishes: [], orders: [], checks: [] };
  if (errors.length) return json({ ...blank, code: "INVALID_CONFIG" });
  if (spec.instrument === "GE") return json({ ...blank, code: "CONFLICT", detail: "GE has no bar yet.", hint: "Start its feed, or let it run to the first bar." });
  return json({ ...blank, ...preview(spec, find(spec.id)) });
});
on("GET", "/strategies", () => items(catalogue));
on("GET", "/strategies/:id/presets/:preset/report", ({ params }) => json({ instrument: "AAPL", start: "2004-08-19", end: "2008-10-09", metrics: performance(world.equity.filter((_, index) => index % (params.preset === "aggressive" ? 2 : 3) === 0), world.trades) }));
on("POST", "/activate", ({ body }) => {
  const strategy = catalogue.find((each) => each.id === body.strategy);
  if (!strategy) return problem(404, "STRATEGY_UNKNOWN", "No such strategy", "");
  const values = (body.params ?? strategy.presets.find((each) => each.id === body.preset)?.params ?? strategy.presets[1]?.params ?? {}) as Record<string, unknown>;
  return patchTrader(str(body.trader), { strategy: strategy.id, params: values }, `Switch ${str(body.trader)} to ${strategy.id}`);
});
on("GET", "/config", () => json({ document: world.document, generation: world.generation, observed_generation: world.observed, pending: world.pending, superseded: [], conditions: [
  { subject: "runner", type: "ConfigApplied", status: world.observed === world.generation ? "True" : "False", reason: world.observed === world.generation ? "APPLIED" : "WAITING", detail: `generation ${world.observed} in force`, at: new Date(world.now()).toISOString() },
  { subject: "feed/gold-frames", type: "Fresh", status: "False", reason: "STALE", detail: "no frame for 214 s, limit 60 s" },
  { subject: "account/paper-demo", type: "Armed", status: "True", reason: "PAPER", detail: "armed by the host's environment" },
  { subject: "account/paper-demo", type: "Reconciled", status: "Unknown", reason: "NOT_CHECKED", detail: "reconciliation is not part of this build" },
] }));
on("POST", "/config/diff", ({ body }) => { const errors = invalid(body.document as DesiredDocument); return json({ valid: errors.length === 0, errors, changes: diff(world.document, body.document) }); });
on("PUT", "/config", ({ body, headers }) => {
  if (headers["If-Match"] && headers["If-Match"] !== `"${world.generation}"`) return problem(412, "GENERATION_CONFLICT", "Somebody was faster", `Generation ${world.generation} is newer than the one you edited.`, { hint: "Compare again with the newest version." });
  const document = body.document as DesiredDocument;
  const errors = invalid(document);
  if (errors.length) return problem(422, "VALIDATION", "The document was refused", `${errors.length} values are not possible; the running one is kept.`, { errors });
  return applyDocument(document, diff(world.document, document), str(body.reason));
});
on("GET", "/config/schema", () => json(infer(world.document)));
on("DELETE", "/config/pending/:id", ({ params }) => { world.pending = world.pending.filter((each) => each.id !== params.id); world.observed = world.generation; return json({ accepted: true, audit_id: world.record("desired:pending:cancel", params.id ?? "") }); });
on("GET", "/config/history", () => items(world.versions.map(({ document: _document, ...version }) => version)));
on("GET", "/config/versions/:generation", ({ params }) => json(world.versions.find((version) => version.generation === Number(params.generation))));
on("POST", "/config/rollback", ({ body }) => {
  const version = world.versions.find((each) => each.generation === Number(body.generation));
  return version ? applyDocument(structuredClone(version.document), diff(world.document, version.document), str(body.reason)) : problem(404, "VERSION_UNKNOWN", "No such version", "");
});
on("GET", "/orders", ({ query }) => {
  const status = query.get("status"), trader = query.get("trader");
  const list = world.orders.filter((order) => (!trader || order.trader === trader) && (!status || (status === "open" || status === "working" ? workingOrder[order.status] : status.split(",").includes(order.status))));
  return items(list.slice(-Number(query.get("limit") ?? 200)).reverse());
});
on("GET", "/orders/:id", ({ params }) => {
  const order = world.orders.find((each) => each.id === params.id);
  return order ? json({ order, steps: world.steps.get(order.id) ?? [], fills: world.fills.filter((fill) => fill.order === order.id) }) : problem(404, "ORDER_UNKNOWN", "No such order", `There is no order ${params.id}.`);
});
const cancel = (ids: string[]) => {
  for (const order of world.orders.filter((each) => ids.includes(each.id) && workingOrder[each.status])) {
    order.status = "CANCELLED";
    world.emit("order.cancelled", { order: order.id, reason: "BY_OPERATOR", venue_seq: 1 });
    world.stepOf(order, "order.cancelled", { reason: "BY_OPERATOR" });
  }
};
on("POST", "/orders/cancel", ({ body }) => accept("orders.cancel", str(body.trader) || str(body.account) || "all", () => cancel(world.orders.filter((order) => !body.trader || order.trader === body.trader).map((order) => order.id))));
on("POST", "/orders/:id/cancel", ({ params }) => accept("order.cancel", params.id ?? "", () => cancel([params.id ?? ""])));
on("GET", "/fills", ({ query }) => items(world.fills.filter((fill) => !query.get("trader") || fill.trader === query.get("trader")).slice(-Number(query.get("limit") ?? 200)).reverse()));
on("GET", "/trades", ({ query }) => items(world.trades.filter((trade) => !query.get("trader") || trade.trader === query.get("trader")).slice(-Number(query.get("limit") ?? 200)).reverse()));
on("GET", "/ledger", ({ query }) => items(world.ledger.slice(-Number(query.get("limit") ?? 200)).reverse()));
on("GET", "/positions", () => items(world.traders.filter((trader) => trader.book.quantity).map((trader) => ({ account: trader.spec.account, instrument: trader.spec.instrument, trader: trader.spec.id, quantity: trader.book.quantity.toFixed(0), average_price: trader.book.average.toFixed(2), realised: trader.book.realised.toFixed(2), opened: trader.book.opened, price: world.price(trader).toFixed(2), unrealised: world.unrealised(trader).toFixed(2), value: Math.abs(trader.book.quantity * world.price(trader)).toFixed(2) }))));
function close(trader: MockTrader) {
  const quantity = trader.book.quantity;
  if (!quantity) return;
  const order = world.makeOrder(trader, quantity > 0 ? "SELL" : "BUY", Math.abs(quantity), world.price(trader), world.barTime, "close");
  world.fill(trader, order, world.price(trader), world.day - 1);
}
on("POST", "/positions/close", ({ body }) => accept("position.close", str(body.instrument), () => { const trader = world.traders.find((each) => each.spec.instrument === body.instrument); if (trader) close(trader); }));
const setHalt = (scope: string, level: "pause" | "reduce_only" | "halted", reason: string) => {
  world.halts = [...world.halts.filter((halt) => halt.scope !== scope), { id: `halt-${scope}`, scope, level, reason, by: "A. Operator", at: new Date(world.now()).toISOString(), kill: null, holders: ["guard", "runner"] }];
  world.emit("halt.set", { scope, level, reason, by: "A. Operator" });
};
on("POST", "/flatten", ({ body }) => {
  const scope = str(body.scope);
  return accept("flatten", scope, () => {
    setHalt(scope, "pause", "flatten");
    const inScope = world.traders.filter((trader) => scope === "all" || scope === `trader/${trader.spec.id}` || scope === `account/${trader.spec.account}`);
    cancel(world.orders.filter((order) => inScope.some((trader) => trader.spec.id === order.trader)).map((order) => order.id));
    inScope.forEach(close);
  });
});
on("POST", "/halts", ({ body }) => accept("halt.set", str(body.scope), () => setHalt(str(body.scope), body.level as "pause", str(body.reason))));
installRisk(world, { on, items });
installStop(world, { on, json, problem, setHalt, cancel, close });
on("GET", "/decisions", ({ query }) => items((find(query.get("trader") ?? "")?.decisions ?? []).slice(-Number(query.get("limit") ?? 400)).reverse()));
on("GET", "/alerts", () => items(world.alerts));
on("POST", "/alerts/:id/acknowledge", ({ params }) => {
  const alert = world.alerts.find((each) => each.id === params.id);
  if (alert) Object.assign(alert, { acknowledged_at: new Date(world.now()).toISOString(), acknowledged_by: "A. Operator" });
  const audit_id = world.record("incidents:alert:acknowledge", params.id ?? "");
  world.emit("condition", { subject: "alert", type: "Acknowledged", status: "True", reason: "BY_OPERATOR", detail: params.id });
  return json({ audit_id, accepted: true });
});
on("POST", "/feeds/:id/replay", ({ params, body }) => accept("replay.set", params.id ?? "", () => {
  if (typeof body.speed === "number") world.speed = body.speed;
  if (typeof body.paused === "boolean") world.paused = body.paused;
  for (let n = 0; n < Number(body.step ?? 0); n += 1) world.step();
  if (typeof body.seek === "string") { const to = days.findIndex((day) => day >= Date.parse(body.seek as string)); while (to > world.day) world.step(); }
  world.emit("feed.state", { feed: params.id, state: world.paused ? "paused" : "running", reason: "by A. Operator", cursor: world.barTime });
}));
on("GET", "/backtests", () => items(world.backtests));
on("POST", "/backtests", ({ body }) => {
  const id = `bt-${world.backtests.length + 1}`;
  world.backtests.unshift({ id, created_at: new Date(world.now()).toISOString(), state: "running", progress: 0, request: body as unknown as BacktestRequest, by: "A. Operator", kind: "backtest", attempts: 1, bars: 0, cancel_requested: false, code: "", detail: "", seconds: null, started_at: null, ended_at: null });
  return json({ id, audit_id: world.record("jobs:job:create", id), accepted: true }, 202);
});
on("GET", "/backtests/data", () => items([{ data: "bundled:us-daily", instruments: ["AAPL", "IBM", "MSFT", "GOOG", "GE"], first: "2000-03-01", last: "2013-03-01" }, { data: "xauusd.csv.gz", instruments: [], first: null, last: null }]));
on("POST", "/backtests/:id/cancel", ({ params }) => { world.backtests = world.backtests.map((job) => (job.id === params.id ? { ...job, state: "cancelled" } : job)); return json({ id: params.id, audit_id: world.record("jobs:job:cancel", params.id ?? ""), accepted: true }); });
on("GET", "/backtests/:id/result", ({ params }) => {
  const job = world.backtests.find((each) => each.id === params.id);
  if (job?.state !== "succeeded") return problem(409, "NOT_DONE", "No result yet", "The backtest has not finished.");
  const points = world.equity.slice(0, world.equity.length - 40).map((point) => ({ ...point }));
  const result: BacktestResult = { bars: points.length, orders: 64, fills: 64, seconds: 0.41, bars_per_second: 402_118, final_balance: (points.at(-1)?.equity ?? 0).toFixed(2), pnl: ((points.at(-1)?.equity ?? 0) - 100_000).toFixed(2), metrics: performance(points, world.trades), equity: points, trades: [], trades_total: 49, data: "bundled:us-daily", instrument: job.request.instrument ?? "AAPL", strategy: job.request.strategy, params: {}, denied: 0, denials: {}, fees: "120.00", final_equity: "0", first: points[0]?.time ?? "", last: points.at(-1)?.time ?? "", halts: [], opening_balance: "100000", disclaimer: "Simulated on past prices with the configured spread, slippage and fees. Past results say little about future ones." };
  return json(result);
});
const levels = ["debug", "info", "warning", "error"];
const logFilter = (query: URLSearchParams) => (line: LogLine) =>
  (!query.get("process") || line.process === query.get("process")) && levels.indexOf(line.level) >= levels.indexOf(query.get("level") ?? "debug") && (!query.get("q") || JSON.stringify(line).toLowerCase().includes((query.get("q") ?? "").toLowerCase()));
on("GET", "/logs", ({ query }) => query.get("q") === "boom" ? problem(500, "INTERNAL", "Something broke", "The log reader failed.") : items(world.logs.filter(logFilter(query)).slice(-Number(query.get("limit") ?? 500))));
on("GET", "/audit", ({ query }) => {
  const wanted = (name: string) => query.get(name) ?? "";
  return items(world.audit.filter((record) => (!wanted("act") || record.act === wanted("act")) && (!wanted("outcome") || record.outcome === wanted("outcome")) && JSON.stringify(record).toLowerCase().includes(wanted("q").toLowerCase())).slice(0, Number(query.get("limit") ?? 100)));
});
on("GET", "/audit/verify", () => json({ ok: true, records: world.audit.length, head: "ab12", broken_at: null, detail: "", tree: world.audit.length, root: "ab12" } satisfies Schemas["AuditVerdict"]));
on("GET", "/events/history", ({ query }) => items(world.events.filter((event) => (query.get("kind") ? query.get("kind")?.split(",").includes(event.kind) : isNoteworthy(event.kind))).slice(-Number(query.get("limit") ?? 60)).reverse()));
on("GET", "/accounts/:id/execution", ({ params }) => {
  const buckets = new Map<string, Execution["buckets"][number]>();
  for (const order of world.orders) {
    const time = `${order.created.slice(0, 7)}-01T00:00:00Z`;
    const bucket = buckets.get(time) ?? { time, filled: 0, refused: 0, other: 0 };
    bucket[order.status === "FILLED" ? "filled" : order.status === "DENIED" ? "refused" : "other"] += 1;
    buckets.set(time, bucket);
  }
  const count = (name: "filled" | "refused") => [...buckets.values()].reduce((sum, bucket) => sum + bucket[name], 0);
  return json({ account: params.id ?? "", width_s: 2_629_800, buckets: [...buckets.values()].sort((a, b) => a.time.localeCompare(b.time)), orders: world.orders.length, filled: count("filled"), refused: count("refused"), working: world.orders.filter((order) => workingOrder[order.status]).length, last_minute: 4, latency_ms_p50: 2.1, latency_ms_p95: 6.4, slippage_bp: 1.8 } satisfies Execution);
});
on("GET", "/accounts/:id/regime", ({ params }) => {
  const at = (share: number) => world.equity[Math.floor((world.equity.length - 1) * share)]?.time ?? world.barTime;
  return json({ account: params.id ?? "", instruments: ["AAPL", "GOOG", "IBM", "MSFT"], formula: "Index of the instruments against its mean, volatility against its median.", spans: [{ start: at(0), end: at(0.5), regime: "rising" }, { start: at(0.5), end: at(0.8), regime: "falling" }, { start: at(0.8), end: at(1), regime: "turbulent" }] } satisfies RegimeSeries);
});

function stream(start: (write: (text: string) => void) => () => void, signal?: AbortSignal | null): Response {
  const encoder = new TextEncoder();
  let stop: () => void = () => undefined;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      let open = true;
      const write = (text: string) => open && controller.enqueue(encoder.encode(text));
      const undo = start(write);
      const beat = setInterval(() => write(": beat\n\n"), 5_000);
      stop = () => {
        if (!open) return;
        open = false;
        clearInterval(beat);
        undo();
        streams.delete(stop);
        try { controller.close(); } catch { /* Already closed by the reader. */ }
      };
      streams.add(stop);
      signal?.addEventListener("abort", stop);
    },
    cancel: () => stop(),
  });
  return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
}
const streams = new Set<() => void>();
on("GET", "/events", ({ headers, signal }) => stream((write) => {
  const send = (event: { seq: number; kind: string }) => write(`id: ${event.seq}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`);
  const after = Number(headers["Last-Event-ID"] ?? 0);
  const first = world.events[0]?.seq ?? 0;
  if (after && after < first - 1) write(`event: gap\ndata: ${JSON.stringify({ from: after + 1, to: first - 1 })}\n\n`);
  world.events.filter((event) => event.seq > after).forEach(send);
  return world.subscribe(send);
}, signal));
on("GET", "/logs/stream", ({ query, signal }) => stream((write) => {
  const keep = logFilter(query);
  return world.subscribeLogs((line) => { if (keep(line)) write(`event: log\ndata: ${JSON.stringify({ seq: world.logs.length, ...line })}\n\n`); });
}, signal));

/** Stands in for fetch. `window.deckMock.drop()` breaks the streams, `.offline(true)` the whole API. */
export async function mockFetch(input: string, init: RequestInit = {}): Promise<Response> {
  const url = new URL(input, location.origin);
  if (offline) throw new TypeError("Failed to fetch");
  if (!frozen) await wait(8);
  const path = decodeURIComponent(url.pathname.replace(/^\/api\/v1/u, ""));
  const method = init.method ?? "GET";
  if (!signedIn && !path.startsWith("/sessions")) return problem(401, "UNAUTHENTICATED", "Sign in first", "No valid session.");
  for (const route of routes) {
    const found = route.method === method ? route.pattern.exec(path) : null;
    if (!found) continue;
    const body = typeof init.body === "string" ? (JSON.parse(init.body) as Record<string, unknown>) : {};
    if (body.reason === "fail") return problem(500, "INTERNAL", "Something broke", "The act was not carried out.");
    return route.handler({ method, query: url.searchParams, body, params: Object.fromEntries(route.names.map((name, index) => [name, found[index + 1] ?? ""])), signal: init.signal, headers: (init.headers ?? {}) as Record<string, string> });
  }
  return problem(404, "NOT_FOUND", "Not found", `${method} ${path}`);
}
export function startMock() {
  world.run();
  Object.assign(window, { deckMock: { world, drop: () => [...streams].forEach((stop) => stop()), offline: (value: boolean) => { offline = value; if (value) [...streams].forEach((stop) => stop()); } } });
}
