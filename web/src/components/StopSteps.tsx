/* The three steps of a stop with what each would do now: in counts and notional, from the broker's book. */
import { useId, useState } from "react";
import { useQuery } from "@tanstack/react-query";
import { problemOf } from "~/api/http";
import { kill, killId, stopQueries, type KillPreview, type KillStep } from "~/api/stop";
import type { Act } from "~/api/acts";
import { money, plural } from "~/lib/format";
import { HoldButton } from "~/ui/Button";
import { Mark } from "~/ui/Mark";
import { useMay, useStatusPart } from "./hooks";
import { Since } from "./Since";

export interface Run { id: string; scope: string; step: KillStep; at: number; taken: boolean; act: Act | null }
const wallClock = () => Date.now();

/** Notional of each currency; what has no price is said, not left out. */
export const notionalOf = (preview: KillPreview) =>
  preview.totals.map((total) => `${total.notional == null ? "unpriced" : money(total.notional)} ${total.currency}`.trim()).join(" + ") || "nothing";
const costOf = (preview: KillPreview) =>
  preview.totals.map((total) => `${total.cost == null ? "unknown" : money(total.cost)} ${total.currency}`.trim()).join(" + ");

export function words(preview: KillPreview, keep: boolean): Record<KillStep, string> {
  if (preview.orders + preview.positions === 0) {
    const traders = `Stops entries of ${plural(preview.traders.length, "trader")}`;
    return { pause: `${traders}; nothing is held.`, reduce_only: `${traders}; nothing is held that could shrink.`, flatten: `${traders}; no order works and nothing is held, so there is nothing to close.` };
  }
  const positions = plural(preview.positions, "position"), orders = plural(preview.orders, "order");
  return {
    pause: `Stops entries of ${plural(preview.traders.length, "trader")}; ${positions} kept.`,
    reduce_only: `${positions}, ${notionalOf(preview)}, may only shrink.`,
    flatten: keep
      ? `Cancels ${orders}, keeps ${positions}.`
      : `Cancels ${orders}, closes ${positions}, notional ${notionalOf(preview)}; about ${costOf(preview) || "0"} and ${preview.seconds < 0.1 ? "0.1" : preview.seconds.toFixed(1)} s at the broker’s declared rates.`,
  };
}

const steps: { step: KillStep; verb: string; title: string; says: string; hold: number; level: string }[] = [
  { step: "pause", verb: "pause", title: "1  Pause entries", says: "No new entries. Exits and protective orders go on.", hold: 500, level: "pause" },
  { step: "reduce_only", verb: "reduce only", title: "2  Reduce only", says: "Only orders that bring a position nearer to zero, never through it.", hold: 700, level: "reduce_only" },
  { step: "flatten", verb: "flatten", title: "3  Flatten", says: "Cancels every working order and closes every position in scope, then stays halted.", hold: 1200, level: "halted" },
];

interface Props { scope: string; onScope: (scope: string) => void; run: Run | null; onRun: (run: Run) => void; focus?: boolean }
export function StopSteps({ scope, onScope, run, onRun, focus }: Props) {
  const [reason, setReason] = useState("");
  const [keep, setKeep] = useState(false);
  const id = useId();
  const blocked = useMay("operator");
  const scopes = useQuery(stopQueries.scopes()).data ?? ["all"];
  const query = useQuery(stopQueries.preview(scope, !keep));
  const halts = useStatusPart((status) => status.halts)?.filter((halt) => halt.scope === scope || halt.scope === "all") ?? [];
  const preview = query.data;
  const told = preview ? words(preview, keep) : null;
  const start = (step: KillStep) => {
    const begun: Run = { id: killId(), scope, step, at: wallClock(), taken: false, act: null };
    onRun(begun);
    // Not known under its id before it was answered; what was refused may be known all the same.
    void kill(begun.id, scope, step, !keep, reason.trim() || "From the cockpit", () => onRun({ ...begun, taken: true }))
      .then((act) => onRun({ ...begun, taken: !act.problem || act.problem.status === 503, act }));
  };
  return (
    <>
      <div className="grid grid-cols-1 gap-3 md:grid-cols-2">
        <label className="field" htmlFor={`${id}scope`}><span className="label">Scope</span>
          <select id={`${id}scope`} className="select" value={scope} onChange={(event) => onScope(event.target.value)}>
            {[...new Set([...scopes, scope])].map((each) => <option key={each} value={each}>{each === "all" ? "Everything" : each.replace("/", " ")}</option>)}
          </select>
        </label>
        <label className="field" htmlFor={`${id}reason`}><span className="label"><span>Reason</span><small>optional, goes to the record</small></span>
          <input id={`${id}reason`} className="input" value={reason} maxLength={200} onChange={(event) => setReason(event.target.value)} placeholder="From the cockpit" />
        </label>
      </div>
      <ol className="flex flex-col">
        {steps.map((each, index) => {
          const inForce = halts.find((halt) => halt.level === each.level);
          return (
            <li key={each.step} className="flex flex-wrap items-center gap-x-4 gap-y-2 border-t border-line py-3 first:border-t-0 first:pt-0">
              <div className="min-w-0 flex-1 basis-64">
                <b className="text-13 whitespace-pre">{each.title}</b>
                {inForce && <span className="ml-2 text-11 text-warn">in force since <Since at={inForce.at} /></span>}
                <p className="text-12 text-muted">{each.says}</p>
                <p className="text-12" aria-live="off">{told?.[each.step] ?? (query.isError ? "No preview; the stop itself works." : "Looking at the book…")}</p>
                {each.step === "flatten" && (
                  <label className="mt-1 flex items-center gap-2 text-12 text-muted"><input type="checkbox" checked={keep} onChange={(event) => setKeep(event.target.checked)} />Keep positions: only cancel and halt</label>
                )}
              </div>
              <HoldButton blocked={blocked} holdMs={each.hold} onHeld={() => start(each.step)} autoFocus={focus && index === 0} className="w-40 max-md:w-full" label={`Hold to ${each.verb}: ${scope}. ${told?.[each.step] ?? ""}`}>
                {run?.step === each.step && !run.taken && !run.act ? "Working…" : `Hold to ${each.verb}`}
              </HoldButton>
            </li>
          );
        })}
      </ol>
      {preview && <Caveats preview={preview} />}
      {query.isError && <p className="text-12 text-warn">{problemOf(query.error).detail}</p>}
    </>
  );
}

/** What is there without us, and what could not be looked at. */
function Caveats({ preview }: { preview: KillPreview }) {
  const foreign = preview.accounts.flatMap((account) => [
    ...account.positions.filter((item) => item.foreign).map((item) => `${item.quantity} ${item.instrument} (ours ${item.ours})`),
    ...account.orders.filter((item) => item.foreign).map((item) => `${item.side} ${item.remaining} ${item.instrument}`),
  ]);
  return (
    <>
      {foreign.length > 0 && <p className="state text-12"><Mark shape="question" tone="warn" /><span>{plural(foreign.length, "foreign item")}, not ours, in scope too: {foreign.slice(0, 4).join(", ")}{foreign.length > 4 ? " …" : ""}</span></p>}
      {preview.seen === "ours" && <p className="state text-12 text-muted"><Mark shape="dashed" tone="unknown" /><span>Counted from our own book: the broker’s could not be seen now. What was placed there by hand may be missing here; the kill closes it all the same.</span></p>}
    </>
  );
}
