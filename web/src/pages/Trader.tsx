import { lazy, Suspense, useMemo, useState } from "react";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import { activate, closePosition, perform, removeTrader, traderAct } from "~/api/acts";
import { problemOf, send } from "~/api/http";
import { queries } from "~/api/queries";
import { look, orderLook } from "~/api/states";
import type { Decision, Order, Receipt, Strategy, TraderStatus } from "~/api/types";
import { useMay, useStatus } from "~/components/hooks";
import { LogView } from "~/components/LogView";
import { Panel, QueryPanel } from "~/components/Panel";
import { DraftPreview } from "~/components/DraftPreview";
import { openKill } from "~/components/shell";
import { paramsText, strategyText, TraderStateCell } from "~/components/TraderCells";
import { sentence, verdictLook, Why } from "~/components/Why";
import { useDraft } from "~/forms/draft";
import { defaults, faults, stated, type Values } from "~/forms/schema";
import { SchemaForm } from "~/forms/SchemaForm";
import { delta, drawdown, duration, num, number, percent, position, price, quantity, show, tone, toneClass, words } from "~/lib/format";
import { parse, tradingTime } from "~/lib/time";
import { DataTable, type Column } from "~/table/DataTable";
import { Empty, Failure, Figure, Segmented, Skeleton, SkeletonRows } from "~/ui/Bits";
import { Button } from "~/ui/Button";
import { Dialog } from "~/ui/Dialog";
import { Icon } from "~/ui/Icon";
import { Menu } from "~/ui/Menu";
import { StateText } from "~/ui/Mark";
import { TabPanel, Tabs } from "~/ui/Tabs";

const Candles = lazy(() => import("~/charts/Candles").then((module) => ({ default: module.Candles })));
type Tab = "journal" | "parameters" | "orders" | "performance" | "memory" | "logs";
const tabs: { value: Tab; label: string }[] = [{ value: "journal", label: "Decisions" }, { value: "parameters", label: "Parameters" }, { value: "orders", label: "Orders" }, { value: "performance", label: "Performance" }, { value: "memory", label: "Memory" }, { value: "logs", label: "Logs" }];
const sameBar = (a: string, b: string) => parse(a) === parse(b);

export function Trader() {
  const { id } = useParams({ from: "/shell/traders/$id" });
  const { tab = "journal", at, strategy: switchTo } = useSearch({ from: "/shell/traders/$id" });
  const navigate = useNavigate({ from: "/traders/$id" });
  const statusQuery = useStatus();
  const trader = statusQuery.data?.traders.find((each) => each.id === id);
  const [points, setPoints] = useState<"140" | "300" | "900">("300");
  const bars = useQuery({ ...queries.bars(id, Number(points)), placeholderData: (old) => old });
  const decisions = useQuery({ ...queries.decisions(id, Number(points)), placeholderData: (old) => old });
  const strategies = useQuery(queries.strategies()).data;
  const chosen = at ?? null;
  const decision = chosen ? decisions.data?.find((each) => sameBar(each.time, chosen)) : decisions.data?.[0];
  const choose = useMemo(() => (time: string) => void navigate({ search: (old) => ({ ...old, at: time }), replace: true, resetScroll: false }), [navigate]);

  if (statusQuery.data && !trader) {
    return <div className="page"><Empty title={`No trader ${id}`} action={<Link to="/traders" className="btn">All traders</Link>}>It may have been removed from the configuration, or not be deployed yet.</Empty></div>;
  }
  return (
    <div className="page">
      {trader ? <Head trader={trader} strategies={strategies} onSwitch={(strategy) => void navigate({ search: (old) => ({ ...old, strategy }) })} /> : <Skeleton className="h-20" />}
      <div className="grid grid-cols-1 gap-6 xl:grid-cols-[minmax(0,1fr)_360px]">
        <QueryPanel
          title={trader ? trader.instrument : "Prices"} query={bars} note={trader ? [trader.feed, words(statusQuery.data?.data_mode ?? "").toLowerCase()].filter(Boolean).join(" · ") : undefined}
          end={<Segmented label="Bars shown" value={points} options={[{ value: "140", label: "140" }, { value: "300", label: "300" }, { value: "900", label: "900" }]} onChange={setPoints} />} skeleton={<Skeleton className="mt-3 h-[470px]" />}
        >
          {(data) => data.bars.length === 0 ? <Empty title="No bars yet">Bars appear with the first frame of the feed.</Empty> : <Suspense fallback={<Skeleton className="mt-3 h-[470px]" />}><Candles bars={data.bars} marks={data.marks} decisions={decisions.data ?? []} chosen={chosen} onChoose={choose} label={`Prices of ${trader?.instrument ?? id}`} /></Suspense>}
        </QueryPanel>
        <QueryPanel title="Why" className="tall" query={decisions} note={chosen ? "chosen bar" : "latest bar"} end={chosen && <button type="button" className="link" onClick={() => void navigate({ search: (old) => ({ ...old, at: undefined }), replace: true })}>latest</button>} skeleton={<SkeletonRows rows={6} />}>
          {() => <Why decision={decision} />}
        </QueryPanel>
      </div>
      <section className="min-w-0">
        <Tabs<Tab> label="About this trader" value={tabs.some((each) => each.value === tab) ? (tab as Tab) : "journal"} items={tabs} onChange={(value) => void navigate({ search: (old) => ({ ...old, tab: value }), replace: true, resetScroll: false })} />
        <TabPanel value={tab}>
          {tab === "journal" && <Journal decisions={decisions.data} chosen={chosen} onChoose={choose} />}
          {tab === "parameters" && trader && <Parameters key={`${trader.strategy}${JSON.stringify(trader.params)}`} trader={trader} strategies={strategies} />}
          {tab === "orders" && <TraderOrders id={id} />}
          {tab === "performance" && <TraderPerformance id={id} />}
          {tab === "memory" && <Memory id={id} />}
          {tab === "logs" && <div><LogView filter={{ q: id }} height={360} /></div>}
        </TabPanel>
      </section>
      {switchTo && trader && strategies && <Switch trader={trader} to={strategies.find((each) => each.id === switchTo)} onClose={() => void navigate({ search: (old) => ({ ...old, strategy: undefined }), replace: true })} />}
    </div>
  );
}

function Head({ trader, strategies, onSwitch }: { trader: TraderStatus; strategies: Strategy[] | undefined; onSwitch: (strategy: string) => void }) {
  const blocked = useMay("operator");
  const running = trader.state === "running" || trader.state === "starting";
  const total = (num(trader.realised) ?? 0) + (num(trader.unrealised) ?? 0);
  const held = num(trader.position) ?? 0;
  return (
    <header className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <h1 className="text-22 font-semibold">{trader.id}</h1>
        <TraderStateCell trader={trader} />
        <span className="text-12 text-muted">{strategyText(trader.strategy, trader.params, strategies)} · {trader.account} · generation {trader.generation_observed}{trader.generation_observed !== trader.generation_desired && <span className="text-warn"> → {trader.generation_desired}</span>}</span>
        <div className="ml-auto flex flex-wrap gap-2 max-md:ml-0">
          <Menu
            trigger={<Button blocked={blocked}>Switch strategy</Button>}
            entries={(strategies ?? []).map((each) => ({ label: each.name, checked: each.id === trader.strategy, blocked: each.id === trader.strategy ? "In force now." : null, onSelect: () => onSwitch(each.id) }))}
          />
          <Button blocked={blocked ?? (held ? null : "It holds no position.")} onClick={() => void closePosition(trader.account, trader.instrument)}>Close position</Button>
          {running
            ? <Button blocked={blocked} onClick={() => void traderAct(trader.id, "pause")}>Pause</Button>
            : <Button blocked={blocked} look="primary" onClick={() => void traderAct(trader.id, trader.state === "stopped" || trader.state === "faulted" ? "start" : "resume")}>{trader.state === "stopped" ? "Start" : "Resume"}</Button>}
          <Menu
            trigger={<Button icon aria-label={`More acts on ${trader.id}`} blocked={blocked}><Icon name="more" /></Button>}
            entries={[
              { label: "Stop, keep the position", blocked: trader.state === "stopped" ? "It is stopped already." : null, onSelect: () => void traderAct(trader.id, "stop", { close: false }) },
              { label: "Stop and close the position", blocked: trader.state === "stopped" ? "It is stopped already." : held ? null : "It holds no position.", onSelect: () => void traderAct(trader.id, "stop", { close: true }) },
              { label: "Restart its strategy host", blocked: trader.state === "stopped" ? "It is stopped." : null, onSelect: () => void traderAct(trader.id, "restart") },
              { label: "Kill switch of this trader …", onSelect: () => openKill(`trader/${trader.id}`) },
              "line",
              { label: "Remove from the configuration", blocked: trader.state !== "stopped" ? "Stop it first." : held ? "It still holds a position." : null, onSelect: () => void removeTrader(trader.id, trader.generation_desired) },
            ]}
          />
          <span className="hide-phone"><Button look="danger" blocked={blocked} onClick={() => openKill(`trader/${trader.id}`)}>Kill switch …</Button></span>
        </div>
      </div>
      {trader.reason && trader.state !== "running" && <p className="text-12 text-warn">{trader.reason}</p>}
      <div className="figs">
        <Figure label="Position" value={position(trader.position, trader.instrument)} />
        <Figure label="Entry" value={price(trader.average_price)} />
        <Figure label="Price" value={price(trader.price)} />
        <Figure label="Unrealised" value={delta(trader.unrealised)} tone={toneClass[tone(trader.unrealised)]} />
        <Figure label="Today" value={delta(trader.day_pnl)} tone={toneClass[tone(trader.day_pnl)]} />
        <Figure label="Total" value={delta(total)} tone={toneClass[tone(total)]} />
        <Figure label="Drawdown" value={drawdown(trader.drawdown, 1)} />
        <Figure label="Last bar" value={tradingTime(trader.last_bar)} />
        <Figure label="Data age" value={duration(trader.data_age_ms)} tone={(trader.data_age_ms ?? 0) > 10_000 ? "text-warn" : undefined} />
      </div>
    </header>
  );
}

const verdictFilters = [{ value: "all", label: "All" }, { value: "signals", label: "Signals" }, { value: "orders", label: "Orders" }, { value: "denied", label: "Denied" }] as const;
function Journal({ decisions, chosen, onChoose }: { decisions: Decision[] | undefined; chosen: string | null; onChoose: (time: string) => void }) {
  const [filter, setFilter] = useState<(typeof verdictFilters)[number]["value"]>("orders");
  const columns = useMemo<Column<Decision>[]>(() => [
    { id: "time", header: "Bar", left: true, sort: (row) => row.time, cell: (row) => tradingTime(row.time) },
    { id: "verdict", header: "Verdict", left: true, sort: (row) => row.verdict, cell: (row) => <StateText look={verdictLook[row.verdict] ?? verdictLook.none} /> },
    { id: "why", header: "Why", left: true, cell: (row) => <span className="inline-block max-w-[52ch] truncate align-middle text-muted" title={sentence(row)}>{sentence(row)}</span> },
    { id: "inputs", header: "Inputs", left: true, hidePhone: true, cell: (row) => <span className="text-muted">{Object.entries(row.inputs).filter(([name]) => name !== "bars").map(([name, value]) => `${name.replaceAll("_", " ")} ${number(value, { maxDigits: Math.abs(value) < 1 ? 4 : 2 })}`).join(" · ")}</span> },
    { id: "price", header: "Price", sort: (row) => num(row.price), cell: (row) => price(row.price) },
    { id: "position", header: "Held", sort: (row) => num(row.position), cell: (row) => quantity(row.position, true) },
  ], []);
  if (!decisions) return <SkeletonRows />;
  const shown = decisions.filter((each) => filter === "all" || (filter === "signals" && each.signal) || (filter === "orders" && each.verdict !== "none") || (filter === "denied" && (each.verdict === "denied" || each.verdict === "mixed"))).slice(0, 200);
  return (
    <div>
      <Segmented label="Which decisions" value={filter} options={[...verdictFilters]} onChange={setFilter} />
      <DataTable label="Decisions" rows={shown} columns={columns} rowId={(row) => row.time} onOpen={(row) => onChoose(row.time)} activeId={chosen} empty={<Empty title="None of these yet">{filter === "all" ? "Each bar adds a decision once the trader runs." : "Choose “All” to see every bar, also those without an order."}</Empty>} />
    </div>
  );
}

function Parameters({ trader, strategies }: { trader: TraderStatus; strategies: Strategy[] | undefined }) {
  const strategy = strategies?.find((each) => each.id === trader.strategy);
  return strategy ? <ParameterForm trader={trader} strategy={strategy} /> : <SkeletonRows />;
}

function ParameterForm({ trader, strategy }: { trader: TraderStatus; strategy: Strategy }) {
  // What the document leaves out is in force with its default.
  const inForce = { ...defaults(strategy.schema), ...trader.params };
  const [values, setValues] = useState<Values>(inForce);
  const params = stated(strategy.schema, values, trader.params);
  const [busy, setBusy] = useState(false);
  const blocked = useMay("operator");
  const wrong = faults(strategy.schema, values);
  const changed = JSON.stringify(values) !== JSON.stringify(inForce);
  const spec = useQuery(queries.config()).data?.document.traders.find((each) => each.id === trader.id);
  const draft = useDraft(spec && Object.keys(wrong).length === 0 ? { ...spec, params } : null, Object.keys(strategy.schema.properties ?? {}));
  const refused = draft.faults.whole[0] ?? Object.values(draft.faults.params)[0];
  const apply = async () => {
    setBusy(true);
    await perform({ label: `Change parameters of ${trader.id}`, run: (step_up) => send<Receipt>(`/traders/${encodeURIComponent(trader.id)}`, { method: "PATCH", body: { params, step_up }, ifMatch: trader.generation_desired }) });
    setBusy(false);
  };
  return (
    <div className="grid grid-cols-1 gap-8 pt-1 md:grid-cols-2">
      <div className="flex min-w-0 flex-col gap-4">
        <div className="flex flex-wrap items-center gap-2">
          <b>{strategy.name}</b>
          <div className="segmented" role="group" aria-label="Preset">{strategy.presets.map((preset) => <button key={preset.id} type="button" aria-pressed={JSON.stringify(preset.params) === JSON.stringify(values)} onClick={() => setValues(preset.params)}>{words(preset.id)}</button>)}</div>
        </div>
        <SchemaForm schema={strategy.schema} values={values} errors={draft.faults.params} onChange={setValues} disabled={Boolean(blocked)} />
        <div className="flex gap-2">
          <Button look="primary" pending={busy} blocked={blocked ?? (!changed ? "Nothing is changed." : Object.keys(wrong).length ? "Some values are not possible." : refused ?? null)} onClick={() => void apply()}>{busy ? "Waiting for the runner" : "Apply at the next safe point"}</Button>
          <Button blocked={changed ? null : "Nothing is changed."} onClick={() => setValues(inForce)}>Undo</Button>
        </div>
      </div>
      <div className="min-w-0 border-line md:border-l md:pl-8">
        <DraftPreview title={changed ? "What it would do with these values" : "What it would do with the values in force"} {...draft} whole={draft.faults.whole} onRetry={draft.retry} />
      </div>
    </div>
  );
}

function Switch({ trader, to, onClose }: { trader: TraderStatus; to: Strategy | undefined; onClose: () => void }) {
  const [preset, setPreset] = useState(to?.presets.find((each) => each.id === "balanced")?.id ?? to?.presets[0]?.id);
  const [busy, setBusy] = useState(false);
  const spec = useQuery(queries.config()).data?.document.traders.find((each) => each.id === trader.id);
  const params = to?.presets.find((each) => each.id === preset)?.params ?? {};
  const draft = useDraft(spec && to ? { ...spec, strategy: to.id, params } : null, []);
  if (!to) return null;
  const confirm = async () => {
    setBusy(true);
    await activate(to.id, preset ? { preset } : { params }, trader.id);
    onClose();
  };
  return (
    <Dialog open onClose={onClose} title={`Switch ${trader.id}`} width={620} foot={<><Button onClick={onClose}>Cancel</Button><Button look="primary" pending={busy} onClick={() => void confirm()}>{busy ? "Waiting for the runner" : `Switch to ${to.name}`}</Button></>}>
      <table className="tbl">
        <thead><tr><th className="l"><span className="sr-only">What</span></th><th className="l">Now</th><th className="l">Then</th></tr></thead>
        <tbody>
          <tr><td className="l text-muted">Strategy</td><td className="l">{trader.strategy}</td><td className="l"><b>{to.id}</b></td></tr>
          <tr><td className="l text-muted">Parameters</td><td className="l wrap">{paramsText(trader.params) || "none"}</td><td className="l wrap">{paramsText(params) || "none"}</td></tr>
          <tr><td className="l text-muted">Position</td><td className="l">{position(trader.position, trader.instrument)}</td><td className="l">kept, the new strategy inherits it</td></tr>
        </tbody>
      </table>
      {to.presets.length > 1 && <Segmented label="Preset" value={preset ?? ""} options={to.presets.map((each) => ({ value: each.id, label: words(each.id) }))} onChange={setPreset} />}
      <p className="text-12 text-muted">Applied without restart at the next safe point, before the next decision. Memory is kept per strategy: switching back finds the old one.</p>
      <DraftPreview title={`What ${to.name} would do`} {...draft} whole={[...draft.faults.whole, ...Object.values(draft.faults.fields)]} onRetry={draft.retry} />
    </Dialog>
  );
}

function TraderOrders({ id }: { id: string }) {
  const query = useQuery(queries.orders({ trader: id, limit: 100 }));
  const navigate = useNavigate();
  const columns = useMemo<Column<Order>[]>(() => [
    { id: "created", header: "Bar", left: true, sort: (row) => row.created, cell: (row) => tradingTime(row.created) },
    { id: "status", header: "Status", left: true, sort: (row) => row.status, cell: (row) => <StateText look={look(orderLook, row.status)} /> },
    { id: "side", header: "Side", left: true, cell: (row) => (row.side === "BUY" ? "Buy" : "Sell") },
    { id: "quantity", header: "Size", sort: (row) => num(row.quantity), cell: (row) => quantity(row.quantity) },
    { id: "average", header: "Price", sort: (row) => num(row.average_price), cell: (row) => price(row.average_price ?? row.limit_price) },
    { id: "purpose", header: "Purpose", left: true, hidePhone: true, cell: (row) => <span className="text-muted">{row.purpose}</span> },
  ], []);
  if (!query.data) return <SkeletonRows />;
  return <DataTable label="Orders of this trader" rows={query.data} columns={columns} rowId={(row) => row.id} onOpen={(row) => void navigate({ to: "/orders", search: { order: row.id, trader: id } })} empty={<Empty title="No order yet">An order appears with the first signal that the gate lets pass, or refuses.</Empty>} />;
}

function TraderPerformance({ id }: { id: string }) {
  const query = useQuery(queries.traderPerformance(id));
  if (query.isError) return <Failure {...problemOf(query.error)} onRetry={() => void query.refetch()} />;
  if (!query.data) return <SkeletonRows />;
  return (
    <div className="table-wrap max-w-[760px]">
      <table className="tbl">
        <thead><tr><th className="l">Figure</th><th>Value</th><th className="l hide-phone">Formula</th></tr></thead>
        <tbody>{query.data.metrics.map((metric) => <tr key={metric.name}><td className="l">{metric.label}</td><td>{metric.unit === "ratio" ? percent(metric.value) : metric.unit === "currency" ? delta(metric.value) : number(metric.value, { maxDigits: 2 })}</td><td className="l hide-phone text-muted">{metric.formula}</td></tr>)}</tbody>
      </table>
    </div>
  );
}

function Memory({ id }: { id: string }) {
  const query = useQuery(queries.memory(id));
  return (
    <Panel title="" className="[&>header]:hidden">
      {query.isError ? <Failure {...problemOf(query.error)} /> : !query.data ? <SkeletonRows rows={3} /> : Object.keys(query.data).length === 0 ? <Empty title="Nothing remembered">A strategy that keeps state between bars shows it here. It survives restarts.</Empty> : (
        <dl className="grid max-w-[760px] grid-cols-[minmax(120px,auto)_minmax(0,1fr)] gap-x-6 pt-2 text-12">
          {Object.entries(query.data).map(([name, value]) => <div key={name} className="contents"><dt className="border-b border-line py-1.5 text-muted">{name}</dt><dd className="code border-b border-line py-1.5">{show(value)}</dd></div>)}
        </dl>
      )}
    </Panel>
  );
}
