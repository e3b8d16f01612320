import { useState } from "react";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { approvalQueries, approve, liftApproved, refuse, type Approval } from "~/api/approvals";
import type { ConfigChange } from "~/api/types";
import { approvalLook, approvalWords, effectOf, sorted } from "~/components/approvals";
import { useAttempt, useRowAct } from "~/components/attempt";
import { Changes } from "~/components/Changes";
import { useSession } from "~/components/hooks";
import { Panel, QueryPanel } from "~/components/Panel";
import { Refusal } from "~/components/Proof";
import { Since } from "~/components/Since";
import { useNow } from "~/lib/clock";
import { duration, plural, show, words } from "~/lib/format";
import type { StateLook } from "~/lib/look";
import { parse } from "~/lib/time";
import { DataTable, type Column } from "~/table/DataTable";
import { Empty, Field, Skeleton, SkeletonRows } from "~/ui/Bits";
import { Button } from "~/ui/Button";
import { Dialog } from "~/ui/Dialog";
import { Mark, StateText } from "~/ui/Mark";

export function Approvals() {
  const { id } = useSearch({ from: "/shell/approvals" });
  const navigate = useNavigate({ from: "/approvals" });
  const query = useQuery(approvalQueries.all());
  const open = (next: string | undefined) => void navigate({ search: { id: next } });
  const chosen = query.data?.find((each) => each.id === id);
  return (
    <div className="page">
      <h1 className="text-15 font-semibold">Approvals</h1>
      <QueryPanel title="Waiting for you" note="another person asked; your yes does it, once" query={query} deadlineMs={60_000}>
        {(all) => <Requests label="Waiting for you" rows={sorted(all).forMe} onOpen={open} active={id} empty={<Empty title="Nothing waits for you">What raises risk takes a second person once there are two who may: lifting a halt, loosening a limit, giving a high role. Such a request stands here until somebody decides, an hour at most.</Empty>} />}
      </QueryPanel>
      {query.data && sorted(query.data).agreed.length > 0 && <Panel title="Agreed on, not done yet"><Requests label="Agreed on" rows={sorted(query.data).agreed} onOpen={open} active={id} empty={null} /></Panel>}
      {query.data && (
        <Panel title="Waiting for others" note="asked by you, or not yours to decide">
          <Requests label="Waiting for others" rows={sorted(query.data).forOthers} onOpen={open} active={id} empty={<p className="py-3 text-12 text-muted">None.</p>} />
        </Panel>
      )}
      <div className="grid grid-cols-1 gap-x-12 gap-y-6 lg:grid-cols-[minmax(0,2fr)_minmax(0,1fr)]">
        <Panel title="Decided" note="how each ended">
          {query.data ? <Requests label="Decided" rows={sorted(query.data).past} onOpen={open} active={id} ended empty={<p className="py-3 text-12 text-muted">None yet.</p>} /> : <SkeletonRows />}
        </Panel>
        <GovernancePanel />
      </div>
      {chosen && <Request key={chosen.id} request={chosen} onClose={() => open(undefined)} />}
    </div>
  );
}

function Requests({ label, rows, onOpen, active, empty, ended }: { label: string; rows: Approval[]; onOpen: (id: string) => void; active?: string; empty: React.ReactNode; ended?: boolean }) {
  const now = useNow();
  const columns: Column<Approval>[] = [
    { id: "act", header: "Act", left: true, wrap: true, sort: (row) => approvalWords(row), cell: (row) => <button type="button" className="link text-left" onClick={() => onOpen(row.id)}>{approvalWords(row)}</button> },
    { id: "who", header: "Asked by", left: true, sort: (row) => row.requester, cell: (row) => <><span className="ident">{row.requester}</span>{row.mine && <span className="text-11 text-accent"> · you</span>}</> },
    { id: "reason", header: "Reason", left: true, hidePhone: true, cell: (row) => <span className="inline-block max-w-[36ch] truncate align-middle text-muted" title={row.reason}>{row.reason}</span> },
    ...(ended
      ? [
        { id: "status", header: "Ended", left: true, sort: (row: Approval) => row.status, cell: (row: Approval) => <StateText look={approvalLook[row.status]} /> },
        { id: "by", header: "By", left: true, hidePhone: true, cell: (row: Approval) => row.approver ?? "–" },
      ]
      : [{ id: "left", header: "Expires in", sort: (row: Approval) => row.expires_at, cell: (row: Approval) => duration(Math.max(0, (parse(row.expires_at) ?? now) - now)) }]),
    { id: "at", header: "Asked", left: true, hidePhone: true, sort: (row) => row.created_at, cell: (row) => <Since at={row.created_at} /> },
  ];
  return <DataTable label={label} rows={rows} columns={columns} rowId={(row) => row.id} onOpen={(row) => onOpen(row.id)} activeId={active} empty={empty} />;
}

const profileLook = {
  solo: { word: "one person", shape: "hollow", tone: "muted", meaning: "With step-up, a reason and a waiting time." },
  desk: { word: "two people", shape: "dot", tone: "ok", meaning: "One asks, another says yes." },
} satisfies Record<"solo" | "desk", StateLook>;
const rightWords: Record<string, string> = { "halt.clear": "Lift a halt", "config.loosen": "Loosen a limit", "people.manage": "Give a high role" };
function GovernancePanel() {
  const query = useQuery(approvalQueries.governance());
  return (
    <QueryPanel title="How many it takes" note="right by right" query={query} deadlineMs={120_000}>
      {(governance) => (
        <ul className="text-12">
          {governance.rights.map((each) => (
            <li key={each.right} className="flex items-center gap-4 border-b border-line py-2"><span className="min-w-0 flex-1">{rightWords[each.right] ?? each.right}</span><span className="text-muted">{plural(each.holders, "holder")}</span><StateText look={profileLook[each.profile]} /></li>
          ))}
        </ul>
      )}
    </QueryPanel>
  );
}

/** What the act holds, besides the changes that have a table of their own. */
function Parts({ act }: { act: Approval["act"] }) {
  const changes = Array.isArray(act.changes) ? (act.changes as ConfigChange[]) : null;
  return (
    <>
      <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-6 gap-y-1.5 text-12">
        {Object.entries(act).filter(([name]) => name !== "changes").map(([name, value]) => <div key={name} className="contents"><dt className="text-muted">{words(name)}</dt><dd className="break-all">{show(value)}</dd></div>)}
      </dl>
      {changes && <Changes changes={changes} />}
    </>
  );
}

function Request({ request, onClose }: { request: Approval; onClose: () => void }) {
  const client = useQueryClient();
  const session = useSession();
  const read = useQuery(approvalQueries.act(request.id));
  const [reason, setReason] = useState("");
  const { busy, problem, attempt } = useAttempt();
  const act = useRowAct("approvals", "lifts");
  const now = useNow();
  const digest = read.data?.digest ?? null;
  const differs = digest !== null && digest !== request.digest;
  const open = request.status === "open";
  const may = session?.permissions?.includes("approval.decide") ?? false;
  const decide = async (label: string, run: () => Promise<unknown>) => {
    if ((await attempt(label, run)) === undefined) return;
    await client.invalidateQueries({ queryKey: ["approvals"] });
    onClose();
  };
  const blocked = differs ? "What is shown is not what was hashed." : digest === null ? (read.isPending ? "The act is still being read." : "The act could not be read; use `tradedeck approvals approve`.") : request.mine ? "You asked for it: another person says yes." : !request.may_approve ? "Your role does not hold the right." : null;
  return (
    <Dialog
      open drawer onClose={onClose} title={approvalWords(request)} width={520}
      foot={open ? <><Button pending={busy} blocked={!may ? "Your role may not decide." : reason.trim() ? null : "Write the reason first."} onClick={() => void decide(`Refuse: ${approvalWords(request)}`, () => refuse(request.id, reason.trim()))}>{request.mine ? "Take it back" : "Refuse"}</Button><Button look="primary" pending={busy} blocked={blocked} onClick={() => void decide(`Approve: ${approvalWords(request)}`, () => approve(request.id, digest ?? ""))}>Approve</Button></> : undefined}
    >
      <p className="flex flex-wrap items-center gap-x-4 gap-y-1 text-12"><StateText look={approvalLook[request.status]} /><span className="text-muted">asked by {request.requester}, <Since at={request.created_at} /></span>{open && <span className="text-muted" role="timer">expires in {duration(Math.max(0, (parse(request.expires_at) ?? now) - now))}</span>}{request.approver && <span className="text-muted">decided by {request.approver}</span>}</p>
      <div className="text-12"><p className="text-muted">Reason</p><p>{request.reason}</p></div>
      {request.detail && <div className="text-12"><p className="text-muted">How it ended</p><p>{request.detail}</p></div>}
      <Parts act={request.act} />
      <section aria-label="The act as it was hashed" className="flex flex-col gap-2 text-12">
        <p className="text-muted">The act as it was hashed</p>
        {read.isPending ? <Skeleton className="h-16" /> : <pre className="code overflow-auto rounded-md border border-line bg-bg p-2 break-all whitespace-pre-wrap" tabIndex={0}>{read.data?.text ?? JSON.stringify(request.act)}</pre>}
        <p className="code break-all">{request.digest}</p>
        {digest !== null && <p className={differs ? "state text-bad" : "state"} role="status"><Mark shape={differs ? "triangle" : "dot"} tone={differs ? "bad" : "ok"} />{differs ? "this is not its hash" : "its SHA-256, computed here"}</p>}
      </section>
      {open && <p className="text-12 text-muted">{effectOf[request.kind]}</p>}
      {open && <Field label={request.mine ? "Why you take it back" : "Why you refuse"} htmlFor="refusal" hint="Needed for a no only."><input id="refusal" className="input" maxLength={200} value={reason} onChange={(event) => setReason(event.target.value)} /></Field>}
      {problem && <Refusal problem={problem} />}
      {request.status === "approved" && request.kind === "halt.lift" && (
        <div className="flex items-center gap-3 text-12"><span className="min-w-0 flex-1 text-muted">{effectOf["halt.lift"]}</span><Button look="primary" onClick={() => { onClose(); void act(`Lift: ${show(request.act.scope)}`, () => liftApproved(request.id, show(request.act.scope), request.reason)); }}>Lift it now</Button></div>
      )}
    </Dialog>
  );
}
