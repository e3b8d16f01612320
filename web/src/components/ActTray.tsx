import { useEffect } from "react";
import { dismissAct, useActs, type Act, type ActPhase } from "~/api/acts";
import type { MarkShape, StateTone } from "~/lib/look";
import { duration } from "~/lib/format";
import { Icon } from "~/ui/Icon";
import { Mark } from "~/ui/Mark";

const phases = {
  pending: { word: "Sending", shape: "ring", tone: "accent" },
  accepted: { word: "Accepted, waiting for the runner", shape: "ring", tone: "accent" },
  confirmed: { word: "Confirmed", shape: "dot", tone: "ok" },
  refused: { word: "Refused", shape: "cross", tone: "bad" },
  silent: { word: "Not confirmed", shape: "question", tone: "unknown" },
} satisfies Record<ActPhase, { word: string; shape: MarkShape; tone: StateTone }>;

const SHOWN_MS = 7_000;
/** Every act of this page, from pending to the runner's word, with its audit id. */
export function ActTray() {
  const acts = useActs();
  return (
    <div className="pointer-events-none fixed right-4 bottom-4 z-30 flex w-[340px] max-w-[calc(100vw-24px)] flex-col gap-2 max-lg:bottom-[68px] max-md:right-3" role="log" aria-live="polite" aria-label="Acts">
      {acts.map((act) => <ActCard key={act.id} act={act} />)}
    </div>
  );
}
function ActCard({ act }: { act: Act }) {
  const phase = phases[act.phase];
  useEffect(() => {
    if (act.phase !== "confirmed") return undefined;
    const timer = setTimeout(() => dismissAct(act.id), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [act.phase, act.id]);
  return (
    <div className="pointer-events-auto flex gap-2 rounded-md border border-line-strong bg-panel p-3 text-12 shadow-lg">
      <Mark shape={phase.shape} tone={phase.tone} className="mt-1" />
      <div className="min-w-0 flex-1">
        <b>{act.label}</b>
        <p className="text-muted">{phase.word}{act.phase === "confirmed" && act.endedAt ? ` after ${duration(act.endedAt - act.startedAt)}` : ""}</p>
        {act.note && <p className={act.phase === "refused" ? "text-bad" : "text-muted"}>{act.note}</p>}
        {act.problem?.hint && <p className="text-muted">{act.problem.hint}</p>}
        {act.problem?.errors?.slice(0, 4).map((error) => <p key={error.path} className="code text-muted">{error.path}: {error.reason}</p>)}
        {(act.auditId || act.problem) && <p className="code truncate text-faint">{act.auditId ? `audit ${act.auditId}` : act.problem?.code}</p>}
      </div>
      <button type="button" className="btn btn-quiet btn-icon btn-sm" aria-label={`Dismiss: ${act.label}`} onClick={() => dismissAct(act.id)}><Icon name="close" size={12} /></button>
    </div>
  );
}
