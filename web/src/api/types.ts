/* Shapes of the HTTP API. They come from the generated document (`npm run generate`); what stands
   here only narrows open strings to the closed sets of the state tables, and names the shapes of
   journal entries, which the document leaves open. Decimals are strings, ratios 0..1. */
import type { components } from "./openapi";

export type Schemas = components["schemas"];
type Narrow<T, N> = Omit<T, keyof N> & N;

export type Dec = string;
export type Role = Schemas["Role"];
export type Mode = "signals" | "paper" | "live" | "blocked" | "halted";
export type DataMode = "replay" | "live_file" | "broker" | "none" | (string & {});
export type TraderState = "starting" | "running" | "paused" | "stopped" | "faulted" | "blocked" | "unknown";
export type OrderStatus =
  | "INTENT" | "SENT" | "ACCEPTED" | "PARTIALLY_FILLED" | "FILLED"
  | "CANCELLED" | "REJECTED" | "EXPIRED" | "DENIED" | "UNKNOWN";
export type FeedState = "running" | "paused" | "stale" | "ended" | "failed" | "unknown";
export type HaltLevel = "pause" | "reduce_only" | "halted";
export type Side = "BUY" | "SELL";
export type Effect = Schemas["Effect"];
export type SessionVerdict = "open" | "closed" | "weekend" | "holiday";
export type ReconcileVerdict = "clean" | "drift" | "stale" | "unknown" | "not_checked";

export interface Problem {
  type?: string;
  title: string;
  status: number;
  code: string;
  detail?: string;
  hint?: string;
  errors?: { path: string; reason: string }[];
  /** With STEP_UP_REQUIRED: how this person may step up. */
  ways?: string[];
}

export type Session = Schemas["SessionView"];

export type RunnerStatus = Schemas["RunnerView"];
export type AccountStatus = Narrow<Schemas["AccountView"], { verdict: Mode; currency: string; broker: string }>;
export type TraderStatus = Narrow<Schemas["TraderView"], { state: TraderState; account: string; instrument: string; strategy: string; params: Record<string, unknown>; last_decision: Decision | null }>;
export type FeedStatus = Narrow<Schemas["FeedView"], { state: FeedState; kind: string; data_mode: DataMode }>;
export type Halt = Narrow<Schemas["HaltView"], { level: HaltLevel }>;
export type SessionInfo = Narrow<Schemas["SessionInfo"], { verdict: SessionVerdict }>;
export type Status = Narrow<Schemas["Status"], {
  mode: Mode; data_mode: DataMode; accounts: AccountStatus[]; traders: TraderStatus[]; feeds: FeedStatus[]; halts: Halt[]; session: SessionInfo[];
  reconcile: Narrow<Schemas["ReconcileView"], { verdict: ReconcileVerdict }>;
}>;

export type Order = Narrow<Schemas["OrderView"], {
  side: Side; type: "MARKET" | "LIMIT" | "STOP"; tif: "GTC" | "DAY" | "IOC" | "FOK"; status: OrderStatus;
  purpose: "entry" | "exit" | "close" | "protective"; numbers: Record<string, unknown> | null;
}>;
export type OrderStep = Narrow<Schemas["OrderStep"], { body: Record<string, unknown> }>;
export interface OrderDetail { order: Order; steps: OrderStep[]; fills: Fill[] }
export type Fill = Narrow<Schemas["FillView"], { side: Side }>;
export type Position = Schemas["PositionView"];
export type LedgerPosting = Schemas["PostingView"];
export type Trade = Schemas["TradeView"];
export interface LimitCheck { scope?: string; limit: string; used: Dec | number | null; after: Dec | number | null; bound: Dec | number | null; ok: boolean; error?: string }
export interface Decision {
  seq?: number; trader: string; account?: string; strategy?: string; instrument?: string; time: string; price: Dec;
  inputs: Record<string, number>; signal: { target: Dec | number; stop: Dec | null; reason: string } | null;
  position: Dec; verdict: "none" | "allowed" | "denied" | "mixed"; orders: string[];
  refusals: { reason: string; numbers: Record<string, unknown>; intent: { side: Side; quantity: Dec } }[];
  checks: LimitCheck[];
}
export interface Bar { time: string; open: number; high: number; low: number; close: number; volume?: number | null }
export interface BarMark {
  time: string; kind: "signal" | "order" | "fill" | "denied"; side: Side | null; price: Dec | null; quantity: Dec | null;
  order?: string | null; label?: string;
}
export interface TraderBars { bars: Bar[]; marks: BarMark[] }
export type EquityPoint = Schemas["EquityPoint"];
export type EquitySeries = Schemas["EquitySeries"];
export type Execution = Schemas["Execution"];
export type Regime = Schemas["Regime"];
export type RegimeSeries = Schemas["RegimeView"];
export type Metric = Schemas["Metric"];
export type Performance = Schemas["Performance"];
export type Headroom = Schemas["Headroom"];
export type Breaker = Schemas["BreakerView"];
export type Alert = Narrow<Schemas["AlertView"], { severity: "info" | "warning" | "critical" }>;
export interface JsonSchema {
  type?: string | string[]; title?: string; description?: string; default?: unknown; enum?: unknown[]; const?: unknown;
  properties?: Record<string, JsonSchema>; required?: string[]; items?: JsonSchema; anyOf?: JsonSchema[]; oneOf?: JsonSchema[];
  allOf?: JsonSchema[]; $ref?: string; $defs?: Record<string, JsonSchema>; minimum?: number; maximum?: number;
  exclusiveMinimum?: number; exclusiveMaximum?: number; multipleOf?: number; additionalProperties?: boolean | JsonSchema;
  ge?: number; gt?: number; le?: number; lt?: number;
  minLength?: number; maxLength?: number; pattern?: string; format?: string;
}
export type Preset = Narrow<Schemas["Preset"], { params: Record<string, unknown> }>;
export interface PresetReport { metrics: Metric[]; instrument?: string; start?: string; end?: string }
export type Strategy = Narrow<Schemas["StrategyView"], { schema: JsonSchema; presets: Preset[] }>;
/** What a draft would do and change; `checks` and `orders` are those of its first signal. */
export type TraderPreview = Narrow<Required<Schemas["TraderPreview"]>, {
  inputs: Record<string, number>; signal: { target: Dec | number; stop: Dec | null; reason: string } | null;
  orders: { side: Side; quantity: Dec; verdict: "allowed" | "denied" | "reduces"; reason: string | null }[]; checks: LimitCheck[];
}>;
export type TraderSpec = Narrow<Schemas["Trader"], { params: Record<string, unknown>; limits: Record<string, unknown> }>;
export type DesiredDocument = Narrow<Schemas["Document"], { feeds: Schemas["Feed"][]; accounts: Schemas["Account"][]; traders: TraderSpec[] }>;
export type Condition = Narrow<Schemas["Condition"], { status: "True" | "False" | "Unknown" }>;
export type Pending = Schemas["PendingView"];
export type ConfigState = Narrow<Schemas["ConfigState"], { conditions: Condition[]; document: DesiredDocument }>;
export type ConfigChange = Schemas["ConfigChange"];
export type ConfigDiff = Schemas["ConfigDiff"];
export type ConfigVersion = Schemas["ConfigVersion"];
export type ConfigVersionFull = Narrow<Schemas["ConfigVersionFull"], { document: DesiredDocument }>;
export interface ComponentHealth {
  id: string; state: "ok" | "degraded" | "down" | "idle" | "unknown"; detail: string; since?: string | null; age_ms?: number | null;
  latency_ms?: number | null; queue?: number | null; sockets?: number | null; pid?: number | null; rss_mb?: number | null;
}
export interface LogLine { at: string; process: string; level: "debug" | "info" | "warning" | "error"; event: string; fields: Record<string, unknown>; id?: string }
export type Backtest = Narrow<Schemas["BacktestView"], { request: BacktestRequest }>;
export type BacktestRequest = Pick<Schemas["BacktestRequest"], "strategy" | "data" | "instrument" | "start" | "end" | "starting_balance"> & { params: Record<string, unknown> };
export type DataSource = Schemas["DataSource"];
export type BacktestResult = Schemas["BacktestResultView"];
export type AuditRecord = Schemas["AuditRecord"];
/** What a mutating call answers: the act was accepted; its outcome arrives as an event. */
export type Receipt = Partial<Schemas["Receipt"]>;
export interface Page<T> { items: T[]; next_cursor?: string | null }

export interface LiveEvent<B = Record<string, unknown>> { seq: number; at: string; source: string; kind: string; body: B }
