import { lazy, Suspense, useMemo, useState } from "react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import { traderAct, type TraderVerb } from "~/api/acts";
import { queries } from "~/api/queries";
import { look, modeLook } from "~/api/states";
import type { Mode, TraderStatus } from "~/api/types";
import { useMay, useStatus } from "~/components/hooks";
import { QueryPanel } from "~/components/Panel";
import { openKill } from "~/components/shell";
import { strategyText, TraderStateCell } from "~/components/TraderCells";
import { cx } from "~/lib/cx";
import { delta, drawdown, duration, num, plural, position, tone, toneClass } from "~/lib/format";
import { DataTable, type Column } from "~/table/DataTable";
import { Empty, Sparkline } from "~/ui/Bits";
import { Button } from "~/ui/Button";
import { Dialog } from "~/ui/Dialog";
import { StateText } from "~/ui/Mark";

const Deploy = lazy(() => import("~/forms/Deploy").then((module) => ({ default: module.Deploy })));
const totalOf = (trader: TraderStatus) => (num(trader.realised) ?? 0) + (num(trader.unrealised) ?? 0);

export function Traders() {
  const { deploy, q } = useSearch({ from: "/shell/traders" });
  const navigate = useNavigate({ from: "/traders" });
  const query = useStatus();
  const strategies = useQuery(queries.strategies()).data;
  const blocked = useMay("operator");
  const [selected, setSelected] = useState<string[]>([]);
  const [stopping, setStopping] = useState(false);
  const accounts = query.data?.accounts;
  const columns = useMemo<Column<TraderStatus>[]>(() => [
    { id: "id", header: "Trader", left: true, sort: (row) => row.id, cell: (row) => <Link to="/traders/$id" params={{ id: row.id }}>{row.id}</Link> },
    { id: "state", header: "State", left: true, sort: (row) => row.state, cell: (row) => <TraderStateCell trader={row} /> },
    { id: "mode", header: "Mode", left: true, hidePhone: true, sort: (row) => accounts?.find((each) => each.id === row.account)?.verdict ?? "", cell: (row) => { const verdict = accounts?.find((each) => each.id === row.account)?.verdict as Mode | undefined; return verdict ? <StateText look={look(modeLook, verdict)}><span className="text-11 tracking-wide">{look(modeLook, verdict).word}</span></StateText> : "–"; } },
    { id: "strategy", header: "Strategy", left: true, hidePhone: true, sort: (row) => row.strategy, cell: (row) => <span className="text-muted">{strategyText(row.strategy, row.params, strategies)}</span> },
    { id: "generation", header: "Generation", hidePhone: true, title: "Observed by the runner, and desired where they differ", sort: (row) => row.generation_observed, cell: (row) => row.generation_observed === row.generation_desired ? <span className="text-muted">{row.generation_observed}</span> : <span className="text-warn">{row.generation_observed} → {row.generation_desired}</span> },
    { id: "spark", header: "30 bars", hidePhone: true, cell: (row) => <Sparkline values={row.sparkline} label={`Last 30 bars of ${row.id}`} /> },
    { id: "position", header: "Position", sort: (row) => num(row.position), cell: (row) => position(row.position, row.instrument) },
    { id: "unrealised", header: "Unrealised", hidePhone: true, sort: (row) => num(row.unrealised), cell: (row) => <span className={toneClass[tone(row.unrealised)]}>{delta(row.unrealised)}</span> },
    { id: "today", header: "Today", hidePhone: true, sort: (row) => num(row.day_pnl), cell: (row) => <span className={toneClass[tone(row.day_pnl)]}>{delta(row.day_pnl)}</span> },
    { id: "total", header: "Total", sort: totalOf, cell: (row) => <span className={toneClass[tone(totalOf(row))]}>{delta(totalOf(row))}</span> },
    { id: "drawdown", header: "Drawdown", hidePhone: true, sort: (row) => num(row.drawdown), cell: (row) => <span className="text-muted">{drawdown(row.drawdown, 1)}</span> },
    { id: "age", header: "Data age", hidePhone: true, sort: (row) => row.data_age_ms, cell: (row) => <span className={cx((row.data_age_ms ?? 0) > 10_000 ? "text-warn" : "text-muted")}>{duration(row.data_age_ms)}</span> },
  ], [accounts, strategies]);

  const chosen = query.data?.traders.filter((trader) => selected.includes(trader.id)) ?? [];
  const act = (verb: TraderVerb, body?: Record<string, unknown>) => chosen.forEach((trader) => void traderAct(trader.id, verb, body));
  const none = chosen.length === 0 ? "Select traders first (x)." : null;
  const reasonFor = (state: string, verb: string) => blocked ?? none ?? (chosen.some((trader) => trader.state === state) ? null : `None of the selected is ${state}, so there is nothing to ${verb}.`);
  const open = chosen.filter((trader) => num(trader.position));
  return (
    <div className="page">
      <div className="flex flex-wrap items-center gap-2">
        <h1 className="mr-auto text-15 font-semibold">Traders</h1>
        <input data-search className="input w-44!" type="search" aria-label="Filter traders" placeholder="Filter  /" value={q ?? ""} onChange={(event) => void navigate({ search: (old) => ({ ...old, q: event.target.value || undefined }), replace: true })} />
        <Button blocked={reasonFor("running", "pause")} onClick={() => act("pause")}>Pause</Button>
        <Button blocked={blocked ?? none ?? (chosen.some((trader) => trader.state !== "running" && trader.state !== "stopped") ? null : "None of the selected is paused.")} onClick={() => act("resume")}>Resume</Button>
        <Button blocked={blocked ?? none ?? (chosen.some((trader) => trader.state !== "stopped") ? null : "All selected are stopped already.")} onClick={() => setStopping(true)}>Stop …</Button>
        <Button look="primary" blocked={blocked} onClick={() => void navigate({ search: (old) => ({ ...old, deploy: true }) })}>Deploy</Button>
      </div>
      <QueryPanel title="Fleet" query={query} note={chosen.length ? `${chosen.length} selected` : query.data && plural(query.data.traders.length, "trader")} end={chosen.length === 1 && chosen[0] && <button type="button" className="link" onClick={() => openKill(`trader/${chosen[0]?.id}`)}>kill this one</button>}>
        {(status) => (
          <DataTable
            label="Traders" rows={status.traders.filter((trader) => !q || `${trader.id} ${trader.instrument} ${trader.strategy} ${trader.state}`.toLowerCase().includes(q.toLowerCase()))} columns={columns} rowId={(row) => row.id}
            onOpen={(row) => void navigate({ to: "/traders/$id", params: { id: row.id } })} selected={selected} onSelect={setSelected} stale={(row) => (row.data_age_ms ?? 0) > 60_000}
            empty={q ? <Empty title="Nothing matches">No trader’s name, instrument, strategy or state contains “{q}”.</Empty> : <Empty title="No trader yet">Deploy one: strategy or preset, account and instrument, parameters, and a preview of what it would do.</Empty>}
          />
        )}
      </QueryPanel>
      {stopping && (
        <Dialog open onClose={() => setStopping(false)} title={`Stop ${plural(chosen.length, "trader")}`} width={460} foot={<><Button onClick={() => setStopping(false)}>Cancel</Button><Button blocked={open.length ? null : "None of them holds a position."} look="danger" onClick={() => { act("stop", { close: true }); setStopping(false); }}>Stop and close {plural(open.length, "position")}</Button><Button look="primary" onClick={() => { act("stop", { close: false }); setStopping(false); }}>Stop, keep positions</Button></>}>
          <p className="text-13">Entries end and working orders of these traders are cancelled. A position is kept unless you choose to close it.</p>
          <ul className="text-12">{chosen.map((trader) => <li key={trader.id} className="flex justify-between border-b border-line py-1.5"><span>{trader.id}</span><span className="text-muted">{position(trader.position, trader.instrument)}</span></li>)}</ul>
        </Dialog>
      )}
      {deploy && query.data && <Suspense fallback={null}><Deploy status={query.data} onClose={() => void navigate({ search: (old) => ({ ...old, deploy: undefined }) })} /></Suspense>}
    </div>
  );
}
