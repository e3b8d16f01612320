import { lazy, Suspense, useState } from "react";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import { runDrill, stopQueries, type Drill, type Guard, type Kill } from "~/api/stop";
import { KillRun, killLook, ms, Report } from "~/components/KillRun";
import { Latches } from "~/components/Latches";
import { Panel, QueryPanel } from "~/components/Panel";
import { Since } from "~/components/Since";
import { StopSteps, type Run } from "~/components/StopSteps";
import { useMay } from "~/components/hooks";
import type { StateLook } from "~/lib/look";
import { duration } from "~/lib/format";
import { DataTable, type Column } from "~/table/DataTable";
import { Empty, Figure, Skeleton } from "~/ui/Bits";
import { Button } from "~/ui/Button";
import { Dialog } from "~/ui/Dialog";
import { Mark, StateText } from "~/ui/Mark";

const DrillTrend = lazy(() => import("~/charts/DrillTrend").then((module) => ({ default: module.DrillTrend })));

export function Emergency() {
  const { scope, kill } = useSearch({ from: "/shell/emergency" });
  const navigate = useNavigate({ from: "/emergency" });
  const [run, setRun] = useState<Run | null>(null);
  return (
    <div className="page">
      <h1 className="text-15 font-semibold">Emergency</h1>
      <div className="grid grid-cols-1 gap-x-10 gap-y-6 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
        <Panel title="Stop" note="three steps, any scope; nothing here waits for approval">
          <div className="flex flex-col gap-3 pt-3">
            <StopSteps scope={scope ?? "all"} onScope={(next) => void navigate({ search: (old) => ({ ...old, scope: next === "all" ? undefined : next }), replace: true })} run={run} onRun={setRun} />
            {run && <KillRun key={run.id} id={run.id} act={run.act} taken={run.taken} />}
          </div>
        </Panel>
        <div className="flex min-w-0 flex-col gap-6">
          <GuardPanel />
          <Panel title="Latched" note="outlives every restart; only the guard lifts"><div className="pt-2"><Latches /></div></Panel>
        </div>
      </div>
      <Drills />
      <History onOpen={(id) => void navigate({ search: (old) => ({ ...old, kill: id }) })} active={kill} />
      {kill && <Dialog open drawer onClose={() => void navigate({ search: (old) => ({ ...old, kill: undefined }) })} title="Kill" note={kill} width={620}><KillRun id={kill} /></Dialog>}
    </div>
  );
}

export const guardLook = {
  running: { word: "Guard runs", shape: "dot", tone: "ok", meaning: "It watches the runner and can close without it." },
  silent: { word: "Guard silent", shape: "triangle", tone: "bad", meaning: "Nothing was heard of it for a while." },
  stopped: { word: "Guard stopped", shape: "square", tone: "bad", meaning: "Nobody closes when the runner cannot." },
  unknown: { word: "No guard heard yet", shape: "question", tone: "unknown", meaning: "Nobody closes when the runner cannot." },
} satisfies Record<Guard["state"], StateLook>;

const hears = { True: "answers", False: "does not answer", Unknown: "–" } satisfies Record<Guard["runner"]["hears"], string>;
function GuardPanel() {
  const query = useQuery(stopQueries.guard());
  return (
    <QueryPanel title="Guard" note="closes when the runner cannot" query={query}>
      {(guard) => (
        <div className="flex flex-col gap-2 pt-3 text-12">
          <b className="text-15"><StateText look={guardLook[guard.state]} /></b>
          <p className="text-muted">{guardLook[guard.state].meaning}{guard.detail ? ` ${guard.detail}` : ""}</p>
          <div className="flex flex-wrap gap-x-8 gap-y-2">
            <Figure label="Runner, as the guard sees it" value={guard.runner.connected == null ? "–" : guard.runner.connected ? "connected" : "not connected"} tone={guard.runner.connected === false ? "text-bad" : undefined} />
            <Figure label="Guard, as the runner hears it" value={hears[guard.runner.hears]} tone={guard.runner.hears === "False" ? "text-bad" : undefined} />
            <Figure label="Last beat" value={guard.runner.silent_ms == null ? "–" : `${duration(guard.runner.silent_ms)} ago`} />
            <Figure label="Heard" value={guard.age_ms == null ? "–" : `${duration(guard.age_ms)} ago`} />
          </div>
          {guard.runner.hears === "False" && <p className="text-bad">{guard.runner.hears_detail || "The runner does not hear its guard."}</p>}
          <Policies guard={guard} />
          {Object.entries(guard.timers).map(([name, timer]) => <p key={name} className="text-muted">{name}: its broker cancels by itself when the guard has not renewed for {timer.seconds} s; renewed {duration(timer.renewed_ms)} ago</p>)}
          {guard.state !== "running" && <p>On the trading host: <code className="code select-all">tradedeck kill --local</code> starts one and closes.</p>}
        </div>
      )}
    </QueryPanel>
  );
}

interface Policy { on_silence?: string; cancel_after_s?: number; flatten_after_s?: number }
const silence: Record<string, (policy: Policy) => string> = {
  none: () => "does nothing",
  cancel: (policy) => `cancels openers after ${policy.cancel_after_s ?? "–"} s`,
  cancel_and_flatten: (policy) => `cancels openers after ${policy.cancel_after_s ?? "–"} s, flattens after ${policy.flatten_after_s ?? "–"} s`,
};
function Policies({ guard }: { guard: Guard }) {
  const accounts = Object.entries(guard.runner.accounts) as [string, Policy][];
  if (accounts.length === 0) return null;
  return <ul className="text-muted">{accounts.map(([name, policy]) => <li key={name}>{name}: when the runner is silent it {silence[policy.on_silence ?? ""]?.(policy) ?? "has no policy"}</li>)}</ul>;
}

const drillColumns: Column<Drill>[] = [
  { id: "at", header: "Time", left: true, sort: (row) => row.at, cell: (row) => <Since at={row.at} /> },
  { id: "ok", header: "Outcome", left: true, cell: (row) => <span className="state"><Mark shape={row.ok ? "dot" : "triangle"} tone={row.ok ? "ok" : "bad"} />{row.ok ? "flat" : `failed: ${row.detail}`}</span> },
  { id: "size", header: "Orders / positions", hidePhone: true, cell: (row) => `${row.orders ?? "–"} / ${row.positions ?? "–"}` },
  { id: "sent", header: "Last cancel", hidePhone: true, sort: (row) => row.to_last_cancel_sent_ms, cell: (row) => ms(row.to_last_cancel_sent_ms) },
  { id: "cancelled", header: "Cancelled", hidePhone: true, sort: (row) => row.to_cancelled_ms, cell: (row) => ms(row.to_cancelled_ms) },
  { id: "flat", header: "Flat", sort: (row) => row.to_flat_ms, cell: (row) => ms(row.to_flat_ms) },
  { id: "by", header: "By", left: true, hidePhone: true, cell: (row) => row.by || "–" },
];
function Drills() {
  const query = useQuery(stopQueries.drills());
  const blocked = useMay("operator");
  const [running, setRunning] = useState(false);
  const start = () => {
    setRunning(true);
    void runDrill().finally(() => { setRunning(false); void query.refetch(); });
  };
  return (
    <QueryPanel title="Drills" note="the very kill, on an account made for it" query={query} deadlineMs={30_000} end={<Button small blocked={blocked} pending={running} onClick={start}>{running ? "Drilling…" : "Run a drill"}</Button>}>
      {(drills) => drills.length === 0
        ? <Empty title="No drill yet">A drill seeds an account with orders and positions, kills it and measures. “Run a drill” does one now; the guard runs one by itself every week.</Empty>
        : (
          <div className="grid grid-cols-1 gap-x-10 gap-y-3 pt-3 lg:grid-cols-2">
            <p className="text-12 lg:col-span-2"><Verdict drills={drills} /></p>
            <Suspense fallback={<Skeleton className="h-45" />}><DrillTrend drills={drills} /></Suspense>
            <DataTable rows={drills.slice(0, 8)} columns={drillColumns} rowId={(row) => `${row.id}${row.at}`} label="Drills" empty={null} />
          </div>
        )}
    </QueryPanel>
  );
}

/** The last one first, then how the rest went. */
function Verdict({ drills }: { drills: Drill[] }) {
  const last = drills[0];
  const failed = drills.filter((drill) => !drill.ok).length;
  if (!last) return null;
  return <><span className="state"><Mark shape={last.ok ? "dot" : "triangle"} tone={last.ok ? "ok" : "bad"} /><b>{last.ok ? `Flat after ${ms(last.to_flat_ms)}` : `The last drill failed: ${last.detail}`}</b></span> <span className="text-muted">last drilled <Since at={last.at} />; {failed ? `${failed} of the last ${drills.length} failed` : `none of the last ${drills.length} failed`}</span></>;
}

const killColumns: Column<Kill>[] = [
  { id: "at", header: "Time", left: true, sort: (row) => row.at, cell: (row) => <Since at={row.at} /> },
  { id: "scope", header: "Scope", left: true, sort: (row) => row.scope, cell: (row) => row.scope },
  { id: "step", header: "Step", left: true, hidePhone: true, cell: (row) => row.step.replace("_", " ") },
  { id: "state", header: "State", left: true, cell: (row) => <StateText look={killLook[row.state]}>{row.state === "done" && row.legs.length > 0 ? "Proved" : undefined}</StateText> },
  { id: "sent", header: "Last cancel", hidePhone: true, sort: (row) => row.to_last_cancel_sent_ms, cell: (row) => ms(row.to_last_cancel_sent_ms) },
  { id: "flat", header: "Flat", hidePhone: true, sort: (row) => row.to_flat_ms, cell: (row) => ms(row.to_flat_ms) },
  { id: "by", header: "By", left: true, hidePhone: true, cell: (row) => row.by },
  { id: "reason", header: "Reason", left: true, hidePhone: true, wrap: true, cell: (row) => row.reason },
  { id: "report", header: "", cell: (row) => <Report id={row.id} small /> },
];
function History({ onOpen, active }: { onOpen: (id: string) => void; active?: string }) {
  const query = useQuery(stopQueries.kills());
  return (
    <QueryPanel title="Kills" note="newest first" query={query} deadlineMs={30_000}>
      {(kills) => <DataTable rows={kills} columns={killColumns} rowId={(row) => row.id} activeId={active} onOpen={(row) => onOpen(row.id)} label="Kills" empty={<Empty title="No kill yet">Each kill stands here with its proof and its report, for good.</Empty>} />}
    </QueryPanel>
  );
}
