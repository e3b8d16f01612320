import { useState } from "react";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useInfiniteQuery } from "@tanstack/react-query";
import { queries } from "~/api/queries";
import type { AuditRecord, Schemas } from "~/api/types";
import { Older } from "~/components/Older";
import { RecordProof } from "~/components/RecordProof";
import { QueryPanel } from "~/components/Panel";
import { actWords } from "~/components/timeline";
import { auditActs } from "~/api/auditActs";
import { get, problemOf } from "~/api/http";
import { useDebounced } from "~/lib/debounce";
import { useNow } from "~/lib/clock";
import { codeWords, integer, show } from "~/lib/format";
import type { StateLook } from "~/lib/look";
import { usePrefs } from "~/lib/prefs";
import { dateTime, moment } from "~/lib/time";
import { DataTable, type Column } from "~/table/DataTable";
import { Empty } from "~/ui/Bits";
import { Button } from "~/ui/Button";
import { Dialog } from "~/ui/Dialog";
import { Mark, StateText } from "~/ui/Mark";

const outcomeLook = {
  started: { word: "Started", shape: "ring", tone: "muted" },
  done: { word: "Done", shape: "dot", tone: "ok" },
  waiting: { word: "Waiting", shape: "bars", tone: "warn" },
  refused: { word: "Refused", shape: "diamond", tone: "warn" },
  failed: { word: "Failed", shape: "cross", tone: "bad" },
} satisfies Record<AuditRecord["outcome"], StateLook>;
/** An act that ended is one row: that it had begun says nothing more. The end is the newer record. */
export function ended(records: AuditRecord[]): AuditRecord[] {
  const known = new Set<string>();
  return records.filter((record) => {
    if (record.outcome === "started" && known.has(record.audit_id)) return false;
    known.add(record.audit_id);
    return true;
  });
}

export function Audit() {
  const { q, act, outcome } = useSearch({ from: "/shell/audit" });
  const navigate = useNavigate({ from: "/audit" });
  const query = useInfiniteQuery(queries.auditBook({ q: useDebounced(q, 300), act, outcome }));
  const set = (change: { q?: string; act?: string; outcome?: string }) => void navigate({ search: (old) => ({ ...old, ...change }), replace: true });
  const filtered = Boolean(q ?? act ?? outcome);
  const { zone } = usePrefs();
  const now = useNow();
  const [open, setOpen] = useState<AuditRecord | null>(null);
  const columns: Column<AuditRecord>[] = [
    { id: "at", header: "At", left: true, sort: (row) => row.seq, cell: (row) => <span title={dateTime(row.at, zone)}>{moment(row.at, zone, now)}</span> },
    { id: "actor", header: "Who", left: true, sort: (row) => row.actor, cell: (row) => <>{row.actor} <span className="hide-phone text-11 text-faint">{row.role !== row.actor ? row.role : ""}</span></> },
    { id: "act", header: "Act", left: true, sort: (row) => row.act, cell: (row) => actWords(row.act) },
    { id: "outcome", header: "Outcome", left: true, sort: (row) => row.outcome, cell: (row) => <StateText look={outcomeLook[row.outcome]} /> },
    { id: "target", header: "Target", left: true, hidePhone: true, sort: (row) => row.target, cell: (row) => <span className="inline-block max-w-[36ch] truncate align-middle" title={row.target}>{row.target}</span> },
    { id: "detail", header: "Detail", left: true, hidePhone: true, cell: (row) => <span className="inline-block max-w-[44ch] truncate align-middle text-muted" title={row.detail ?? ""}>{row.detail}</span> },
    { id: "id", header: "Audit id", left: true, hidePhone: true, cell: (row) => <span className="code inline-block max-w-[14ch] truncate align-middle text-faint" title={row.audit_id}>{row.audit_id}</span> },
  ];
  return (
    <div className="page">
      <div className="flex flex-wrap items-center gap-2">
        <h1 className="mr-auto text-15 font-semibold">Audit</h1>
        <input data-search type="search" className="input w-56! max-md:w-full!" aria-label="Search the audit" placeholder="Who, act, target, audit id  /" value={q ?? ""} onChange={(event) => set({ q: event.target.value || undefined })} />
        <select className="select w-44! max-md:flex-1" aria-label="Act" value={act ?? ""} onChange={(event) => set({ act: event.target.value || undefined })}><option value="">All acts</option>{Object.keys(auditActs).map((each) => <option key={each} value={each}>{actWords(each)}</option>)}</select>
        <select className="select w-36! max-md:flex-1" aria-label="Outcome" value={outcome ?? ""} onChange={(event) => set({ outcome: event.target.value || undefined })}><option value="">All outcomes</option>{Object.entries(outcomeLook).map(([value, look]) => <option key={value} value={value}>{look.word}</option>)}</select>
      </div>
      <QueryPanel title="Privileged acts" query={query} note="append-only, in a signed tree, also what was refused" end={<Verify />}>
        {(rows) => (
          <>
            <DataTable label="Audit" rows={ended(rows)} columns={columns} rowId={(row) => String(row.seq)} onOpen={setOpen} empty={filtered ? <Empty title="Nothing matches" action={<Button small onClick={() => set({ q: undefined, act: undefined, outcome: undefined })}>Clear the filters</Button>}>No record of the whole audit fits the search and the choices above.</Empty> : <Empty title="No act yet">Whoever changes, pauses, kills or signs in is recorded here, and so is what was refused.</Empty>} />
            <Older book={query} name="record" />
          </>
        )}
      </QueryPanel>
      {open && (
        <Dialog open drawer onClose={() => setOpen(null)} title={actWords(open.act)} note={`no. ${open.seq}`} width={460}>
          <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-6 gap-y-1.5 text-12">
            {([["At", dateTime(open.at, zone)], ["Who", `${open.actor}${open.role ? `, ${open.role}` : ""}`], ["From", [open.source, open.address].filter(Boolean).join(", ") || "–"], ["Target", open.target], ["Outcome", codeWords(open.outcome)], ["Detail", [open.code, open.detail].filter(Boolean).join(": ") || "–"], ["Audit id", open.audit_id]] as const).map(([name, value]) => <div key={name} className="contents"><dt className="text-muted">{name}</dt><dd>{value}</dd></div>)}
          </dl>
          <RecordProof key={open.seq} record={open} />
          {(open.before != null || open.after != null) && (
            <div className="grid gap-3">
              <div><p className="text-11 text-muted">Before</p><pre className="code overflow-auto rounded-md border border-line bg-bg p-2">{typeof open.before === "object" ? JSON.stringify(open.before, null, 2) : show(open.before)}</pre></div>
              <div><p className="text-11 text-muted">After</p><pre className="code overflow-auto rounded-md border border-line bg-bg p-2">{typeof open.after === "object" ? JSON.stringify(open.after, null, 2) : show(open.after)}</pre></div>
            </div>
          )}
        </Dialog>
      )}
    </div>
  );
}

type Proof = { state: "asking" } | { state: "told"; ok: boolean; says: string };
/** Walks table and tree on the host, on demand: it reads every record. */
function Verify() {
  const [proof, setProof] = useState<Proof | null>(null);
  const ask = async () => {
    setProof({ state: "asking" });
    try {
      const found = await get<Schemas["AuditVerdict"]>("/audit/verify");
      setProof({ state: "told", ok: found.ok, says: found.ok ? `chain and tree hold over ${integer(found.records)} records` : `broken at no. ${found.broken_at ?? "?"}: ${found.detail}` });
    } catch (error) {
      setProof({ state: "told", ok: false, says: problemOf(error).detail ?? "not verified" });
    }
  };
  return (
    <>
      {proof?.state === "told" && <span className={proof.ok ? "state" : "state text-bad"} role="status"><Mark shape={proof.ok ? "dot" : "triangle"} tone={proof.ok ? "ok" : "bad"} />{proof.says}</span>}
      <Button small pending={proof?.state === "asking"} onClick={() => void ask()}>Verify</Button>
    </>
  );
}
