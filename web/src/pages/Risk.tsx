import { useMemo, useState } from "react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import { queries } from "~/api/queries";
import { haltLook, look } from "~/api/states";
import type { Breaker, Headroom } from "~/api/types";
import * as rules from "~/components/breakers";
import { closestFirst, leftText, limitName, usedRatio, usedText } from "~/components/headroom";
import { useStatus } from "~/components/hooks";
import { Panel, QueryPanel } from "~/components/Panel";
import { Since } from "~/components/Since";
import { Timeline } from "~/components/Timeline";
import { describe } from "~/components/timeline";
import { VerdictTiles } from "~/components/VerdictTiles";
import { useNow } from "~/lib/clock";
import { duration, number, percent } from "~/lib/format";
import { parse } from "~/lib/time";
import { DataTable, type Column } from "~/table/DataTable";
import { Empty, Meter, Segmented, Skeleton } from "~/ui/Bits";
import { Button } from "~/ui/Button";
import { StateText } from "~/ui/Mark";

type Of = "all" | "account" | "trader";
const parts: { value: Of; label: string }[] = [{ value: "all", label: "All" }, { value: "account", label: "Account" }, { value: "trader", label: "Traders" }];

export function Risk() {
  const { account: wanted, of } = useSearch({ from: "/shell/risk" });
  const navigate = useNavigate({ from: "/risk" });
  const status = useStatus();
  const account = status.data?.accounts.find((each) => each.id === wanted) ?? status.data?.accounts[0];
  const id = account?.id ?? "";
  const limits = useQuery({ ...queries.headroom(id), enabled: id !== "" });
  const breakers = useQuery(queries.breakers());
  const config = useQuery(queries.config()).data;
  const currency = account?.currency ?? "";
  const own = useMemo(() => (breakers.data ?? []).filter((row) => row.account === id), [breakers.data, id]);
  const part = parts.find((each) => each.value === of)?.value ?? "all";
  return (
    <div className="page">
      <div className="flex flex-wrap items-center gap-2">
        <h1 className="mr-auto text-15 font-semibold">Risk</h1>
        {(status.data?.accounts.length ?? 0) > 1 && <Segmented label="Account" value={id} options={(status.data?.accounts ?? []).map((each) => ({ value: each.id, label: each.id }))} onChange={(next) => void navigate({ search: (old) => ({ ...old, account: next }) })} />}
        {id && <Link to="/config" search={{ at: `accounts/${id}/limits` }} className="btn">Change limits</Link>}
      </div>
      {status.data && !account
        ? <Panel title="Limits"><Empty title="No account yet" action={<Link to="/config" className="btn">Open configuration</Link>}>An account comes with the configuration; its limits and breakers then stand here.</Empty></Panel>
        : (
          <>
            {limits.data && breakers.data
              ? <VerdictTiles list={[rules.closest(limits.data, currency), rules.opened(own), rules.refused(limits.data), rules.changing(config)]} />
              : limits.isError || breakers.isError ? null : <Skeleton className="h-24" />}
            <OpenNow rows={own} />
            <QueryPanel title="Limits" query={limits} note="closest first" end={<Segmented<Of> label="Whose limits" value={part} options={parts} onChange={(next) => void navigate({ search: (old) => ({ ...old, of: next === "all" ? undefined : next }), replace: true })} />}>
              {(rows) => <Limits key={part} rows={rows.filter((row) => row.limit !== "stale_checks_max" && (part === "all" || row.scope.startsWith(part)))} currency={currency} whole={part === "all"} />}
            </QueryPanel>
            <div className="grid grid-cols-1 gap-6 xl:grid-cols-[minmax(0,1fr)_312px]">
              <QueryPanel title="Breakers" query={breakers} note="stop trading by themselves; none can be switched off" deadlineMs={15_000}>
                {() => <Breakers rows={own.filter((row) => !rules.isLimit(row))} currency={currency} />}
              </QueryPanel>
              <Lately />
            </div>
          </>
        )}
    </div>
  );
}

/** Only there while something is open: why, since when, what it latched, and how it closes. */
function OpenNow({ rows }: { rows: Breaker[] }) {
  const open = rows.filter((row) => row.state === "open");
  if (open.length === 0) return null;
  return (
    <Panel title="Open now" note="entries are refused where one stops them">
      <ul className="text-12">{open.map((row) => <OpenBreaker key={row.scope + row.breaker} row={row} />)}</ul>
    </Panel>
  );
}

function OpenBreaker({ row }: { row: Breaker }) {
  const now = useNow();
  const closes = parse(row.closes_at);
  const left = closes == null ? null : Math.max(0, closes - now);
  return (
    <li className="flex flex-wrap items-start gap-x-6 gap-y-2 border-b border-line py-3">
      <div className="min-w-0 flex-1 basis-64">
        <b className="text-13"><StateText look={rules.breakerLook.open}>{rules.breakerName(row.breaker)}</StateText></b>
        <span className="ident pl-2 text-muted">{row.scope.replace("/", " ")}</span>
        <p>{rules.whyText(row)}{row.open_since && <span className="text-muted"> · open since <Since at={row.open_since} /></span>}</p>
        <p className="text-muted">{rules.ruleText(row)}, then {rules.actionWords[row.action]}; closes {row.resume === "person" ? "when " : ""}{rules.closesText(row)}</p>
      </div>
      <div className="flex flex-col items-end gap-1 max-md:w-full max-md:items-start">
        {row.halts.map((halt) => (
          <span key={halt.scope} className="flex flex-wrap items-center gap-x-3 gap-y-1">
            <StateText look={look(haltLook, halt.level)}>{look(haltLook, halt.level).word}: {halt.scope}</StateText>
            <Link to="/emergency" search={{ scope: halt.scope }} className="btn btn-sm">Lift in Emergency</Link>
          </span>
        ))}
        {row.resume === "auto" && row.halts.length === 0 && <span className="text-warn" role="timer">{left == null ? "closes by itself" : left === 0 ? "closes when the cause is gone" : `closes in ${duration(left)}`}</span>}
      </div>
    </li>
  );
}

/** Names of scopes as people read them; a trader leads to its page. */
function Whose({ scope }: { scope: string }) {
  const name = rules.scopeName(scope);
  return scope.startsWith("trader/") ? <Link to="/traders/$id" params={{ id: name }}>{name}</Link> : <span className="ident text-muted">{name}</span>;
}
const byTrader = (row: Headroom): string => limitName({ ...row, scope: "" });

const CLOSEST = 12;
function Limits({ rows, currency, whole }: { rows: Headroom[]; currency: string; whole: boolean }) {
  const navigate = useNavigate();
  const [all, setAll] = useState(rows.length <= CLOSEST);
  const edit = (row: Headroom) => void navigate({ to: "/config", search: { at: rules.limitPath(row) } });
  const columns = useMemo<Column<Headroom>[]>(() => [
    { id: "limit", header: "Limit", left: true, wrap: true, sort: byTrader, cell: (row) => <><b>{byTrader(row)}</b><small className="only-phone text-11 text-muted"><br />{rules.scopeName(row.scope)}</small></> },
    { id: "whose", header: "Whose", left: true, hidePhone: true, sort: (row) => row.scope, cell: (row) => <Whose scope={row.scope} /> },
    { id: "use", header: "Used", left: true, sort: usedRatio, cell: (row) => <Use row={row} currency={currency} /> },
    { id: "left", header: "Left", cell: (row) => <span className={(usedRatio(row) ?? 0) > 1 ? (row.action ? "text-bad" : "text-warn") : undefined}>{leftText(row, currency)}</span> },
    { id: "then", header: "Beyond it", left: true, hidePhone: true, sort: (row) => row.action ?? "", cell: (row) => (row.action ? <b>{rules.actionWords[row.action as Breaker["action"]]}</b> : <span className="text-muted">order refused</span>) },
    { id: "set", header: "Set by", left: true, hidePhone: true, sort: (row) => row.set_at, cell: (row) => <span className="text-muted">{row.set_by == null ? "built in" : <>{row.set_by} · <Since at={row.set_at} /></>}</span> },
    { id: "breach", header: "Last breach", hidePhone: true, sort: (row) => row.last_breach, cell: (row) => (row.last_breach ? <><Since at={row.last_breach} />{row.breaches > 1 && <span className="text-muted"> ×{number(row.breaches)}</span>}</> : <span className="text-faint">never</span>) },
    { id: "edit", header: <span className="sr-only">Change</span>, hidePhone: true, cell: (row) => <Link to="/config" search={{ at: rules.limitPath(row) }} aria-label={`Change ${limitName(row)}`}>change</Link> },
  ], [currency]);
  const closest = closestFirst(rows).slice(0, CLOSEST);
  const shown = all ? rows : rows.filter((row) => closest.includes(row) || row.last_breach);
  const table = <DataTable label="Limits" rows={shown.length ? shown : rows} columns={columns} rowId={(row) => `${row.scope}/${row.limit}`} initialSort={{ id: "use", desc: true }} onOpen={edit} empty={<Empty title={whole ? "No limit is set" : "None of these is set"} action={<Link to="/config" className="btn">Open configuration</Link>}>Limits bound orders, positions, exposure and losses. The gate holds every order against them; a running limit acts when it is crossed.</Empty>} />;
  return <>{table}{(all ? rows.length > CLOSEST : shown.length < rows.length) && <div className="pt-2"><Button small onClick={() => setAll(!all)}>{all ? "Only the closest" : `All ${rows.length} limits`}</Button></div>}</>;
}

/** The bar, its share and its numbers. What nobody reported has no bar. */
function Use({ row, currency }: { row: Headroom; currency: string }) {
  const ratio = usedRatio(row);
  return (
    <span className="flex items-center gap-3">
      <span className="block w-40 flex-none max-md:w-16">{ratio != null && <Meter ratio={ratio} label={`${limitName(row)}: ${usedText(row, currency)}`} />}</span>
      <span className="w-10 flex-none text-right">{ratio == null ? "–" : percent(ratio, 0)}</span>
      <span className="hide-phone text-muted">{usedText(row, currency)}</span>
    </span>
  );
}

const breakerColumns = (currency: string): Column<rules.Ruled>[] => [
  { id: "breaker", header: "Breaker", left: true, wrap: true, cell: ({ rule }) => <><b className="whitespace-nowrap">{rules.breakerName(rule.breaker)}</b><small className="only-phone text-11 text-muted"><br />{rules.ruleText(rule, currency)}</small></> },
  { id: "rule", header: "Opens at", left: true, hidePhone: true, cell: ({ rule }) => rules.ruleText(rule, currency) },
  { id: "then", header: "Then", left: true, hidePhone: true, cell: ({ rule }) => <b>{rules.actionWords[rule.action]}</b> },
  { id: "closes", header: "Closes", left: true, hidePhone: true, cell: ({ rule }) => <span className="text-muted">{rules.closesText(rule)}</span> },
  { id: "now", header: "Now", left: true, cell: (row) => <Now row={row} /> },
  { id: "last", header: "Last opened", hidePhone: true, cell: ({ places }) => <Last places={places} /> },
  { id: "edit", header: <span className="sr-only">Change</span>, hidePhone: true, cell: ({ rule }) => <Link to="/config" search={{ at: rules.breakerPath(rule) }} aria-label={`Change ${rules.breakerName(rule.breaker)}`}>change</Link> },
];
function Now({ row: { open, rule, places } }: { row: rules.Ruled }) {
  const near = rules.nearText(rule);
  if (open.length > 0) return <StateText look={rules.breakerLook.open}>Open: {open.map((each) => rules.scopeName(each.scope)).join(", ")}</StateText>;
  return <><StateText look={rules.breakerLook.closed} />{near && <span className="pl-2 text-muted" title={places.length > 1 ? `The nearest of ${places.length}: ${rule.scope}` : undefined}>{near}</span>}</>;
}
function Last({ places }: { places: Breaker[] }) {
  const last = places.map((each) => each.last_tripped).filter((at) => at != null).sort().at(-1);
  const trips = places.reduce((sum, each) => sum + each.trips, 0);
  return last ? <><Since at={last} />{trips > 1 && <span className="text-muted"> ×{number(trips)}</span>}</> : <span className="text-faint">never</span>;
}
function Breakers({ rows, currency }: { rows: Breaker[]; currency: string }) {
  const columns = useMemo(() => breakerColumns(currency), [currency]);
  const navigate = useNavigate();
  return <DataTable label="Breakers" rows={rules.byRule(rows)} columns={columns} rowId={(row) => row.key} onOpen={({ rule }) => void navigate({ to: "/config", search: { at: rules.breakerPath(rule) } })} empty={<Empty title="No account in force">Each account has its breakers; none can be switched off, only made to alarm and no more.</Empty>} />;
}

function Lately() {
  const events = useQuery(queries.breaches());
  const items = useMemo(() => (events.data ?? []).map(describe), [events.data]);
  return <QueryPanel title="Breaches" query={events} note="limits, breakers, halts" deadlineMs={120_000} end={<Link to="/audit">audit</Link>}>{() => <Timeline items={items} empty="A limit that is crossed, a breaker that opens and a halt that is lifted stand here." />}</QueryPanel>;
}
