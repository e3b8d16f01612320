import { useState } from "react";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import { queries } from "~/api/queries";
import type { AuditRecord } from "~/api/types";
import { QueryPanel } from "~/components/Panel";
import { actWords } from "~/components/timeline";
import { useNow } from "~/lib/clock";
import { codeWords, show } from "~/lib/format";
import type { StateLook } from "~/lib/look";
import { usePrefs } from "~/lib/prefs";
import { dateTime, moment } from "~/lib/time";
import { DataTable, type Column } from "~/table/DataTable";
import { Empty } from "~/ui/Bits";
import { Dialog } from "~/ui/Dialog";
import { StateText } from "~/ui/Mark";

const outcomeLook = {
  started: { word: "Started", shape: "ring", tone: "muted" },
  done: { word: "Done", shape: "dot", tone: "ok" },
  waiting: { word: "Waiting", shape: "bars", tone: "warn" },
  refused: { word: "Refused", shape: "diamond", tone: "warn" },
  failed: { word: "Failed", shape: "cross", tone: "bad" },
} satisfies Record<AuditRecord["outcome"], StateLook>;
export function Audit() {
  const { q } = useSearch({ from: "/shell/audit" });
  const navigate = useNavigate({ from: "/audit" });
  const query = useQuery(queries.audit(200));
  const { zone } = usePrefs();
  const now = useNow();
  const [open, setOpen] = useState<AuditRecord | null>(null);
  const columns: Column<AuditRecord>[] = [
    { id: "at", header: "At", left: true, sort: (row) => row.seq, cell: (row) => <span title={dateTime(row.at, zone)}>{moment(row.at, zone, now)}</span> },
    { id: "actor", header: "Who", left: true, sort: (row) => row.actor, cell: (row) => <>{row.actor} <span className="text-11 text-faint">{row.role !== row.actor ? row.role : ""}</span></> },
    { id: "act", header: "Act", left: true, sort: (row) => row.act, cell: (row) => actWords(row.act) },
    { id: "target", header: "Target", left: true, sort: (row) => row.target, cell: (row) => <span className="inline-block max-w-[36ch] truncate align-middle" title={row.target}>{row.target}</span> },
    { id: "outcome", header: "Outcome", left: true, sort: (row) => row.outcome, cell: (row) => <StateText look={outcomeLook[row.outcome]} /> },
    { id: "detail", header: "Detail", left: true, hidePhone: true, cell: (row) => <span className="inline-block max-w-[44ch] truncate align-middle text-muted" title={row.detail ?? ""}>{row.detail}</span> },
    { id: "id", header: "Audit id", left: true, hidePhone: true, cell: (row) => <span className="code inline-block max-w-[14ch] truncate align-middle text-faint" title={row.audit_id}>{row.audit_id}</span> },
  ];
  return (
    <div className="page">
      <div className="flex flex-wrap items-center gap-2"><h1 className="mr-auto text-15 font-semibold">Audit</h1><input data-search type="search" className="input w-56!" aria-label="Filter the audit" placeholder="Who, act, target  /" value={q ?? ""} onChange={(event) => void navigate({ search: { q: event.target.value || undefined }, replace: true })} /></div>
      <QueryPanel title="Privileged acts" query={query} note="append-only, hash-chained, also what was refused">
        {(rows) => <DataTable label="Audit" rows={rows.filter((row) => !q || JSON.stringify(row).toLowerCase().includes(q.toLowerCase()))} columns={columns} rowId={(row) => String(row.seq)} onOpen={setOpen} empty={q ? <Empty title="Nothing matches">No record contains “{q}”.</Empty> : <Empty title="No act yet">Whoever changes, pauses, kills or signs in is recorded here, and so is what was refused.</Empty>} />}
      </QueryPanel>
      {open && (
        <Dialog open drawer onClose={() => setOpen(null)} title={actWords(open.act)} note={`no. ${open.seq}`} width={460}>
          <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-6 gap-y-1.5 text-12">
            {([["At", dateTime(open.at, zone)], ["Who", `${open.actor}${open.role ? `, ${open.role}` : ""}`], ["From", [open.source, open.address].filter(Boolean).join(", ") || "–"], ["Target", open.target], ["Outcome", codeWords(open.outcome)], ["Detail", [open.code, open.detail].filter(Boolean).join(": ") || "–"], ["Audit id", open.audit_id]] as const).map(([name, value]) => <div key={name} className="contents"><dt className="text-muted">{name}</dt><dd>{value}</dd></div>)}
          </dl>
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
