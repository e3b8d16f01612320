/* A kill on its way: who has latched it, each account's leg, the steps, and the proof at the broker. */
import { useEffect, useRef, useState } from "react";
import { useQuery } from "@tanstack/react-query";
import { downloadReport, stopQueries, type Holder, type KillFull, type KillLeg } from "~/api/stop";
import type { Act } from "~/api/acts";
import type { StateLook } from "~/lib/look";
import { number, plural } from "~/lib/format";
import { usePrefs } from "~/lib/prefs";
import { clock, type Zone } from "~/lib/time";
import { Button } from "~/ui/Button";
import { Mark, StateText } from "~/ui/Mark";

export const killLook = {
  unanswered: { word: "Nobody has it yet", shape: "triangle", tone: "bad", meaning: "Neither guard nor runner has latched it; it is sent again every second." },
  latched: { word: "Latched", shape: "cross", tone: "warn", meaning: "Nothing new opens in this scope." },
  closing: { word: "Closing", shape: "ring", tone: "warn", meaning: "Not yet flat as seen at the broker." },
  done: { word: "Done", shape: "dot", tone: "ok", meaning: "Seen at the broker by the guard." },
} satisfies Record<KillFull["state"], StateLook>;
export const legLook = {
  asked: { word: "asked", shape: "hollow", tone: "unknown" },
  closing: { word: "closing", shape: "ring", tone: "warn" },
  checking: { word: "guard is looking", shape: "ring", tone: "accent" },
  flat: { word: "flat as seen at the broker", shape: "dot", tone: "ok" },
} satisfies Record<KillLeg["state"], StateLook>;
const holders: Holder[] = ["guard", "runner", "store"];
export const ms = (value: number | null) => (value == null ? "–" : value < 10_000 ? `${number(value, { digits: 1 })} ms` : `${number(value / 1000, { digits: 1 })} s`);

export function KillRun({ id, act, taken = true }: { id: string; act?: Act | null; taken?: boolean }) {
  const { zone } = usePrefs();
  const kill = useQuery({ ...stopQueries.kill(id), enabled: taken }).data;
  const top = useRef<HTMLDivElement>(null);
  useEffect(() => top.current?.scrollIntoView({ block: "nearest" }), []); // On a phone it begins below the fold.
  return <div ref={top} className="scroll-mb-24"><Told id={id} kill={kill} act={act} zone={zone} /></div>;
}

function Told({ id, kill, act, zone }: { id: string; kill?: KillFull; act?: Act | null; zone: Zone }) {
  if (act?.problem && !kill) {
    return (
      <section className="border-t border-line pt-3" role="alert">
        <b className="state text-13"><Mark shape="triangle" tone="bad" />{act.problem.title}</b>
        <p className="text-12">{act.problem.detail}</p>
        {act.problem.hint && <p className="text-12">{act.problem.hint}</p>}
      </section>
    );
  }
  if (!kill) return <section className="border-t border-line pt-3 text-12 text-muted" aria-live="polite">Sent to guard and runner…</section>;
  const flat = kill.state === "done" && kill.legs.length > 0;
  return (
    <section className="border-t border-line pt-3" aria-live="polite">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <b className="text-13"><StateText look={killLook[kill.state]}>{flat ? (kill.flatten ? "Flat" : "Cancelled") : kill.state === "done" ? "Latched" : undefined}</StateText></b>
        <span className="text-12 text-muted">{flat ? `as seen at the broker at ${clock(kill.done_at, zone)}` : killLook[kill.state].meaning}</span>
        <Report id={id} />
      </div>
      {act?.problem && <p className="text-12 text-bad">{act.problem.detail} {act.problem.hint}</p>}
      <p className="mt-1 flex flex-wrap gap-x-4 text-12 text-muted">
        {holders.map((holder) => <span key={holder} className="state"><Mark shape={kill.latched[holder] ? "dot" : "hollow"} tone={kill.latched[holder] ? "ok" : "unknown"} />{holder} {kill.latched[holder] ? `latched ${clock(kill.latched[holder], zone)}` : "not yet"}</span>)}
      </p>
      {kill.step === "flatten" && (
        <dl className="mt-2 flex flex-wrap gap-x-6 gap-y-1 text-12">
          {([["last cancel sent", kill.to_last_cancel_sent_ms], ["cancelled", kill.to_cancelled_ms], ["flat", kill.to_flat_ms]] as const).map(([label, value]) => <div key={label} className="flex gap-2"><dt className="text-muted">{label}</dt><dd>{ms(value)}</dd></div>)}
        </dl>
      )}
      <ul className="mt-2 text-12">
        {kill.legs.map((leg) => (
          <li key={leg.account} className="flex flex-wrap justify-between gap-x-4 border-t border-line py-1.5">
            <span>{leg.account}{leg.instruments ? ` · ${leg.instruments.join(", ")}` : " · whole account"}{leg.by ? ` · by the ${leg.by}` : ""}</span>
            <StateText look={legLook[leg.state]}>{legLook[leg.state].word}{leg.flat_at ? ` ${clock(leg.flat_at, zone)}` : ""}</StateText>
          </li>
        ))}
      </ul>
      {kill.steps.length > 0 && (
        <details className="mt-2 text-12" open={kill.state !== "done"}>
          <summary className="text-muted">{plural(kill.steps.length, "step")}</summary>
          <ul className="mt-1 max-h-40 overflow-auto text-11 text-muted" tabIndex={0} aria-label="Steps">
            {kill.steps.map((step) => <li key={step.seq} className="flex gap-2 py-0.5"><span className="code">{clock(step.at, zone)}</span><span>{step.account}: {step.step} ({step.by}){step.ref ? ` · ${step.ref}` : ""}</span></li>)}
          </ul>
        </details>
      )}
    </section>
  );
}

/** The evidence as a file, and its hash to compare. */
export function Report({ id, small }: { id: string; small?: boolean }) {
  const [said, setSaid] = useState<string | null>(null);
  const save = () => void downloadReport(id).then((hash) => setSaid(hash), () => setSaid("failed"));
  return (
    <span className="ml-auto flex flex-wrap items-center gap-2">
      {said && !small && <span className="code text-faint" title={said}>{said === "failed" ? "no report" : `sha256 ${said.slice(0, 12)}…`}</span>}
      <Button small onClick={save} aria-label={`Report of ${id}`}>{small ? "Report" : "Download report"}</Button>
    </span>
  );
}
