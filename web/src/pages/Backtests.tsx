import { lazy, Suspense, useState } from "react";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { perform } from "~/api/acts";
import { send } from "~/api/http";
import { queries } from "~/api/queries";
import { backtestLook, look } from "~/api/states";
import type { Backtest, BacktestRequest, Metric, Problem, Receipt } from "~/api/types";
import { useMay, useStatus } from "~/components/hooks";
import { Panel, QueryPanel } from "~/components/Panel";
import { strategyText } from "~/components/TraderCells";
import { defaults, faults, type Values } from "~/forms/schema";
import { SchemaForm } from "~/forms/SchemaForm";
import { useNow } from "~/lib/clock";
import { delta, drawdown, integer, money, num, number, percent, tone, toneClass, words } from "~/lib/format";
import { usePrefs } from "~/lib/prefs";
import { moment } from "~/lib/time";
import { DataTable, type Column } from "~/table/DataTable";
import { Empty, Failure, Field, Figure, Meter, Skeleton, SkeletonRows } from "~/ui/Bits";
import { Button } from "~/ui/Button";
import { Dialog } from "~/ui/Dialog";
import { StateText } from "~/ui/Mark";
import { Tip } from "~/ui/Tip";

const EquityChart = lazy(() => import("~/charts/EquityChart").then((module) => ({ default: module.EquityChart })));
const runs = (job: Backtest) => job.state === "running" || job.state === "queued";

export function Backtests() {
  const { id, start } = useSearch({ from: "/shell/backtests" });
  const navigate = useNavigate({ from: "/backtests" });
  const query = useQuery(queries.backtests());
  const strategies = useQuery(queries.strategies()).data;
  const client = useQueryClient();
  const blocked = useMay("operator");
  const { zone } = usePrefs();
  const now = useNow();
  const chosen = query.data?.find((job) => job.id === id) ?? query.data?.find((job) => job.state === "succeeded");
  const cancel = async (job: Backtest) => {
    await perform({ label: `Cancel backtest ${job.id}`, run: () => send<Receipt>(`/backtests/${encodeURIComponent(job.id)}/cancel`), confirmedBy: "api" });
    await client.invalidateQueries({ queryKey: ["backtests"] });
  };
  const columns: Column<Backtest>[] = [
    { id: "created", header: "Started", left: true, sort: (row) => row.created_at, cell: (row) => moment(row.created_at, zone, now) },
    { id: "strategy", header: "Strategy", left: true, sort: (row) => row.request.strategy, cell: (row) => strategyText(row.request.strategy, row.request.params, strategies) },
    { id: "data", header: "Data", left: true, hidePhone: true, cell: (row) => <span className="text-muted">{row.request.instrument} · {row.request.data}</span> },
    { id: "state", header: "State", left: true, sort: (row) => row.state, cell: (row) => <StateText look={look(backtestLook, row.state)} title={row.detail ?? undefined} /> },
    { id: "progress", header: "Progress", cell: (row) => runs(row) ? <span className="flex items-center justify-end gap-2"><span className="w-24"><Meter ratio={row.progress * 0.79} label="Progress" /></span>{percent(row.progress, 0)}</span> : row.seconds != null ? <span className="text-muted">{number(row.seconds, { digits: 2 })} s</span> : "–" },
    { id: "act", header: <span className="sr-only">Act</span>, cell: (row) => runs(row) ? <Button small blocked={blocked} onClick={() => void cancel(row)}>Cancel</Button> : null },
  ];
  return (
    <div className="page">
      <div className="flex items-center gap-2"><h1 className="mr-auto text-15 font-semibold">Backtests</h1><Button look="primary" blocked={blocked} onClick={() => void navigate({ search: (old) => ({ ...old, start: true }) })}>Start a backtest</Button></div>
      <QueryPanel title="Runs" query={query} note="the same strategy, gate and ledger as live">
        {(rows) => <DataTable label="Backtests" rows={rows} columns={columns} rowId={(row) => row.id} activeId={chosen?.id} onOpen={(row) => void navigate({ search: { id: row.id } })} empty={<Empty title="No backtest yet" action={<Button look="primary" blocked={blocked} onClick={() => void navigate({ search: { start: true } })}>Start the first</Button>}>Choose a strategy and the bundled prices; it takes about a second.</Empty>} />}
      </QueryPanel>
      {chosen && <Result job={chosen} />}
      {start && <Start onClose={() => void navigate({ search: (old) => ({ ...old, start: undefined }) })} onStarted={(job) => { void client.invalidateQueries({ queryKey: ["backtests"] }); void navigate({ search: { id: job } }); }} />}
    </div>
  );
}

export function metricText(metric: Metric): string {
  if (metric.value == null) return "–";
  if (metric.name === "max_drawdown") return drawdown(metric.value);
  if (metric.unit === "currency") return delta(metric.value);
  return metric.unit === "ratio" ? percent(metric.value) : number(metric.value, metric.unit === "count" ? { digits: 0 } : { digits: 2 });
}
function Result({ job }: { job: Backtest }) {
  const done = job.state === "succeeded";
  const strategies = useQuery(queries.strategies()).data;
  const query = useQuery({ ...queries.backtestResult(job.id), enabled: done });
  if (!done) {
    return (
      <Panel title={`Result of ${job.id}`}>
        {runs(job) ? <Empty title="Running">The result appears here when it has finished: {percent(job.progress, 0)} so far.</Empty> : <Failure title={`${look(backtestLook, job.state).word}`} detail={job.detail ?? undefined} hint={job.state === "failed" ? "Nothing was traded. Put the cause right and start again." : undefined} />}
      </Panel>
    );
  }
  return (
    <QueryPanel title="Result" query={query} deadlineMs={Infinity} note={`${strategyText(job.request.strategy, job.request.params, strategies)} · ${job.request.instrument}`} skeleton={<Skeleton className="mt-3 h-80" />}>
      {(result) => (
        <>
          <div className="figs pt-2.5 pb-1">
            <Figure lead label="Final balance" value={money(result.final_balance)} />
            <Figure label="P&L" value={delta(result.pnl)} tone={toneClass[tone(result.pnl)]} />
            {result.metrics.map((metric) => <Tip key={metric.name} text={metric.formula}><span tabIndex={0}><Figure label={metric.label} value={metricText(metric)} tone={metric.name === "max_drawdown" ? "text-down" : undefined} /></span></Tip>)}
          </div>
          {result.equity.length > 1 && <Suspense fallback={<Skeleton className="h-[300px]" />}><EquityChart points={result.equity} currency="" label="Equity and drawdown of the backtest" /></Suspense>}
          <p className="pt-1 text-11 text-muted">{integer(result.bars)} bars · {integer(result.orders)} orders · {integer(result.fills)} fills · {number(result.seconds, { digits: 2 })} s · {integer(result.bars_per_second)} bars/s</p>
          <p className="mt-3 border-l-2 border-line-strong pl-3 text-12 text-muted">{result.disclaimer ?? "Simulated on past prices with the configured spread, slippage and fees. Past results say little about future ones."}</p>
        </>
      )}
    </QueryPanel>
  );
}

function Start({ onClose, onStarted }: { onClose: () => void; onStarted: (id: string) => void }) {
  const strategies = useQuery(queries.strategies()).data;
  const sources = useQuery(queries.backtestData()).data;
  const status = useStatus().data;
  const [strategyId, setStrategyId] = useState<string>();
  const [values, setValues] = useState<Values | null>(null);
  
  const [typedInstrument, setInstrument] = useState<string>();
  const [data, setData] = useState("bundled:us-daily");
  const offered = sources?.find((each) => each.data === data)?.instruments ?? [...new Set((status?.feeds ?? []).flatMap((feed) => feed.instruments))];
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const [balance, setBalance] = useState("100000");
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  const strategy = strategies?.find((each) => each.id === strategyId) ?? strategies?.[0];
  const instrument = typedInstrument ?? offered[0] ?? "AAPL";
  const params = values ?? strategy?.presets.find((each) => each.id === "balanced")?.params ?? (strategy ? defaults(strategy.schema) : {});
  const wrong = strategy ? faults(strategy.schema, params) : {};
  const start = async () => {
    if (!strategy) return;
    setBusy(true);
    setProblem(null);
    const body: BacktestRequest = { strategy: strategy.id, params, data, instrument, start: from || null, end: to || null, starting_balance: balance };
    const act = await perform({ label: `Backtest ${strategy.name} on ${instrument}`, run: () => send<Receipt>("/backtests", { body }), confirmedBy: "api" });
    setBusy(false);
    if (act.problem) setProblem(act.problem);
    else onStarted(act.commandId ?? "");
  };
  return (
    <Dialog open onClose={onClose} title="Start a backtest" width={640} foot={<><Button onClick={onClose}>Cancel</Button><Button look="primary" pending={busy} blocked={!strategy ? "Strategies are not read yet." : Object.keys(wrong).length ? "Some parameters are not possible." : num(balance) ? null : "A starting balance is needed."} onClick={() => void start()}>Start</Button></>}>
      {problem && <Failure {...problem} />}
      <div className="grid grid-cols-1 gap-3 md:grid-cols-2">
        <Field label="Strategy" htmlFor="b-strategy"><select id="b-strategy" className="select" value={strategy?.id ?? ""} onChange={(event) => { setStrategyId(event.target.value); setValues(null); }}>{strategies?.map((each) => <option key={each.id} value={each.id}>{each.name}</option>)}</select></Field>
        <Field label="Instrument" htmlFor="b-instrument"><input id="b-instrument" className="input" list="b-instruments" value={instrument} onChange={(event) => setInstrument(event.target.value)} /><datalist id="b-instruments">{offered.map((each) => <option key={each} value={each} />)}</datalist></Field>
        <Field label="Data" hint="Bundled prices, or a CSV or Parquet file in the data folder of the host." htmlFor="b-data"><datalist id="b-sources">{sources?.map((each) => <option key={each.data} value={each.data} />)}</datalist><input id="b-data" className="input" list="b-sources" value={data} spellCheck={false} onChange={(event) => setData(event.target.value)} /></Field>
        <Field label="Starting balance" htmlFor="b-balance"><input id="b-balance" className="input" inputMode="decimal" value={balance} onChange={(event) => setBalance(event.target.value)} /></Field>
        <Field label="From" note="optional" htmlFor="b-from"><input id="b-from" className="input" type="date" value={from} onChange={(event) => setFrom(event.target.value)} /></Field>
        <Field label="To" note="optional" htmlFor="b-to"><input id="b-to" className="input" type="date" value={to} onChange={(event) => setTo(event.target.value)} /></Field>
      </div>
      {strategy ? (
        <div className="flex flex-col gap-3">
          <div className="segmented self-start" role="group" aria-label="Preset">{strategy.presets.map((preset) => <button key={preset.id} type="button" aria-pressed={JSON.stringify(preset.params) === JSON.stringify(params)} onClick={() => setValues(preset.params)}>{words(preset.id)}</button>)}</div>
          <SchemaForm schema={strategy.schema} values={params} onChange={setValues} columns={3} />
        </div>
      ) : <SkeletonRows rows={3} />}
    </Dialog>
  );
}
