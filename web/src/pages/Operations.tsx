import { useState } from "react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import { replay } from "~/api/acts";
import { queries } from "~/api/queries";
import { feedLook, healthLook, look, modeLook } from "~/api/states";
import type { ComponentHealth, FeedStatus, Mode, Status } from "~/api/types";
import { useMay, useStatus } from "~/components/hooks";
import { LogView } from "~/components/LogView";
import { Panel, QueryPanel } from "~/components/Panel";
import { bytes, codeWords, duration, integer, millis, num, number, plural, words } from "~/lib/format";
import { usePrefs } from "~/lib/prefs";
import { dateTime, parse, tradingTime, type Zone } from "~/lib/time";
import { DataTable, type Column } from "~/table/DataTable";
import { Empty, Figure, Meter } from "~/ui/Bits";
import { Button } from "~/ui/Button";
import { Icon } from "~/ui/Icon";
import { StateText } from "~/ui/Mark";
import { TabPanel, Tabs } from "~/ui/Tabs";

type Tab = "health" | "feeds" | "logs" | "metrics";
const tabs: { value: Tab; label: string }[] = [{ value: "health", label: "Health" }, { value: "feeds", label: "Feeds" }, { value: "logs", label: "Logs" }, { value: "metrics", label: "Metrics" }];

export function Operations() {
  const { tab } = useSearch({ from: "/shell/operations" });
  const navigate = useNavigate({ from: "/operations" });
  const status = useStatus();
  const current = tabs.some((each) => each.value === tab) ? (tab as Tab) : "health";
  return (
    <div className="page">
      <h1 className="text-15 font-semibold">Operations</h1>
      <section className="min-w-0"><Tabs<Tab> label="Operations" value={current} items={tabs} onChange={(value) => void navigate({ search: { tab: value === "health" ? undefined : value } })} />
      <TabPanel value={current}>
        {current === "health" && <div className="flex flex-col gap-6"><Components />{status.data && <Trading status={status.data} />}</div>}
        {current === "feeds" && <Feeds query={status} />}
        {current === "logs" && <Terminal />}
        {current === "metrics" && <Metrics />}
      </TabPanel></section>
    </div>
  );
}

function Components() {
  const query = useQuery(queries.components());
  const columns: Column<ComponentHealth>[] = [
    { id: "id", header: "Component", left: true, sort: (row) => row.id, cell: (row) => <b className="ident">{row.id}</b> },
    { id: "state", header: "State", left: true, sort: (row) => row.state, cell: (row) => <StateText look={look(healthLook, row.state)} /> },
    { id: "detail", header: "Detail", left: true, cell: (row) => <span className="text-muted">{row.detail}</span> },
    { id: "age", header: "Seen", title: "Age of its last word", sort: (row) => row.age_ms ?? null, cell: (row) => (row.age_ms == null ? "–" : duration(row.age_ms)) },
    { id: "latency", header: "Latency", hidePhone: true, sort: (row) => row.latency_ms ?? null, cell: (row) => millis(row.latency_ms) },
    { id: "queue", header: "Queue", hidePhone: true, sort: (row) => row.queue ?? null, cell: (row) => integer(row.queue) },
    { id: "rss", header: "Memory", hidePhone: true, sort: (row) => row.rss_mb ?? null, cell: (row) => bytes(row.rss_mb) },
    { id: "pid", header: "Process", hidePhone: true, cell: (row) => <span className="text-muted">{row.pid ?? "–"}</span> },
    { id: "logs", header: <span className="sr-only">Logs</span>, hidePhone: true, cell: (row) => <Link to="/operations" search={{ tab: "logs", process: row.id.split("/")[0] }}>logs</Link> },
  ];
  const down = query.data?.filter((each) => each.state === "down" || each.state === "degraded").length;
  return (
    <QueryPanel title="Components" query={query} deadlineMs={15_000} note={query.data && (down ? `${down} ${down === 1 ? "needs" : "need"} a look` : `${plural(query.data.length, "component")}, all well`)}>
      {(rows) => <DataTable label="Components" rows={rows} columns={columns} rowId={(row) => row.id} empty={<Empty title="No component reports">The api answers, but nothing else does yet. Is the deck still starting?</Empty>} />}
    </QueryPanel>
  );
}

function Trading({ status }: { status: Status }) {
  return (
    <Panel title="Trading gate" note={`build ${status.build} · runner ${status.runner.id} · loop lag ${millis(status.runner.loop_lag_ms)}`}>
      <div className="figs pt-2.5">
        <Figure label="Mode" value={look(modeLook, status.mode).word} />
        <Figure label="Data" value={words(status.data_mode)} />
        <Figure label="Can execute" title="Accounts able to execute orders" value={status.execution_capable_accounts} />
        <Figure label="Generation" value={status.desired_generation === status.observed_generation ? status.observed_generation : `${status.observed_generation} → ${status.desired_generation}`} />
        <Figure label="Journal" value={integer(status.runner.seq ?? status.last_seq)} title="Last sequence of the runner" />
      </div>
      <ul className="pt-2 text-12">
        {status.accounts.map((account) => (
          <li key={account.id} className="flex flex-wrap gap-x-4 border-t border-line py-1.5"><b className="w-40">{account.id}</b><StateText look={look(modeLook, account.verdict as Mode)} /><span className="text-muted">{account.reasons.map(codeWords).join(", ") || `${account.broker}, ${account.currency}`}</span></li>
        ))}
        {status.mode_reasons.map((reason) => <li key={reason} className="border-t border-line py-1.5 text-muted">{codeWords(reason)} <span className="code text-faint">{reason}</span></li>)}
      </ul>
    </Panel>
  );
}

function Feeds({ query }: { query: ReturnType<typeof useStatus> }) {
  return (
    <QueryPanel title="Feeds" query={query} note="replay runs on the bar’s clock; sessions, staleness and days follow it">
      {(status) => status.feeds.length === 0 ? <Empty title="No feed">Feeds stand in the configuration: a replay of bundled or own prices, or frames written by another job.</Empty> : (
        <ul>{status.feeds.map((feed) => <Feed key={feed.id} feed={feed} />)}</ul>
      )}
    </QueryPanel>
  );
}

const speeds = [0.5, 1, 4, 16, 64, 0];
function Feed({ feed }: { feed: FeedStatus }) {
  const blocked = useMay("operator");
  const [seek, setSeek] = useState("");
  const start = parse(feed.start), end = parse(feed.end), cursor = parse(feed.cursor);
  const share = start != null && end != null && cursor != null && end > start ? (cursor - start) / (end - start) : null;
  const fresh = feed.stale_after_ms && feed.age_ms != null ? feed.age_ms / feed.stale_after_ms : null;
  const isReplay = feed.kind === "replay";
  const paused = feed.state === "paused";
  const id = `seek-${feed.id}`;
  return (
    <li className="border-b border-line py-4">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-1">
        <b className="ident text-15">{feed.id}</b><StateText look={look(feedLook, feed.state)} />
        <span className="ident text-12 text-muted">{words(feed.kind)} · {feed.instruments.join(", ")}{feed.source ? ` · ${feed.source}` : ""}</span>
      </div>
      {feed.reason && <p className="pt-1 text-12 text-warn">{feed.reason}</p>}
      <div className="grid grid-cols-1 gap-x-8 gap-y-3 pt-3 md:grid-cols-2">
        <div>
          <div className="flex justify-between pb-1 text-12"><span>Freshness</span><span className="text-muted">{duration(feed.age_ms)}{feed.stale_after_ms ? ` of ${duration(feed.stale_after_ms)}` : ""}</span></div>
          <Meter ratio={fresh} label={`Age of ${feed.id} against its maximum`} />
        </div>
        <div>
          <div className="flex justify-between pb-1 text-12"><span>{isReplay ? "Cursor" : "Last frame"}</span><span className="text-muted">{tradingTime(feed.cursor)}{isReplay && feed.end ? ` of ${tradingTime(feed.end)}` : ""}</span></div>
          {share != null && <div className="meter" role="progressbar" aria-label={`Progress of ${feed.id}`} aria-valuenow={Math.round(share * 100)}><i style={{ width: `${share * 100}%`, background: "var(--accent)" }} /></div>}
        </div>
      </div>
      {isReplay && (
        <div className="flex flex-wrap items-center gap-2 pt-3">
          <Button blocked={blocked} onClick={() => void replay(feed.id, { paused: !paused })}><Icon name={paused ? "play" : "pause"} size={12} />{paused ? "Play" : "Pause"}</Button>
          <Button blocked={blocked} onClick={() => void replay(feed.id, { step: 1 })}><Icon name="step" size={12} />Step one bar</Button>
          <div className="segmented" role="group" aria-label={`Speed of ${feed.id} in bars per second`}>
            {speeds.map((speed) => <button key={speed} type="button" aria-pressed={num(feed.speed) === speed} disabled={Boolean(blocked)} onClick={() => void replay(feed.id, { speed })}>{speed === 0 ? "max" : speed}</button>)}
          </div>
          <span className="text-12 text-muted">{num(feed.speed) === 0 ? "as fast as possible" : `${number(feed.speed, { maxDigits: 2 })} bars/s`}</span>
          <form className="ml-auto flex gap-2 max-md:ml-0" onSubmit={(event) => { event.preventDefault(); if (seek) void replay(feed.id, { seek: `${seek}T00:00:00Z` }); }}>
            <label className="sr-only" htmlFor={id}>Seek to a date</label>
            <input id={id} type="date" className="input w-36!" value={seek} min={feed.start?.slice(0, 10)} max={feed.end?.slice(0, 10)} onChange={(event) => setSeek(event.target.value)} />
            <Button type="submit" blocked={blocked ?? (seek ? null : "Choose a date first.")}>Seek</Button>
          </form>
        </div>
      )}
    </li>
  );
}

const processes = ["", "supervisor", "api", "runner", "exchange", "host", "worker", "nats"];
function Terminal() {
  const { q, level, process } = useSearch({ from: "/shell/operations" });
  const navigate = useNavigate({ from: "/operations" });
  const set = (change: Record<string, string | undefined>) => void navigate({ search: (old) => ({ ...old, ...change }), replace: true });
  return (
    <Panel title="Log" note="live, secrets redacted">
      <div className="flex flex-wrap items-center gap-2 py-3">
        <input data-search type="search" className="input w-64!" aria-label="Search the log" placeholder="Search  /" defaultValue={q ?? ""} onChange={(event) => set({ q: event.target.value || undefined })} />
        <select className="select w-36!" aria-label="Level" value={level ?? "debug"} onChange={(event) => set({ level: event.target.value === "debug" ? undefined : event.target.value })}><option value="debug">All levels</option><option value="info">Info and up</option><option value="warning">Warnings and up</option><option value="error">Errors</option></select>
        <select className="select w-36!" aria-label="Process" value={process ?? ""} onChange={(event) => set({ process: event.target.value || undefined })}>{processes.map((each) => <option key={each} value={each}>{each || "All processes"}</option>)}</select>
      </div>
      <LogView filter={{ q, level, process }} height={540} />
    </Panel>
  );
}

interface Sample { name: string; labels: string; value: number; help: string }
/** The text format of Prometheus, as far as a person wants to read it. */
export function samples(text: string): Sample[] {
  const help = new Map<string, string>();
  const found: Sample[] = [];
  for (const line of text.split("\n")) {
    const about = /^# HELP (\S+) (.*)$/u.exec(line);
    if (about) help.set(about[1] ?? "", about[2] ?? "");
    if (line.startsWith("#") || line.trim() === "") continue;
    const sample = /^([a-zA-Z_:][\w:]*)(\{[^}]*\})?\s+(\S+)/u.exec(line);
    if (!sample || (sample[1] ?? "").endsWith("_bucket")) continue;
    const name = sample[1] ?? "";
    found.push({ name, labels: (sample[2] ?? "").slice(1, -1), value: Number(sample[3]), help: help.get(name) ?? help.get(name.replace(/_(sum|count|total)$/u, "")) ?? "" });
  }
  return found;
}
/** Durations and moments are both seconds in Prometheus; a moment is the one that began long ago. */
export function sampleText({ name, value }: Pick<Sample, "name" | "value">, zone: Zone): string {
  if (/_time_seconds$/u.test(name)) return dateTime(value * 1000, zone);
  if (/_seconds(_sum)?$/u.test(name)) return millis(value * 1000);
  return number(value, { maxDigits: /equity|pnl|balance/u.test(name) ? 2 : 4 });
}
function Metrics() {
  const query = useQuery(queries.metrics());
  const { zone } = usePrefs();
  const [q, setQ] = useState("");
  const columns: Column<Sample>[] = [
    { id: "name", header: "Metric", left: true, sort: (row) => row.name, cell: (row) => <><span className="code">{row.name.replace(/^tradedeck_/u, "")}</span>{row.labels && <span className="only-phone code text-muted"> {row.labels.replace(/^\w+=|"/gu, "")}</span>}</> },
    { id: "labels", header: "Labels", left: true, hidePhone: true, cell: (row) => <span className="code text-muted">{row.labels}</span> },
    { id: "value", header: "Value", sort: (row) => row.value, cell: (row) => sampleText(row, zone) },
    { id: "help", header: "Meaning", left: true, hidePhone: true, cell: (row) => <span className="text-muted">{row.help}</span> },
  ];
  return (
    <QueryPanel title="Metrics" query={query} deadlineMs={20_000} note="Prometheus text at /api/v1/metrics, each name after tradedeck_" end={<input data-search type="search" className="input w-44!" aria-label="Filter metrics" placeholder="Filter  /" value={q} onChange={(event) => setQ(event.target.value)} />}>
      {(text) => <DataTable label="Metrics" rows={samples(text).filter((row) => `${row.name} ${row.labels} ${row.help}`.toLowerCase().includes(q.toLowerCase()))} columns={columns} rowId={(row) => row.name + row.labels} empty={q ? <Empty title="Nothing matches">No metric’s name, label or meaning contains “{q}”.</Empty> : <Empty title="No metric yet">Counters appear with the first request.</Empty>} />}
    </QueryPanel>
  );
}
