/* Every read of the API as a query: key, path, and how long it may be trusted. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { get, send } from "./http";
import type {
  Alert, AuditRecord, Backtest, BacktestResult, Breaker, ComponentHealth, ConfigState, ConfigVersion, ConfigVersionFull, DataSource, Decision, EquitySeries, Execution, Fill,
  Headroom, JsonSchema, LedgerPosting, LiveEvent, LogLine, Order, OrderDetail, Page, Performance, Position, PresetReport, RegimeSeries, Session, Status,
  Strategy, Trade, TraderBars, TraderPreview,
} from "./types";

const list = <T>(answer: Page<T> | T[]): T[] => (Array.isArray(answer) ? answer : answer.items);
const getList = async <T>(path: string, query?: Parameters<typeof get>[1], signal?: AbortSignal) => list(await get<Page<T> | T[]>(path, query, signal));

/** A trader that is observed but no longer desired has no strategy or account: empty, never null. */
function normalise(status: Status): Status {
  return {
    ...status,
    accounts: status.accounts.map((each) => ({ ...each, currency: each.currency ?? "", broker: each.broker ?? "" })),
    traders: status.traders.map((each) => ({ ...each, account: each.account ?? "", instrument: each.instrument ?? "", strategy: each.strategy ?? each.strategy_observed ?? "" })),
    feeds: status.feeds.map((each) => ({ ...each, kind: each.kind ?? "", data_mode: each.data_mode ?? "none" })),
  };
}

interface RawReport extends Partial<PresetReport> { disclaimer?: string; instruments?: { instrument: string; first: string; last: string; figures: Record<string, number | null> }[] }
const ratios = new Set(["total_return", "annual_return", "volatility", "max_drawdown", "win_rate", "exposure"]);
const figureNames: Record<string, string> = { total_return: "Return", sharpe: "Sharpe", max_drawdown: "Max drawdown", trades: "Trades" };
/** The report of a preset names its figures per instrument; the wizard shows those of the first. */
function reportOf(raw: RawReport): PresetReport {
  const first = raw.instruments?.[0];
  if (!first) return { metrics: raw.metrics ?? [], instrument: raw.instrument, start: raw.start, end: raw.end };
  return {
    instrument: first.instrument, start: first.first, end: first.last,
    metrics: Object.entries(first.figures).map(([name, value]) => ({ name, label: figureNames[name] ?? name.replaceAll("_", " "), value: name === "max_drawdown" && value != null ? -Math.abs(value) : value, unit: ratios.has(name) ? "ratio" : "number", formula: "" })),
  };
}

export interface AuditFilter { q?: string; act?: string; outcome?: string }
type PageOf<T> = Omit<Page<T>, "next_cursor"> & { next_cursor?: string | number | null };
/** A book that is read on from its newest page; what was read stays and is refreshed with it. */
const book = <T>(name: string, path: string, filter: Record<string, string | undefined>, limit = 200) =>
  infiniteQueryOptions({
    queryKey: [name, "book", filter],
    queryFn: ({ pageParam, signal }) => get<PageOf<T>>(path, { ...filter, limit, cursor: pageParam }, signal),
    initialPageParam: null as string | number | null,
    getNextPageParam: (last) => last.next_cursor ?? null,
    select: (data) => data.pages.flatMap((page) => page.items),
    placeholderData: keepPreviousData,
    staleTime: 500,
  });

export interface OrderFilter { trader?: string; status?: string; limit?: number }

export const queries = {
  session: () => queryOptions({ queryKey: ["session"], queryFn: ({ signal }) => get<Session>("/session", {}, signal), staleTime: 60_000, retry: false }),
  /* Events invalidate the status; the interval covers telemetry, which is lossy and not in the stream. */
  status: () => queryOptions({ queryKey: ["status"], queryFn: async ({ signal }) => normalise(await get<Status>("/status", {}, signal)), refetchInterval: 2_000, refetchIntervalInBackground: false }),
  equity: (account: string, points = 600) =>
    queryOptions({ queryKey: ["equity", account, points], queryFn: ({ signal }) => get<EquitySeries>(`/accounts/${account}/equity`, { points }, signal), staleTime: 1_000 }),
  accountPerformance: (account: string) =>
    queryOptions({ queryKey: ["performance", "account", account], queryFn: ({ signal }) => get<Performance>(`/accounts/${account}/performance`, {}, signal), staleTime: 2_000 }),
  headroom: (account: string) =>
    queryOptions({ queryKey: ["limits", account], queryFn: ({ signal }) => getList<Headroom>(`/accounts/${account}/limits`, {}, signal), staleTime: 1_000 }),
  traderPerformance: (trader: string) =>
    queryOptions({ queryKey: ["performance", "trader", trader], queryFn: ({ signal }) => get<Performance>(`/traders/${trader}/performance`, {}, signal), staleTime: 2_000 }),
  bars: (trader: string, points: number) =>
    queryOptions({ queryKey: ["bars", trader, points], queryFn: ({ signal }) => get<TraderBars>(`/traders/${trader}/bars`, { points }, signal), staleTime: 500 }),
  memory: (trader: string) =>
    queryOptions({ queryKey: ["memory", trader], queryFn: async ({ signal }) => {
      const answer = await get<{ memory?: Record<string, unknown> }>(`/traders/${trader}/memory`, {}, signal);
      return answer.memory ?? (answer as Record<string, unknown>);
    }, staleTime: 1_000 }),
  /** `draft` is the JSON of a trader. Each answer costs the runner a strategy host, so it is asked again only for another draft, or now and then. */
  draftPreview: (draft: string) =>
    queryOptions({ queryKey: ["preview", draft], queryFn: () => send<TraderPreview>("/traders/preview", { body: JSON.parse(draft) as unknown }), staleTime: 5_000, gcTime: 30_000, refetchInterval: 20_000, retry: false, placeholderData: keepPreviousData }),
  decisions: (trader: string, limit = 400) =>
    queryOptions({ queryKey: ["decisions", trader, limit], queryFn: ({ signal }) => getList<Decision>("/decisions", { trader, limit }, signal), staleTime: 500 }),
  strategies: () => queryOptions({ queryKey: ["strategies"], queryFn: ({ signal }) => getList<Strategy>("/strategies", {}, signal), staleTime: 60_000 }),
  presetReport: (strategy: string, preset: string) =>
    queryOptions({ queryKey: ["report", strategy, preset], queryFn: async ({ signal }) => reportOf(await get<RawReport>(`/strategies/${strategy}/presets/${preset}/report`, {}, signal)), staleTime: 600_000, retry: false }),
  config: () => queryOptions({ queryKey: ["config"], queryFn: ({ signal }) => get<ConfigState>("/config", {}, signal), staleTime: 1_000 }),
  configSchema: () => queryOptions({ queryKey: ["config-schema"], queryFn: ({ signal }) => get<JsonSchema>("/config/schema", {}, signal), staleTime: 600_000, retry: false }),
  configHistory: () => queryOptions({ queryKey: ["config", "history"], queryFn: ({ signal }) => getList<ConfigVersion>("/config/history", {}, signal), staleTime: 1_000 }),
  configVersion: (generation: number) =>
    queryOptions({ queryKey: ["config", "version", generation], queryFn: ({ signal }) => get<ConfigVersionFull>(`/config/versions/${generation}`, {}, signal), staleTime: 600_000 }),
  orders: (filter: OrderFilter) =>
    queryOptions({ queryKey: ["orders", filter], queryFn: ({ signal }) => getList<Order>("/orders", { limit: 200, ...filter }, signal), staleTime: 500 }),
  order: (id: string) => queryOptions({ queryKey: ["order", id], queryFn: ({ signal }) => get<OrderDetail>(`/orders/${id}`, {}, signal), staleTime: 500 }),
  orderBook: (filter: { trader?: string; status?: string }) => book<Order>("orders", "/orders", filter),
  fillBook: (filter: { trader?: string }) => book<Fill>("fills", "/fills", filter),
  tradeBook: (filter: { trader?: string }) => book<Trade>("trades", "/trades", filter),
  ledgerBook: () => book<LedgerPosting>("ledger", "/ledger", {}),
  auditBook: (filter: AuditFilter) => book<AuditRecord>("audit", "/audit", { ...filter }, 100),
  execution: (account: string) =>
    queryOptions({ queryKey: ["execution", account], queryFn: ({ signal }) => get<Execution>(`/accounts/${account}/execution`, {}, signal), staleTime: 2_000, refetchInterval: 10_000 }),
  regime: (account: string) =>
    queryOptions({ queryKey: ["regime", account], queryFn: ({ signal }) => get<RegimeSeries>(`/accounts/${account}/regime`, {}, signal), staleTime: 5_000, refetchInterval: 5_000 }),
  history: (limit = 60) =>
    queryOptions({ queryKey: ["history", limit], queryFn: ({ signal }) => getList<LiveEvent>("/events/history", { limit }, signal), staleTime: 60_000 }),
  breakers: () => queryOptions({ queryKey: ["breakers"], queryFn: ({ signal }) => getList<Breaker>("/breakers", {}, signal), staleTime: 1_000, refetchInterval: 3_000 }),
  /** Openings, breaches and halts, newest first. */
  breaches: (limit = 30) =>
    queryOptions({ queryKey: ["breaches", limit], queryFn: ({ signal }) => getList<LiveEvent>("/events/history", { limit, kind: "limit.breached,breaker.tripped,breaker.reset,halt.set,halt.cleared" }, signal), staleTime: 60_000 }),
  positions: () => queryOptions({ queryKey: ["positions"], queryFn: ({ signal }) => getList<Position>("/positions", {}, signal), staleTime: 500 }),
  alerts: () => queryOptions({ queryKey: ["alerts"], queryFn: ({ signal }) => getList<Alert>("/alerts", {}, signal), staleTime: 1_000 }),
  components: () => queryOptions({ queryKey: ["components"], queryFn: ({ signal }) => getList<ComponentHealth>("/health/components", {}, signal), refetchInterval: 3_000 }),
  metrics: () =>
    queryOptions({
      queryKey: ["metrics"],
      queryFn: async ({ signal }) => {
        const { transport, API } = await import("./http");
        return (await transport.fetch(`${API}/metrics`, { credentials: "same-origin", signal })).text();
      },
      refetchInterval: 5_000,
    }),
  logs: (filter: { process?: string; level?: string; q?: string; limit?: number }) =>
    queryOptions({ queryKey: ["logs", filter], queryFn: ({ signal }) => getList<LogLine>("/logs", filter, signal), staleTime: 2_000 }),
  backtests: () => queryOptions({ queryKey: ["backtests"], queryFn: ({ signal }) => getList<Backtest>("/backtests", {}, signal), refetchInterval: 1_500 }),
  backtestData: () => queryOptions({ queryKey: ["backtest-data"], queryFn: ({ signal }) => getList<DataSource>("/backtests/data", {}, signal), staleTime: 30_000, retry: false }),
  backtestResult: (id: string) =>
    queryOptions({ queryKey: ["backtest", id, "result"], queryFn: ({ signal }) => get<BacktestResult>(`/backtests/${id}/result`, {}, signal), staleTime: 600_000, retry: false }),
  audit: (limit = 100) => queryOptions({ queryKey: ["audit", limit], queryFn: ({ signal }) => getList<AuditRecord>("/audit", { limit }, signal), staleTime: 1_000 }),
};
