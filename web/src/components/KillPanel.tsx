import { useMemo, useState } from "react";
import { useQuery } from "@tanstack/react-query";
import { flatten, setHalt, clearHalt, type Act } from "~/api/acts";
import { queries } from "~/api/queries";
import { haltLook, look, orderLook, workingOrder } from "~/api/states";
import { useEvents } from "~/api/live";
import type { Order, Status } from "~/api/types";
import { money, num, plural, position } from "~/lib/format";
import { usePrefs } from "~/lib/prefs";
import { clock, moment } from "~/lib/time";
import { useNow } from "~/lib/clock";
import { Button, HoldButton } from "~/ui/Button";
import { Dialog } from "~/ui/Dialog";
import { Mark, StateText } from "~/ui/Mark";
import { describe } from "./timeline";
import { useMay, useStatus } from "./hooks";

const wallClock = () => Date.now();
type Step = "pause" | "reduce_only" | "flatten";
interface Leg { instrument: string; account: string; quantity: string; notional: number }
interface Run { step: Step; scope: string; at: number; legs: Leg[]; orders: string[]; act: Act | null; seq: number }

const inScope = (scope: string, account: string, trader: string) =>
  scope === "all" || scope === `account/${account}` || scope === `trader/${trader}`;

export function previewOf(status: Status, orders: Order[], scope: string) {
  const traders = status.traders.filter((trader) => inScope(scope, trader.account, trader.id));
  const legs: Leg[] = traders
    .filter((trader) => (num(trader.position) ?? 0) !== 0)
    .map((trader) => ({ instrument: trader.instrument, account: trader.account, quantity: trader.position ?? "0", notional: Math.abs((num(trader.position) ?? 0) * (num(trader.price) ?? num(trader.average_price) ?? 0)) }));
  const working = orders.filter((order) => workingOrder[order.status] && inScope(scope, order.account, order.trader));
  return { traders, legs, working, notional: legs.reduce((sum, leg) => sum + leg.notional, 0) };
}

function download(name: string, content: unknown) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(content, null, 2)], { type: "application/json" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1_000);
}

export function KillPanel({ initialScope, onClose }: { initialScope: string; onClose: () => void }) {
  const status = useStatus().data;
  const [scope, setScope] = useState(initialScope);
  const [reason, setReason] = useState("");
  const [run, setRun] = useState<Run | null>(null);
  const orders = useQuery({ ...queries.orders({ status: "open" }), refetchInterval: run ? 500 : false }).data;
  const blocked = useMay("operator");
  const preview = useMemo(() => (status ? previewOf(status, orders ?? [], scope) : null), [status, orders, scope]);
  if (!status || !preview) return null;
  const currency = status.accounts[0]?.currency ?? "";
  const halts = status.halts.filter((halt) => halt.scope === scope || halt.scope === "all");

  const start = (step: Step) => {
    const begun: Run = { step, scope, at: wallClock(), legs: preview.legs, orders: preview.working.map((order) => order.id), act: null, seq: status.last_seq };
    setRun(begun);
    const words = reason.trim() || "From the kill panel";
    const act = step === "flatten" ? flatten(scope, words) : setHalt(scope, step, words);
    void act.then((done) => setRun((now) => (now?.at === begun.at ? { ...now, act: done } : now)));
  };
  const steps: { step: Step; verb: string; title: string; says: string; preview: string; hold: number }[] = [
    { step: "pause", verb: "pause", title: "1  Pause entries", says: "No new entries. Exits and protective orders go on.", preview: `Stops entries of ${plural(preview.traders.length, "trader")}; ${plural(preview.legs.length, "position")} kept.`, hold: 500 },
    { step: "reduce_only", verb: "reduce only", title: "2  Reduce only", says: "Only orders that bring a position nearer to zero, never through it.", preview: `${plural(preview.legs.length, "position")}, ${money(preview.notional)} ${currency}, may only shrink.`, hold: 700 },
    { step: "flatten", verb: "flatten", title: "3  Flatten", says: "Pauses entries, cancels every working order, closes every position in scope.", preview: `Cancels ${plural(preview.working.length, "order")}, closes ${plural(preview.legs.length, "position")}, notional ${money(preview.notional)} ${currency}.`, hold: 1200 },
  ];
  return (
    <Dialog open onClose={onClose} title={scope === "all" ? "Kill switch" : `Kill switch: ${scope.split("/")[1]}`} note="nothing here waits for approval" width={620}>
      <div className="grid grid-cols-1 gap-3 md:grid-cols-2">
        <label className="field"><span className="label">Scope</span>
          <select className="select" value={scope} onChange={(event) => setScope(event.target.value)}>
            <option value="all">Everything: {plural(status.traders.length, "trader")}</option>
            {status.accounts.map((account) => <option key={account.id} value={`account/${account.id}`}>Account {account.id}</option>)}
            {status.traders.map((trader) => <option key={trader.id} value={`trader/${trader.id}`}>Trader {trader.id}</option>)}
          </select>
        </label>
        <label className="field"><span className="label"><span>Reason</span><small>optional, goes to the audit</small></span>
          <input className="input" value={reason} maxLength={200} onChange={(event) => setReason(event.target.value)} placeholder="From the kill panel" />
        </label>
      </div>
      <ol className="flex flex-col">
        {steps.map((each, index) => {
          const level = each.step === "flatten" ? "halted" : each.step;
          const inForce = halts.find((halt) => halt.level === level);
          return (
            <li key={each.step} className="flex flex-wrap items-center gap-x-4 gap-y-2 border-t border-line py-3 first:border-t-0 first:pt-0">
              <div className="min-w-0 flex-1 basis-64">
                <b className="text-13 whitespace-pre">{each.title}</b>
                {inForce && <span className="ml-2 text-11 text-warn">in force since <Since at={inForce.at} /></span>}
                <p className="text-12 text-muted">{each.says}</p>
                <p className="text-12">{each.preview}</p>
              </div>
              <HoldButton blocked={blocked} holdMs={each.hold} onHeld={() => start(each.step)} autoFocus={index === 0} className="w-40 max-md:w-full" label={`Hold to ${each.verb}: ${scope}. ${each.preview}`}>
                {run?.step === each.step && !run.act ? "Working…" : `Hold to ${each.verb}`}
              </HoldButton>
            </li>
          );
        })}
      </ol>
      {run && <Progress run={run} status={status} orders={orders ?? []} />}
      {status.halts.length > 0 && <Halts status={status} />}
    </Dialog>
  );
}

function Since({ at }: { at: string }) {
  const { zone } = usePrefs();
  return <>{moment(at, zone, useNow())}</>;
}

const phaseWords = { pending: "Sent", accepted: "Accepted, waiting for the runner", confirmed: "Confirmed by the runner", refused: "Refused", silent: "Accepted, not confirmed yet" } as const;

/** Every leg as the events report it: an order counts as cancelled and a position as closed only then. */
function Progress({ run, status, orders }: { run: Run; status: Status; orders: Order[] }) {
  const { zone } = usePrefs();
  const events = useEvents();
  const since = events.filter((event) => event.seq > run.seq).reverse();
  const left = run.legs.map((leg) => {
    const now = status.traders.filter((trader) => trader.account === leg.account && trader.instrument === leg.instrument).reduce((sum, trader) => sum + (num(trader.position) ?? 0), 0);
    return { ...leg, now };
  });
  const open = run.orders.filter((id) => orders.some((order) => order.id === id && workingOrder[order.status]));
  const flat = run.step === "flatten" && left.every((leg) => leg.now === 0) && open.length === 0 && run.act != null;
  const evidence = () => download(`kill-${new Date(run.at).toISOString().replaceAll(":", "")}.json`, { step: run.step, scope: run.scope, started_at: new Date(run.at).toISOString(), audit_id: run.act?.auditId, outcome: run.act?.phase, positions_before: run.legs, positions_now: left, orders_before: run.orders, orders_left: open, events: since });
  return (
    <section className="border-t border-line pt-3" aria-live="polite">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <b className="text-13">{run.step === "flatten" ? (flat ? "Flat" : "Flattening") : "Progress"}</b>
        <span className="text-12 text-muted">
          {phaseWords[run.act?.phase ?? "pending"]}
          {run.act?.endedAt ? ` after ${run.act.endedAt - run.at} ms` : ""}{run.act?.note ? ` · ${run.act.note}` : ""}
        </span>
        <Button small className="ml-auto" onClick={evidence}>Download evidence</Button>
      </div>
      {run.act?.auditId && <p className="code text-faint">audit {run.act.auditId}</p>}
      {run.step === "flatten" && (
        <ul className="mt-2 text-12">
          <li className="flex justify-between gap-4 border-t border-line py-1.5"><StateText look={open.length ? orderLook.ACCEPTED : orderLook.FILLED}>{run.orders.length - open.length} of {run.orders.length} orders cancelled</StateText></li>
          {left.map((leg) => (
            <li key={leg.account + leg.instrument} className="flex justify-between gap-4 border-t border-line py-1.5">
              <span className="state"><Mark shape={leg.now === 0 ? "dot" : "ring"} tone={leg.now === 0 ? "ok" : "warn"} />{leg.instrument}</span>
              <span className="text-muted">{position(leg.quantity, "")} → <span className="text-text">{position(leg.now, "")}</span></span>
            </li>
          ))}
        </ul>
      )}
      {since.length > 0 && (
        <ul className="mt-2 max-h-32 overflow-auto text-11 text-muted" tabIndex={0} aria-label="Events since">
          {since.map(describe).map((item) => <li key={item.key} className="flex gap-2 py-0.5"><span className="code">{clock(item.at, zone)}</span><span className="truncate">{item.title}</span></li>)}
        </ul>
      )}
    </section>
  );
}

function Halts({ status }: { status: Status }) {
  const blocked = useMay("risk");
  const [reason, setReason] = useState("");
  return (
    <section className="border-t border-line pt-3">
      <b className="text-13">In force</b>
      <ul className="text-12">
        {status.halts.map((halt) => (
          <li key={halt.scope + halt.level} className="flex flex-wrap items-center gap-x-3 gap-y-1 py-1.5">
            <StateText look={look(haltLook, halt.level)} />
            <span className="min-w-0 flex-1 text-muted">{halt.scope} · {halt.by} · <Since at={halt.at} />{halt.reason ? ` · ${halt.reason}` : ""}</span>
            <Button small blocked={blocked ?? (reason.trim() ? null : "Write the reason below first.")} onClick={() => void clearHalt(halt.scope, reason.trim())}>Lift</Button>
          </li>
        ))}
      </ul>
      <input className="input mt-1" aria-label="Reason for lifting" placeholder="Reason for lifting (required)" value={reason} onChange={(event) => setReason(event.target.value)} />
    </section>
  );
}
