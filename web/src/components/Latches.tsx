/* What is latched, by whom it is held, and lifting it: a reason, a code of the host, a waiting time. */
import { useState } from "react";
import { Link } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import { perform } from "~/api/acts";
import { approvalQueries, requestLift } from "~/api/approvals";
import { haltLook, look } from "~/api/states";
import { cancelLift, lift, stopQueries, type Lift } from "~/api/stop";
import type { Halt } from "~/api/types";
import { useNow } from "~/lib/clock";
import { duration } from "~/lib/format";
import { parse } from "~/lib/time";
import { Empty } from "~/ui/Bits";
import { Button } from "~/ui/Button";
import { Mark, StateText } from "~/ui/Mark";
import { breakerName, breakerPath } from "./breakers";
import { usedText } from "./headroom";
import { useMay, useStatusPart } from "./hooks";
import { Since } from "./Since";

export function Latches({ quietWhenNone }: { quietWhenNone?: boolean }) {
  const halts = useStatusPart((status) => status.halts) ?? [];
  const lifts = useQuery(stopQueries.lifts()).data ?? [];
  const [reason, setReason] = useState("");
  if (halts.length === 0) return quietWhenNone ? null : <Empty title="Nothing is latched">A latch stands here until somebody lifts it; it outlives restarts of every process.</Empty>;
  return (
    <section className={quietWhenNone ? "border-t border-line pt-3" : undefined} aria-label="Latched">
      {quietWhenNone && <b className="text-13">In force</b>}
      <ul className="text-12">
        {halts.map((halt) => <Latch key={halt.scope} halt={halt} waiting={lifts.find((each) => each.scope === halt.scope && each.state === "waiting")} reason={reason} />)}
      </ul>
      <input className="input mt-2" aria-label="Reason for lifting" placeholder="Reason for lifting (required)" maxLength={200} value={reason} onChange={(event) => setReason(event.target.value)} />
    </section>
  );
}

/** What is still crossed: a lift then only lasts until the next price. */
function Again({ scope }: { scope: string }) {
  const preview = useQuery(stopQueries.liftPreview(scope)).data;
  const crossed = preview?.causes.filter((cause) => cause.crossed) ?? [];
  if (!preview?.again) return null;
  return (
    <ul className="text-warn">
      {crossed.map((cause) => (
        <li key={cause.scope + cause.breaker} className="flex flex-wrap items-baseline gap-x-2">
          <span className="flex items-baseline gap-1.5"><Mark shape="triangle" tone="warn" />{breakerName(cause.breaker)} of {cause.scope} is still crossed, {usedText({ ...cause, limit: cause.breaker, label: "", set_by: null, set_at: null, last_breach: null, breaches: 0 })}: a lift lasts until the next price.</span>
          <Link to="/config" search={{ at: breakerPath(cause) }}>change the limit</Link>
        </li>
      ))}
    </ul>
  );
}

function Latch({ halt, waiting, reason }: { halt: Halt; waiting?: Lift; reason: string }) {
  const mayLift = useMay("risk");
  const mayKeep = useMay("operator");
  const now = useNow();
  const two = useQuery(approvalQueries.governance()).data?.rights.some((each) => each.right === "halt.clear" && each.profile === "desk") ?? false;
  const ask = () => void perform({ label: `Ask to lift ${halt.scope}`, confirmedBy: "api", run: async () => { await requestLift(halt.scope, reason.trim()); return { detail: "Another person decides it under Approvals; then it is lifted there." }; } });
  const until = parse(waiting?.until);
  const onlyStore = halt.holders.length === 1 && halt.holders[0] === "store";
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-1 border-t border-line py-2 first:border-t-0">
      <div className="min-w-0 flex-1 basis-56">
        <b><StateText look={look(haltLook, halt.level)}>{look(haltLook, halt.level).word}: {halt.scope}</StateText></b>
        <p className="text-muted"><Since at={halt.at} /> by {halt.by}{halt.reason ? ` · ${halt.reason}` : ""}</p>
        <Again scope={halt.scope} />
        <p className={onlyStore ? "state text-bad" : "text-muted"}>{onlyStore ? <><Mark shape="triangle" tone="bad" />held by the store alone: neither guard nor runner has it yet</> : `held by ${halt.holders.join(", ")}`}</p>
      </div>
      {waiting
        ? <><span className="text-warn" role="timer">lifted in {until == null ? "a moment" : duration(Math.max(0, until - now))}</span><Button small blocked={mayKeep} onClick={() => void cancelLift(waiting.id)}>Keep it</Button></>
        : <Button small blocked={mayLift ?? (reason.trim() ? null : "Write the reason below first.")} onClick={() => (two ? ask() : void lift(halt.scope, reason.trim()))}>{two ? "Ask to lift" : "Lift"} {halt.scope}</Button>}
    </li>
  );
}
