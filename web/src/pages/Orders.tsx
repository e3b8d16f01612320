import { useMemo } from "react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { cancelOrder, cancelOrders, closePosition } from "~/api/acts";
import { problemOf } from "~/api/http";
import { queries } from "~/api/queries";
import { look, orderLook, workingOrder } from "~/api/states";
import type { Fill, LedgerPosting, Order, Position, Trade } from "~/api/types";
import { Downloads } from "~/components/Downloads";
import { latencyMs, slippageBp } from "~/components/execution";
import { useMay } from "~/components/hooks";
import { Older } from "~/components/Older";
import { QueryPanel } from "~/components/Panel";
import { openKill } from "~/components/shell";
import { numbersText } from "~/components/timeline";
import { useNow } from "~/lib/clock";
import { basisPoints, codeWords, delta, millis, money, num, number, plural, price, quantity, show, tone, toneClass, words } from "~/lib/format";
import { usePrefs } from "~/lib/prefs";
import { clock, dateTime, moment, tradingTime } from "~/lib/time";
import { DataTable, type Column } from "~/table/DataTable";
import { Empty, Failure, Figure, SkeletonRows } from "~/ui/Bits";
import { Button } from "~/ui/Button";
import { Dialog } from "~/ui/Dialog";
import { Mark, StateText } from "~/ui/Mark";
import { TabPanel, Tabs } from "~/ui/Tabs";

type Tab = "orders" | "positions" | "fills" | "trades" | "ledger";
const tabs: { value: Tab; label: string }[] = [{ value: "orders", label: "Orders" }, { value: "positions", label: "Positions" }, { value: "fills", label: "Fills" }, { value: "trades", label: "Trades" }, { value: "ledger", label: "Ledger" }];
const search = "/shell/orders" as const;

export function Orders() {
  const { tab, order } = useSearch({ from: search });
  const navigate = useNavigate({ from: "/orders" });
  const current = tabs.some((each) => each.value === tab) ? (tab as Tab) : "orders";
  return (
    <div className="page">
      <h1 className="text-15 font-semibold">Orders and positions</h1>
      <section className="min-w-0"><Tabs<Tab> label="Books" value={current} items={tabs} onChange={(value) => void navigate({ search: (old) => ({ trader: old.trader, tab: value }) })} />
      <TabPanel value={current}>
        {current === "orders" && <Blotter />}
        {current === "positions" && <Positions />}
        {current === "fills" && <Fills />}
        {current === "trades" && <Trades />}
        {current === "ledger" && <Ledger />}
      </TabPanel></section>
      {order && <LifeCycle id={order} onClose={() => void navigate({ search: (old) => ({ ...old, order: undefined }) })} />}
    </div>
  );
}

/** What a choice asks the API for; nothing is picked out of a page that was read for another choice. */
const groups: { value: string; label: string; status?: string }[] = [
  { value: "all", label: "All" },
  { value: "working", label: "Working", status: "open" },
  { value: "UNKNOWN", label: "Unknown", status: "UNKNOWN" },
  { value: "FILLED", label: "Filled", status: "FILLED,PARTIALLY_FILLED" },
  { value: "refused", label: "Denied or rejected", status: "DENIED,REJECTED" },
];

function Blotter() {
  const { status = "all", trader, q, order: openOrder } = useSearch({ from: search });
  const navigate = useNavigate({ from: "/orders" });
  const query = useInfiniteQuery(queries.orderBook({ trader, status: groups.find((each) => each.value === status)?.status }));
  const open = useQuery(queries.orders({ trader, status: "open", limit: 500 })).data;
  const blocked = useMay("operator");
  const rows = useMemo(() => (query.data ?? []).filter((row) => (!q || `${row.id} ${row.trader} ${row.instrument} ${row.status} ${row.reason ?? ""}`.toLowerCase().includes(q.toLowerCase()))), [query.data, q]);
  const working = open ?? [];
  const unknown = working.filter((row) => row.status === "UNKNOWN");
  const columns = useMemo<Column<Order>[]>(() => [
    { id: "created", header: "Bar", left: true, sort: (row) => row.created + row.id, cell: (row) => tradingTime(row.created) },
    { id: "status", header: "Status", left: true, sort: (row) => row.status, cell: (row) => <StateText look={look(orderLook, row.status)} title={row.reason ? codeWords(row.reason) : undefined} /> },
    { id: "trader", header: "Trader", left: true, hidePhone: true, sort: (row) => row.trader, cell: (row) => <Link to="/traders/$id" params={{ id: row.trader }} search={{ at: row.created }}>{row.trader}</Link> },
    { id: "side", header: "Order", left: true, sort: (row) => row.instrument, cell: (row) => <>{row.side === "BUY" ? "Buy" : "Sell"} <span className="text-muted">{row.instrument}</span></> },
    { id: "type", header: "Type", left: true, hidePhone: true, cell: (row) => <span className="text-muted">{words(row.type.toLowerCase())} {row.tif}{row.reduce_only ? " reduce" : ""}</span> },
    { id: "quantity", header: "Size", sort: (row) => num(row.quantity), cell: (row) => num(row.filled) && num(row.filled) !== num(row.quantity) ? `${quantity(row.filled)} of ${quantity(row.quantity)}` : quantity(row.quantity) },
    { id: "decision", header: "Decided at", hidePhone: true, sort: (row) => num(row.decision_price), cell: (row) => <span className="text-muted">{price(row.decision_price ?? row.limit_price)}</span> },
    { id: "average", header: "Filled at", hidePhone: true, sort: (row) => num(row.average_price), cell: (row) => price(row.average_price) },
    { id: "slippage", header: "Slippage", hidePhone: true, title: "(filled − decided) / decided, signed so that plus is a cost", sort: slippageBp, cell: (row) => <span className="text-muted">{basisPoints(slippageBp(row))}</span> },
    { id: "latency", header: "Latency", hidePhone: true, title: "Sent to acknowledged", sort: latencyMs, cell: (row) => <span className="text-muted">{millis(latencyMs(row))}</span> },
    { id: "reason", header: "Reason", left: true, hidePhone: true, cell: (row) => <span className="text-muted">{row.reason ? codeWords(row.reason) : row.purpose}</span> },
    { id: "act", header: <span className="sr-only">Act</span>, cell: (row) => workingOrder[row.status] ? <Button small blocked={blocked ?? (row.status === "UNKNOWN" ? "Its outcome is not known: only the broker’s own log can end it." : null)} onClick={() => void cancelOrder(row.id)}>Cancel</Button> : null },
  ], [blocked]);
  return (
    <QueryPanel
      title="Blotter" query={query} note={query.data && `${plural(working.length, "working order")}${trader ? ` · ${trader} only` : ""}`}
      end={<>
        {trader && <button type="button" className="link" onClick={() => void navigate({ search: (old) => ({ ...old, trader: undefined }) })}>all traders</button>}
        <Button small blocked={blocked ?? (working.length ? null : "No order is working.")} onClick={() => void cancelOrders(trader ? { trader } : {})}>Cancel {working.length ? `all ${working.length}` : "all"}</Button>
        <Downloads path="/orders" name="orders" query={{ trader }} />
      </>}
    >
      {() => (
        <>
          <div className="flex flex-wrap items-center gap-2 py-3">
            <div className="segmented max-w-full overflow-x-auto" role="group" aria-label="Which orders">
              {groups.map((each) => <button key={each.value} type="button" aria-pressed={each.value === status} onClick={() => void navigate({ search: (old) => ({ ...old, status: each.value === "all" ? undefined : each.value }), replace: true })}>{each.label}{each.value === "UNKNOWN" && unknown.length > 0 ? ` ${unknown.length}` : ""}</button>)}
            </div>
            <input data-search type="search" className="input w-44!" aria-label="Filter orders" placeholder="Filter  /" value={q ?? ""} onChange={(event) => void navigate({ search: (old) => ({ ...old, q: event.target.value || undefined }), replace: true })} />
          </div>
          {unknown.length > 0 && (
            <p className="notice mb-3 rounded-md border border-line px-3!"><Mark shape="question" tone="unknown" /><b>{plural(unknown.length, "order")} with unknown outcome</b><span className="text-muted">Counted at worst case in every limit. The deck asks the broker’s own log; do not send it again by hand.</span></p>
          )}
          <DataTable
            label="Orders" rows={rows} columns={columns} rowId={(row) => row.id} activeId={openOrder} onOpen={(row) => void navigate({ search: (old) => ({ ...old, order: row.id }) })}
            empty={status !== "all" || q ? <Empty title="None of these">Choose “All” or clear the filter to see the others.</Empty> : <Empty title="No order yet">An order appears with the first signal that the gate lets pass, or refuses. In signals-only mode each becomes a recorded denial.</Empty>}
          />
          <Older book={query} name="order" />
        </>
      )}
    </QueryPanel>
  );
}

const stepWords: Record<string, string> = { "order.intent": "Intent journaled and fsynced", "order.accepted": "Acknowledged by the venue", "order.filled": "Filled", "order.denied": "Denied by our gate", "order.rejected": "Rejected by the venue", "order.unknown": "Outcome unknown", "order.cancel_requested": "Cancel requested", "order.cancelled": "Cancelled", "order.expired": "Expired", "order.replaced": "Replaced" };
function LifeCycle({ id, onClose }: { id: string; onClose: () => void }) {
  const query = useQuery(queries.order(id));
  const blocked = useMay("operator");
  const { zone } = usePrefs();
  const order = query.data?.order;
  return (
    <Dialog open drawer onClose={onClose} title={order ? `${order.side === "BUY" ? "Buy" : "Sell"} ${quantity(order.quantity)} ${order.instrument}` : "Order"} note={<span className="code inline-block max-w-[30ch] truncate align-middle" title={id}>{id}</span>} width={480}
      foot={order && <><Link to="/traders/$id" params={{ id: order.trader }} search={{ at: order.created }} className="btn mr-auto">Why</Link><Button blocked={blocked ?? (!workingOrder[order.status] ? `It is ${look(orderLook, order.status).word.toLowerCase()}; there is nothing to cancel.` : order.status === "UNKNOWN" ? "Its outcome is not known yet." : null)} onClick={() => void cancelOrder(order.id)}>Cancel order</Button></>}
    >
      {query.isError ? <Failure {...problemOf(query.error)} onRetry={() => void query.refetch()} /> : !query.data || !order ? <SkeletonRows /> : (
        <>
          <div>
            <p className="text-15 font-semibold"><StateText look={look(orderLook, order.status)} /></p>
            <p className="text-12 text-muted">{look(orderLook, order.status).meaning}</p>
            {order.reason && <p className="pt-1 text-12">{codeWords(order.reason)} <span className="code text-faint">{order.reason}</span> <span className="text-muted">{numbersText(order.numbers)}</span></p>}
          </div>
          <div className="grid grid-cols-3 gap-3">
            <Figure label="Decided at" value={price(order.decision_price)} />
            <Figure label="Filled at" value={price(order.average_price)} />
            <Figure label="Slippage" value={basisPoints(slippageBp(order))} title="plus is a cost" />
            <Figure label="Filled" value={`${quantity(order.filled)} of ${quantity(order.quantity)}`} />
            <Figure label="Latency" value={millis(latencyMs(order))} title="Sent to acknowledged" />
            <Figure label="Type" value={`${words(order.type.toLowerCase())} ${order.tif}`} />
          </div>
          <ol className="timeline border-t border-line">
            {query.data.steps.map((step, index) => (
              <li key={`${step.seq}-${index}`}>
                <time title={dateTime(step.at, zone)}>{clock(step.at, zone)}</time>
                <Mark className="mt-[3px]" size={11} shape={step.kind === "order.unknown" ? "question" : step.kind === "order.filled" ? "dot" : step.kind === "order.denied" ? "diamond" : "ring"} tone={step.kind === "order.unknown" ? "unknown" : step.kind === "order.filled" ? "ok" : step.kind === "order.denied" || step.kind === "order.rejected" ? "warn" : "accent"} />
                <div className="min-w-0">{stepWords[step.kind] ?? step.kind}<small>{Object.entries(step.body).filter(([, value]) => typeof value !== "object").map(([name, value]) => `${words(name).toLowerCase()} ${show(value)}`).join(" · ")}</small></div>
              </li>
            ))}
          </ol>
          <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-6 gap-y-1 text-12">
            {[["Trader", order.trader], ["Account", order.account], ["Strategy", order.strategy], ["Purpose", order.purpose], ["Client id", order.client_id], ["By", order.by], ["Bar", tradingTime(order.created)]].map(([name, value]) => <div key={name} className="contents"><dt className="text-muted">{name}</dt><dd className="truncate">{value}</dd></div>)}
          </dl>
        </>
      )}
    </Dialog>
  );
}

function Positions() {
  const query = useQuery(queries.positions());
  const blocked = useMay("operator");
  const open = useMemo(() => (query.data ?? []).filter((row) => num(row.quantity) !== 0), [query.data]);
  const columns = useMemo<Column<Position>[]>(() => [
    { id: "instrument", header: "Instrument", left: true, sort: (row) => row.instrument, cell: (row) => <b>{row.instrument}</b> },
    { id: "trader", header: "Trader", left: true, hidePhone: true, sort: (row) => row.trader ?? "", cell: (row) => row.trader ? <Link to="/traders/$id" params={{ id: row.trader }}>{row.trader}</Link> : "–" },
    { id: "account", header: "Account", left: true, hidePhone: true, cell: (row) => <span className="text-muted">{row.account}</span> },
    { id: "quantity", header: "Size", sort: (row) => num(row.quantity), cell: (row) => quantity(row.quantity, true) },
    { id: "average", header: "Entry", sort: (row) => num(row.average_price), cell: (row) => <span className="text-muted">{price(row.average_price)}</span> },
    { id: "price", header: "Price", hidePhone: true, sort: (row) => num(row.price), cell: (row) => price(row.price) },
    { id: "value", header: "Value", hidePhone: true, sort: (row) => num(row.value), cell: (row) => money(row.value) },
    { id: "unrealised", header: "Unrealised", sort: (row) => num(row.unrealised), cell: (row) => <span className={toneClass[tone(row.unrealised)]}>{delta(row.unrealised)}</span> },
    { id: "realised", header: "Realised", hidePhone: true, sort: (row) => num(row.realised), cell: (row) => <span className={toneClass[tone(row.realised)]}>{delta(row.realised)}</span> },
    { id: "opened", header: "Opened", hidePhone: true, sort: (row) => row.opened, cell: (row) => <span className="text-muted">{tradingTime(row.opened)}</span> },
    { id: "act", header: <span className="sr-only">Act</span>, cell: (row) => <Button small blocked={blocked} onClick={() => void closePosition(row.account, row.instrument)} aria-label={`Close ${quantity(row.quantity, true)} ${row.instrument}`}>Close</Button> },
  ], [blocked]);
  return (
    <QueryPanel title="Positions" query={query} note={query.data && `${open.length} open`} end={<Button small look="danger" blocked={blocked ?? (open.length ? null : "The book is flat.")} onClick={() => openKill("all")}>Close all …</Button>}>
      {() => <DataTable label="Positions" rows={open} columns={columns} rowId={(row) => row.account + row.instrument} empty={<Empty title="Flat">A position appears here with its first fill.</Empty>} />}
    </QueryPanel>
  );
}

function Fills() {
  const { trader } = useSearch({ from: search });
  const navigate = useNavigate({ from: "/orders" });
  const query = useInfiniteQuery(queries.fillBook({ trader }));
  const { zone } = usePrefs();
  const now = useNow();
  const columns: Column<Fill>[] = [
    { id: "time", header: "Bar", left: true, sort: (row) => row.at_ns, cell: (row) => tradingTime(row.time) },
    { id: "at", header: "At", left: true, hidePhone: true, cell: (row) => <span className="text-muted">{moment(row.at_ns / 1e6, zone, now)}</span> },
    { id: "trader", header: "Trader", left: true, hidePhone: true, sort: (row) => row.trader, cell: (row) => row.trader },
    { id: "side", header: "Fill", left: true, sort: (row) => row.instrument, cell: (row) => <>{row.side === "BUY" ? "Bought" : "Sold"} <span className="text-muted">{row.instrument}</span></> },
    { id: "quantity", header: "Size", sort: (row) => num(row.quantity), cell: (row) => quantity(row.quantity) },
    { id: "price", header: "Price", sort: (row) => num(row.price), cell: (row) => price(row.price) },
    { id: "fee", header: "Fee", hidePhone: true, sort: (row) => num(row.fee), cell: (row) => <span className="text-muted">{money(row.fee)}</span> },
    { id: "liquidity", header: "Liquidity", left: true, hidePhone: true, cell: (row) => <span className="text-muted">{row.liquidity}</span> },
    { id: "venue", header: "Venue no.", hidePhone: true, sort: (row) => row.venue_seq, cell: (row) => <span className="text-muted">{number(row.venue_seq)}</span> },
    { id: "order", header: "Order", left: true, cell: (row) => <Link to="/orders" search={{ order: row.order }} className="code inline-block max-w-[13ch] truncate align-middle" title={row.order}>{row.order}</Link> },
  ];
  return (
    <QueryPanel title="Fills" query={query} end={<Downloads path="/fills" name="fills" query={{ trader }} />}>
      {(rows) => <><DataTable label="Fills" rows={rows} columns={columns} rowId={(row) => row.id} onOpen={(row) => void navigate({ search: (old) => ({ ...old, order: row.order }) })} empty={<Empty title="No fill yet">Each execution that the venue reports stands here, with its price and fee.</Empty>} /><Older book={query} name="fill" /></>}
    </QueryPanel>
  );
}

function Trades() {
  const { trader } = useSearch({ from: search });
  const query = useInfiniteQuery(queries.tradeBook({ trader }));
  const columns: Column<Trade>[] = [
    { id: "time", header: "Closed", left: true, sort: (row) => row.trade_time, cell: (row) => tradingTime(row.trade_time) },
    { id: "trader", header: "Trader", left: true, hidePhone: true, sort: (row) => row.trader ?? "", cell: (row) => row.trader ?? "–" },
    { id: "what", header: "Trade", left: true, cell: (row) => <>{row.side === "short" ? "Short" : "Long"} {quantity(row.quantity)} <span className="text-muted">{row.instrument}</span></> },
    { id: "entry", header: "Entry", hidePhone: true, sort: (row) => num(row.entry_price), cell: (row) => <span className="text-muted">{price(row.entry_price)}</span> },
    { id: "exit", header: "Exit", hidePhone: true, sort: (row) => num(row.exit_price), cell: (row) => price(row.exit_price) },
    { id: "pnl", header: "P&L", sort: (row) => num(row.pnl), cell: (row) => <span className={toneClass[tone(row.pnl)]}>{delta(row.pnl)}</span> },
    { id: "r", header: "R", title: "P&L / amount at risk to the stop", sort: (row) => num(row.r_multiple), cell: (row) => <span className="text-muted">{number(row.r_multiple, { digits: 2, sign: true })}</span> },
    { id: "outcome", header: "Outcome", left: true, hidePhone: true, cell: (row) => <StateText look={row.outcome === "win" ? { word: "Win", shape: "dot", tone: "muted" } : row.outcome === "loss" ? { word: "Loss", shape: "hollow", tone: "muted" } : { word: row.outcome, shape: "dash", tone: "muted" }} /> },
    { id: "equity", header: "Equity after", hidePhone: true, sort: (row) => num(row.equity), cell: (row) => money(row.equity) },
  ];
  const total = (query.data ?? []).reduce((sum, row) => sum + (num(row.pnl) ?? 0), 0);
  const wins = (query.data ?? []).filter((row) => (num(row.pnl) ?? 0) > 0).length;
  return (
    <QueryPanel title="Round trips" query={query} note={query.data && query.data.length > 0 && `${plural(query.data.length, "trade")} · ${delta(total)} · ${wins} won`} end={<Downloads path="/trades" name="trades" query={{ trader }} />}>
      {(rows) => <><DataTable label="Trades" rows={rows} columns={columns} rowId={(row) => `${row.trade_time}${row.trader ?? ""}${row.pnl}${row.exit_price}`} empty={<Empty title="No closed trade yet">A trade is counted when a position has been opened and closed again.</Empty>} /><Older book={query} name="trade" /></>}
    </QueryPanel>
  );
}

function Ledger() {
  const query = useInfiniteQuery(queries.ledgerBook());
  const columns: Column<LedgerPosting>[] = [
    { id: "seq", header: "No.", left: true, sort: (row) => row.seq, cell: (row) => <span className="text-muted">{number(row.seq)}</span> },
    { id: "time", header: "Bar", left: true, sort: (row) => row.time, cell: (row) => tradingTime(row.time) },
    { id: "account", header: "Account", left: true, hidePhone: true, cell: (row) => <span className="text-muted">{row.account}</span> },
    { id: "ledger", header: "Posting", left: true, sort: (row) => row.ledger, cell: (row) => words(row.ledger) },
    { id: "amount", header: "Amount", sort: (row) => num(row.amount), cell: (row) => <span className={toneClass[tone(row.amount)]}>{delta(row.amount)}</span> },
    { id: "currency", header: "", left: true, hidePhone: true, cell: (row) => <span className="text-muted">{row.currency}</span> },
    { id: "balance", header: "Balance", cell: (row) => money(row.balance) },
    { id: "ref", header: "Reference", left: true, hidePhone: true, cell: (row) => <span className="code text-muted">{row.ref}</span> },
  ];
  return (
    <QueryPanel title="Ledger" query={query} note="P&L equals the change in balance, posting by posting" end={<Downloads path="/ledger" name="ledger" />}>
      {(rows) => <><DataTable label="Ledger" rows={rows} columns={columns} rowId={(row) => String(row.seq)} empty={<Empty title="No posting yet">Each fill, fee, financing and transfer is posted here.</Empty>} /><Older book={query} name="posting" /></>}
    </QueryPanel>
  );
}
