import { lazy, Suspense, useCallback, useMemo, useState } from "react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import { acknowledge } from "~/api/acts";
import { useConnection, useEvents } from "~/api/live";
import { queries } from "~/api/queries";
import type { AccountStatus, Alert, AuditRecord, EquityPoint, LiveEvent, Regime, RegimeSeries, Status } from "~/api/types";
import { useHolds, useMay, useStatus } from "~/components/hooks";
import { closestFirst, limitName, usedRatio, usedText } from "~/components/headroom";
import { Panel, QueryPanel } from "~/components/Panel";
import { actWords } from "~/components/timeline";
import { strategyText, TraderStateCell } from "~/components/TraderCells";
import { collapse, describe, type TimelineItem } from "~/components/timeline";
import { Timeline } from "~/components/Timeline";
import { VerdictTiles } from "~/components/VerdictTiles";
import * as verdicts from "~/components/verdicts";
import { useNow } from "~/lib/clock";
import { cx } from "~/lib/cx";
import { basisPoints, codeWords, delta, drawdown, duration, integer, millis, money, num, number, percent, plural, position, price, tone, toneClass } from "~/lib/format";
import { usePrefs } from "~/lib/prefs";
import { clock, moment, parse, tradingTime } from "~/lib/time";
import { Empty, Figure, Meter, Segmented, Skeleton, SkeletonRows, Sparkline } from "~/ui/Bits";
import { Button } from "~/ui/Button";
import { Mark } from "~/ui/Mark";
import type { ChartBand, ChartMark } from "~/charts/EquityChart";

const Throughput = lazy(() => import("~/charts/Throughput").then((module) => ({ default: module.Throughput })));
const EquityChart = lazy(() => import("~/charts/EquityChart").then((module) => ({ default: module.EquityChart })));

export function CommandCenter() {
  const statusQuery = useStatus();
  const status = statusQuery.data;
  const { account: wanted } = useSearch({ from: "/shell/" });
  const account = status?.accounts.find((each) => each.id === wanted) ?? status?.accounts[0];
  return (
    <div className="page">
      <h1 className="sr-only">Command Center</h1>
      {status ? <Verdicts status={status} account={account} /> : statusQuery.isError ? null : <Skeleton className="h-24" />}
      <div className="grid grid-cols-1 gap-6 xl:grid-cols-[minmax(0,1fr)_312px]">
        <div className="flex min-w-0 flex-col gap-6">
          {account ? <Equity status={status as Status} account={account} /> : <Panel title="Equity"><Empty title="No account yet">An account comes with the configuration; the demo has one of 100,000 USD on paper.</Empty></Panel>}
          {account && <ExecutionPanel account={account.id} />}
          <Traders query={statusQuery} />
          <div className="grid grid-cols-1 gap-6 md:grid-cols-2">
            <Positions />
            {status && account && <Allocation status={status} account={account} />}
          </div>
          {account && <HeadroomPanel account={account.id} currency={account.currency} />}
        </div>
        <div className="flex min-w-0 flex-col gap-6">
          <Alerts />
          <Recent />
        </div>
      </div>
    </div>
  );
}

function Verdicts({ status, account }: { status: Status; account: AccountStatus | undefined }) {
  const now = useNow();
  const connection = useConnection();
  const limits = useQuery({ ...queries.headroom(account?.id ?? ""), enabled: Boolean(account) }).data;
  const unknown = useQuery(queries.orders({ status: "UNKNOWN" })).data;
  const { zone } = usePrefs();
  const downMs = connection.state === "down" ? now - connection.since : null;
  const silent = verdicts.silent(status, downMs);
  const known = (verdict: verdicts.Verdict) => (silent ? verdicts.lastKnown(verdict, clock(status.runner.seen_at ?? status.at, zone)) : verdict);
  const list = [
    known(verdicts.safe(status, limits)), known(verdicts.book(status, unknown?.filter((order) => order.status === "UNKNOWN"))),
    verdicts.broken(status, downMs), verdicts.needs(status, now),
  ];
  return <VerdictTiles list={list} />;
}

const markWords: Record<string, { label: string; tone: ChartMark["tone"] }> = {
  "config.applied": { label: "config", tone: "accent" }, "strategy.swapped": { label: "strategy", tone: "accent" }, "halt.set": { label: "halt", tone: "bad" },
  "halt.cleared": { label: "lifted", tone: "accent" }, "limit.breached": { label: "limit", tone: "bad" }, "breaker.tripped": { label: "breaker", tone: "warn" }, alarm: { label: "alert", tone: "warn" },
};
const markedActs: Partial<Record<AuditRecord["act"], string>> = { "runner:book:flatten": "flatten", "runner:halt:set": "halt", "runner:halt:clear": "lifted", "desired:config:apply": "config", "desired:config:rollback": "rollback", "desired:strategy:activate": "strategy", "desired:trader:create": "deploy" };
/** Acts happen on the wall clock, equity on the trading clock: points carry both, so one maps to the other. */
export function marksOf(points: EquityPoint[], events: LiveEvent[], alerts: Alert[], audit: AuditRecord[]): ChartMark[] {
  const wall = points.map((point) => parse(point.at));
  const place = (at: string): number | null => {
    const value = parse(at);
    if (value == null || wall.length === 0) return null;
    let found: number | null = null;
    for (let index = 0; index < points.length; index += 1) {
      const point = wall[index];
      if (point == null) continue;
      if (point > value) break;
      found = index;
    }
    const time = found == null ? null : parse(points[found]?.time);
    return time == null ? null : time / 1000;
  };
  const marks: ChartMark[] = [];
  const add = (at: string, label: string, tone: ChartMark["tone"]) => {
    const where = place(at);
    if (where != null) marks.push({ at: where, label, tone });
  };
  for (const event of events) {
    const words = markWords[event.kind];
    if (words) add(event.at, words.label, words.tone);
  }
  for (const alert of alerts) add(alert.at, "alert", "warn");
  for (const record of audit) if (record.outcome === "done" && markedActs[record.act]) add(record.at, markedActs[record.act] ?? "", "accent");
  const seen = new Set<string>();
  return marks.sort((a, b) => a.at - b.at).filter((mark) => {
    const key = `${mark.at}${mark.label}`;
    return seen.has(key) ? false : (seen.add(key), true);
  });
}

function Equity({ status, account }: { status: Status; account: AccountStatus }) {
  const navigate = useNavigate();
  const query = useQuery(queries.equity(account.id));
  const metrics = useQuery(queries.accountPerformance(account.id)).data?.metrics;
  const events = useEvents();
  const alerts = useQuery(queries.alerts()).data;
  const audit = useQuery({ ...queries.audit(), enabled: useHolds("audit.read") }).data;
  const points = query.data?.points;
  const execution = useQuery(queries.execution(account.id)).data;
  const regime = useQuery(queries.regime(account.id)).data;
  const bands = useMemo(() => bandsOf(regime?.spans ?? []), [regime]);
  const [range, setRange] = useState<[number, number] | null>(null);
  const onRange = useCallback((from: number, to: number) => setRange((old) => (old?.[0] === from && old[1] === to ? old : [from, to])), []);
  const marks = useMemo(() => marksOf(points ?? [], events, alerts ?? [], audit ?? []), [points, events, alerts, audit]);
  const metric = (name: string) => metrics?.find((each) => each.name === name || each.name === name.replace("total_", ""));
  const first = num(points?.[0]?.equity) ?? num(account.starting_balance);
  const change = first ? (num(account.equity) ?? 0) / first - 1 : null;
  const exposure = num(account.equity) ? (num(account.exposure) ?? 0) / (num(account.equity) ?? 1) : null;
  const sharpe = metric("sharpe");
  return (
    <QueryPanel
      title="Equity" query={query} note={`${account.id} · ${account.currency}${points?.[0] ? ` · since ${tradingTime(points[0].time)}` : ""}`}
      end={<>
        {status.accounts.length > 1 && <Segmented label="Account" value={account.id} options={status.accounts.map((each) => ({ value: each.id, label: each.id }))} onChange={(id) => void navigate({ to: "/", search: { account: id } })} />}
        {account.as_of && <span>as of {tradingTime(account.as_of)}</span>}
      </>}
      skeleton={<Skeleton className="mt-3 h-80" />}
    >
      {(data) => (
        <>
          <div className="figs pt-2.5 pb-1">
            <Figure lead label="Equity" value={money(account.equity)} />
            <Figure label="Return" value={percent(change, 2, true)} tone={toneClass[tone((change ?? 0) * 100)]} title="equity now / first equity − 1" />
            <Figure label="Today" value={delta(account.day_pnl)} tone={toneClass[tone(account.day_pnl)]} />
            <Figure label="Drawdown now" value={drawdown(account.drawdown)} tone={num(account.drawdown) ? "text-down" : undefined} />
            <Figure label="Max drawdown" value={drawdown(account.max_drawdown)} />
            {sharpe && <Figure label="Sharpe" value={number(sharpe.value, { digits: 2 })} title={sharpe.formula} />}
            <Figure label="Exposure" value={percent(exposure, 0)} title="sum of position values / equity" />
          </div>
          {data.points.length > 1
            ? <Suspense fallback={<Skeleton className="h-[284px]" />}>
              <EquityChart points={data.points} marks={marks} bands={bands} currency={account.currency} label="Equity and drawdown" sync="deck" onRange={onRange} />
              {execution && execution.orders > 0 && <Throughput execution={execution} range={range} sync="deck" label="Orders" />}
              <RegimeLine regime={regime} />
            </Suspense>
            : <Empty title="No curve yet">Equity is drawn from the first bar on. If nothing moves, look at the feeds under Operations.</Empty>}
        </>
      )}
    </QueryPanel>
  );
}

/** Only what departs from a rising market is shaded. */
export const bandsOf = (spans: RegimeSeries["spans"]): ChartBand[] =>
  spans.filter((span) => span.regime === "falling" || span.regime === "turbulent")
    .map((span) => ({ from: (parse(span.start) ?? 0) / 1000, to: (parse(span.end) ?? 0) / 1000, hatched: span.regime === "turbulent" }));

const regimeWords = { rising: "Rising", falling: "Falling", turbulent: "Turbulent", unknown: "Too few bars to tell" } satisfies Record<Regime, string>;
function RegimeLine({ regime }: { regime: RegimeSeries | undefined }) {
  const now = regime?.spans.at(-1);
  if (!regime || !now) return null;
  return (
    <p className="flex flex-wrap items-center gap-x-4 gap-y-1 pt-1 text-11 text-muted" title={regime.formula}>
      <span>Market <b className="text-text">{regimeWords[now.regime]}</b>{now.regime !== "unknown" && ` since ${tradingTime(now.start)}`} · {regime.instruments.join(", ")}</span>
      <span className="state ml-auto max-md:ml-0"><i className="swatch swatch-plain" />falling</span>
      <span className="state"><i className="swatch swatch-hatched" />turbulent</span>
    </p>
  );
}

function ExecutionPanel({ account }: { account: string }) {
  const query = useQuery(queries.execution(account));
  return (
    <QueryPanel title="Execution" query={query} deadlineMs={30_000} note="newest orders of this run" end={<Link to="/orders">blotter</Link>} skeleton={<Skeleton className="mt-3 h-12" />}>
      {(found) => found.orders === 0 ? <Empty title="No order yet">How many orders go, how fast and how dear they are stands here with the first.</Empty> : (
        <div className="figs pt-2.5">
          <Figure label="Sent, last minute" value={integer(found.last_minute)} />
          <Figure label="Filled" value={integer(found.filled)} />
          <Figure label="Refused" value={integer(found.refused)} tone={found.refused ? "text-warn" : undefined} />
          <Figure label="Working" value={integer(found.working)} />
          <Figure label="Acknowledged, p50" value={millis(found.latency_ms_p50)} title="Sent to acknowledged by the venue, newest 500 orders" />
          <Figure label="p95" value={millis(found.latency_ms_p95)} />
          <Figure label="Slippage" value={basisPoints(found.slippage_bp)} title="(filled − decided) / decided, weighted by value; plus is a cost" />
        </div>
      )}
    </QueryPanel>
  );
}

function Traders({ query }: { query: ReturnType<typeof useStatus> }) {
  const strategies = useQuery(queries.strategies()).data;
  const navigate = useNavigate();
  const status = query.data;
  const current = status?.traders.filter((trader) => trader.generation_observed === trader.generation_desired).length ?? 0;
  return (
    <QueryPanel title="Traders" query={query} note={status && `${current} of ${status.traders.length} at desired generation ${status.desired_generation}`}>
      {(data) => data.traders.length === 0
        ? <Empty title="No trader yet" action={<Link to="/traders" search={{ deploy: true }} className="btn btn-primary">Deploy a trader</Link>}>Choose a strategy or a preset, an account and an instrument; see what it would do before it does.</Empty>
        : (
          <div className="table-wrap">
            <table className="tbl">
              <thead><tr><th className="l">Trader</th><th className="l">State</th><th className="l hide-phone">Strategy</th><th className="hide-phone">30 bars</th><th>Position</th><th>Today</th><th>Total</th><th className="hide-phone">Drawdown</th><th className="hide-phone">Data age</th></tr></thead>
              <tbody>
                {data.traders.map((trader) => {
                  const total = (num(trader.realised) ?? 0) + (num(trader.unrealised) ?? 0);
                  const late = (trader.data_age_ms ?? 0) > 10_000;
                  return (
                    <tr key={trader.id} data-link="true" onClick={() => void navigate({ to: "/traders/$id", params: { id: trader.id } })}>
                      <td className="l"><Link to="/traders/$id" params={{ id: trader.id }} onClick={(event) => event.stopPropagation()}>{trader.id}</Link></td>
                      <td className="l"><TraderStateCell trader={trader} /></td>
                      <td className="l hide-phone text-muted">{strategyText(trader.strategy, trader.params, strategies)}</td>
                      <td className="hide-phone"><Sparkline values={trader.sparkline} label={`Last 30 bars of ${trader.id}`} /></td>
                      <td>{position(trader.position, trader.instrument)}</td>
                      <td className={toneClass[tone(trader.day_pnl)]}>{delta(trader.day_pnl)}</td>
                      <td className={toneClass[tone(total)]}>{delta(total)}</td>
                      <td className="hide-phone text-muted">{drawdown(trader.drawdown, 1)}</td>
                      <td className={cx("hide-phone", late ? "text-warn" : "text-muted")}>{duration(trader.data_age_ms)}</td>
                    </tr>
                  );
                })}
              </tbody>
            </table>
          </div>
        )}
    </QueryPanel>
  );
}

function Positions() {
  const query = useQuery(queries.positions());
  const open = query.data?.filter((each) => num(each.quantity) !== 0);
  return (
    <QueryPanel title="Positions" query={query} note={open && plural(open.length, "open", "open")} end={<Link to="/orders" search={{ tab: "positions" }}>all</Link>}>
      {() => (open ?? []).length === 0 ? <Empty title="Flat">A position appears here with its first fill.</Empty> : (
        <div className="table-wrap">
          <table className="tbl">
            <thead><tr><th className="l">Instrument</th><th>Size</th><th>Entry</th><th>Price</th><th>Unrealised</th></tr></thead>
            <tbody>
              {(open ?? []).map((each) => (
                <tr key={each.account + each.instrument}>
                  <td className="l">{each.instrument}</td><td>{number(each.quantity, { maxDigits: 6, sign: true })}</td><td className="text-muted">{price(each.average_price)}</td><td>{price(each.price)}</td>
                  <td className={toneClass[tone(each.unrealised)]}>{delta(each.unrealised)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </QueryPanel>
  );
}

const slices = ["var(--chart-1)", "var(--chart-2)", "var(--chart-3)", "var(--chart-4)"];
/** One bar of the whole equity: what is in each instrument, and what is cash. */
function Allocation({ status, account }: { status: Status; account: AccountStatus }) {
  const equity = num(account.equity) ?? 0;
  const parts = status.traders
    .filter((trader) => trader.account === account.id && (num(trader.position) ?? 0) !== 0)
    .map((trader) => ({ name: trader.instrument, value: Math.abs((num(trader.position) ?? 0) * (num(trader.price) ?? num(trader.average_price) ?? 0)), short: (num(trader.position) ?? 0) < 0 }))
    .sort((a, b) => b.value - a.value);
  const used = parts.reduce((sum, part) => sum + part.value, 0);
  const whole = Math.max(equity, used) || 1;
  return (
    <Panel title="Allocation" note={`of ${money(account.equity)} ${account.currency}`}>
      <div className="mt-3 flex h-2 gap-px overflow-hidden rounded-sm bg-line" role="img" aria-label={parts.map((part) => `${part.name} ${percent(part.value / whole, 0)}`).join(", ") || "all cash"}>
        {parts.map((part, index) => <span key={part.name} style={{ width: `${(part.value / whole) * 100}%`, background: slices[index % slices.length] }} />)}
      </div>
      <table className="tbl mt-1">
        <thead className="sr-only"><tr><th>Instrument</th><th>Value</th><th>Share</th></tr></thead>
        <tbody>
          {parts.map((part, index) => (
            <tr key={part.name}>
              <td className="l"><span className="state"><i className="size-2 rounded-[2px]" style={{ background: slices[index % slices.length] }} />{part.name}{part.short && <span className="text-11 text-muted">short</span>}</span></td>
              <td>{money(part.value)}</td><td className="w-16 text-muted">{percent(part.value / whole, 1)}</td>
            </tr>
          ))}
          <tr><td className="l"><span className="state"><i className="size-2 rounded-[2px] bg-line-strong" />Not invested</span></td><td>{money(Math.max(0, equity - used))}</td><td className="w-16 text-muted">{percent(Math.max(0, equity - used) / whole, 1)}</td></tr>
        </tbody>
      </table>
    </Panel>
  );
}

const CLOSEST = 3;
/** The few that are closest; all of them, and what they do, stand on the Risk page. */
function HeadroomPanel({ account, currency }: { account: string; currency: string }) {
  const query = useQuery(queries.headroom(account));
  return (
    <QueryPanel title="Headroom" query={query} note="the closest limits" end={<Link to="/risk">all limits</Link>}>
      {(limits) => {
        const bounded = closestFirst(limits).slice(0, CLOSEST);
        if (bounded.length === 0) return <Empty title="No limit is set" action={<Link to="/config" className="btn">Open configuration</Link>}>Limits bound orders, positions, exposure and losses. The gate holds every order against them.</Empty>;
        return (
          <div className="grid grid-cols-1 gap-x-8 gap-y-3 pt-3 md:grid-cols-3">
            {bounded.map((limit) => (
              <div key={limit.scope + limit.limit}>
                <div className="flex justify-between gap-3 pb-1 text-12"><span className="truncate">{limitName(limit)}</span><span className="whitespace-nowrap text-muted">{usedText(limit, currency)}</span></div>
                <Meter ratio={usedRatio(limit)} label={`${limitName(limit)}: ${usedText(limit)}`} />
              </div>
            ))}
          </div>
        );
      }}
    </QueryPanel>
  );
}

function Alerts() {
  const query = useQuery(queries.alerts());
  const blocked = useMay("operator");
  const now = useNow();
  const { zone } = usePrefs();
  const open = query.data?.filter((alert) => !alert.acknowledged_at) ?? [];
  if (query.data && open.length === 0) return null;
  return (
    <QueryPanel title="Alerts" id="alerts" query={query} note={`${open.length} unacknowledged`} skeleton={<SkeletonRows rows={1} />}>
      {() => (
        <ul className="text-12">
          {open.map((alert) => (
            <li key={alert.id} className="flex flex-col gap-1 border-b border-line py-2">
              <div className="flex items-center gap-2"><Mark shape="triangle" tone={alert.severity === "critical" ? "bad" : "warn"} /><b>{codeWords(alert.code)}</b><span className="ml-auto text-11 text-muted">{moment(alert.at, zone, now)}</span></div>
              <p className="text-muted">{alert.detail}</p>
              <div><Button small blocked={blocked} onClick={() => void acknowledge(alert.id)}>Acknowledge</Button></div>
            </li>
          ))}
        </ul>
      )}
    </QueryPanel>
  );
}

const auditItem = (record: AuditRecord): TimelineItem => ({ key: `a${record.seq}`, at: record.at, shape: record.outcome === "done" ? "square" : "diamond", tone: record.outcome === "done" ? "accent" : "warn", title: actWords(record.act) + (record.target ? `: ${record.target}` : ""), detail: [record.actor, record.outcome === "done" ? null : record.outcome, record.detail].filter(Boolean).join(" · ") });

/** What the stream brought, filled up with what happened before this page was opened. */
function Recent() {
  const events = useEvents();
  const history = useQuery(queries.history()).data;
  const audit = useQuery({ ...queries.audit(), enabled: useHolds("audit.read") }).data;
  const items = useMemo(() => {
    const newest = events[0]?.seq ?? 0, oldest = events.at(-1)?.seq ?? Infinity;
    const before = (history ?? []).filter((event) => event.seq < oldest || event.seq > newest);
    const told = [...events, ...before].filter((event) => event.kind !== "condition" && event.kind !== "command.done").map(describe);
    const acts = (audit ?? []).filter((record) => record.outcome !== "started" && !record.act.startsWith("identity:")).slice(0, 20).map(auditItem);
    return collapse([...told, ...acts].sort((a, b) => (parse(b.at) ?? 0) - (parse(a.at) ?? 0))).slice(0, 24);
  }, [events, history, audit]);
  return <Panel title="Timeline" note="orders · acts · alerts" end={<Link to="/audit">audit</Link>}><Timeline items={items} /></Panel>;
}
