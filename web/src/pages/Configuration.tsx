import { useMemo, useState } from "react";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import { dump, load } from "js-yaml";
import { perform } from "~/api/acts";
import { problemOf, send } from "~/api/http";
import { queries } from "~/api/queries";
import type { Condition, ConfigDiff, ConfigState, ConfigVersion, DesiredDocument, Problem, Receipt } from "~/api/types";
import { Changes } from "~/components/Changes";
import { useMay } from "~/components/hooks";
import { QueryPanel } from "~/components/Panel";
import { infer, NodeForm } from "~/forms/DocumentForm";
import { useNow } from "~/lib/clock";
import { codeWords, duration, plural, words } from "~/lib/format";
import type { StateLook } from "~/lib/look";
import { usePrefs } from "~/lib/prefs";
import { moment } from "~/lib/time";
import { DataTable, type Column } from "~/table/DataTable";
import { Empty, Failure, Field, Figure, Segmented, SkeletonRows } from "~/ui/Bits";
import { Button } from "~/ui/Button";
import { Dialog } from "~/ui/Dialog";
import { Mark, StateText } from "~/ui/Mark";
import { TabPanel, Tabs } from "~/ui/Tabs";

type Tab = "form" | "raw" | "versions" | "conditions";
const tabs: { value: Tab; label: string }[] = [{ value: "form", label: "Form" }, { value: "raw", label: "Raw" }, { value: "versions", label: "Versions" }, { value: "conditions", label: "Conditions" }];
type Format = "yaml" | "json";
const write = (document: unknown, format: Format) => (format === "json" ? JSON.stringify(document, null, 2) : dump(document, { lineWidth: 100, noRefs: true }));

/** `traders[4].params.fast` as the form names it: `traders/4/params/fast`. */
export const fieldPath = (path: string): string => path.replace(/\[(\d+)\]/gu, "/$1").replaceAll(".", "/");

export function Configuration() {
  const { tab, generation, at } = useSearch({ from: "/shell/config" });
  const navigate = useNavigate({ from: "/config" });
  const query = useQuery(queries.config());
  const current = tabs.some((each) => each.value === tab) ? (tab as Tab) : "form";
  const [draft, setDraft] = useState<{ base: number; document: DesiredDocument } | null>(null);
  const [broken, setBroken] = useState<string | null>(null);
  const [review, setReview] = useState<ConfigDiff | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [checking, setChecking] = useState(false);
  const blocked = useMay("operator");
  const state = query.data;
  const document = draft?.document ?? state?.document;
  const changed = Boolean(draft && state && JSON.stringify(draft.document) !== JSON.stringify(state.document));
  const behind = draft && state && draft.base !== state.generation;
  const edit = (next: unknown) => {
    if (!state) return;
    setProblem(null);
    setDraft({ base: draft?.base ?? state.generation, document: next as DesiredDocument });
  };
  const compare = async () => {
    setChecking(true);
    setProblem(null);
    try {
      const diff = await send<ConfigDiff>("/config/diff", { body: { document } });
      if (diff.valid === false && diff.errors?.length) setProblem({ title: "Some values are refused", status: 422, code: "INVALID_CONFIG", detail: "The running configuration is kept.", errors: diff.errors });
      else setReview(diff);
    } catch (error) {
      setProblem(problemOf(error));
    } finally {
      setChecking(false);
    }
  };
  const errors = Object.fromEntries((problem?.errors ?? []).map((error) => [fieldPath(error.path), error.reason]));
  return (
    <div className="page">
      <div className="flex flex-wrap items-center gap-2">
        <h1 className="mr-auto text-15 font-semibold">Configuration</h1>
        {changed && <span className="text-12 text-warn">{behind ? `edited from generation ${draft?.base}, now ${state?.generation}` : "not applied yet"}</span>}
        <Button blocked={draft ? null : "Nothing is changed."} onClick={() => { setDraft(null); setProblem(null); setBroken(null); }}>Discard</Button>
        <Button look="primary" pending={checking} blocked={blocked ?? broken ?? (changed ? null : "Nothing is changed.")} onClick={() => void compare()}>Compare and apply …</Button>
      </div>
      <QueryPanel title="Desired and observed" query={query} note="the runner applies at its next safe point">
        {(data) => <Generations state={data} />}
      </QueryPanel>
      {problem && (
        <section className="border-l-2 border-bad pl-4">
          <Failure title={problem.title} detail={problem.detail} hint={problem.hint} code={problem.code}>
            {problem.errors?.map((error) => <p key={error.path} className="text-12"><span className="code text-muted">{error.path}</span> {error.reason}</p>)}
          </Failure>
        </section>
      )}
      <section className="min-w-0">
        <Tabs<Tab> label="Views of the configuration" value={current} items={tabs} onChange={(value) => void navigate({ search: { tab: value === "form" ? undefined : value }, replace: true })} />
        <TabPanel value={current}>
          {!document ? <SkeletonRows rows={8} />
            : current === "form" ? <FormView document={document} errors={errors} onChange={edit} disabled={Boolean(blocked)} at={at?.split("/")} />
            : current === "raw" ? <Raw document={document} onChange={edit} onBroken={setBroken} disabled={Boolean(blocked)} />
            : current === "versions" ? <Versions current={state?.generation ?? 0} chosen={generation ? Number(generation) : null} onChoose={(next) => void navigate({ search: { tab: "versions", generation: next == null ? undefined : String(next) } })} />
            : <Conditions conditions={state?.conditions ?? []} />}
        </TabPanel>
      </section>
      {review && state && document && <Apply diff={review} document={document} base={draft?.base ?? state.generation} onClose={() => setReview(null)} onApplied={() => { setReview(null); setDraft(null); }} onRefused={(refused) => { setReview(null); setProblem(refused); }} />}
    </div>
  );
}

function Generations({ state }: { state: ConfigState }) {
  const now = useNow();
  const blocked = useMay("operator");
  const mayLoosen = useMay("risk");
  const same = state.generation === state.observed_generation;
  return (
    <div className="flex flex-col gap-2 pt-2.5">
      <div className="figs">
        <Figure label="Generation" value={state.generation} />
        <Figure label="Observed" title="The newest one that the runner has in force" value={state.observed_generation} tone={same ? undefined : "text-warn"} />
        <Figure label="In force" value={same ? "Yes" : "Not yet"} tone={same ? "text-ok" : "text-warn"} />
        <Figure label="Waiting" value={state.pending?.length ? plural(state.pending.length, "change") : "None"} />
      </div>
      {state.superseded?.map((each) => (
        <div key={each.id} className="notice rounded-md border border-line px-3!">
          <Mark shape="cross" tone="muted" /><b>Loosening by {each.by} did not take effect</b>
          <span className="text-muted">{each.ended_why}{each.reason ? ` · its reason was: ${each.reason}` : ""}. Propose it again if it is still wanted.</span>
        </div>
      ))}
      {state.pending?.map((each) => {
        const left = each.until ? Date.parse(each.until) - now : null;
        const what = each.kind === "halt.clear" ? `Lifting ${each.target}` : "Loosening";
        return (
          <div key={each.id} className="notice rounded-md border border-line px-3!">
            <Mark shape="triangle" tone="warn" /><b>{each.status === "needs_step_up" ? `${what} needs a one-time code` : left != null && left > 0 ? `${what} waits ${duration(left)}` : `${what} is being applied`}</b>
            <span className="text-muted">{plural(each.changes.length, "change")} · {each.by}{each.reason ? ` · ${each.reason}` : ""}</span>
            <span className="ml-auto flex gap-2">
              {each.status === "needs_step_up" && <Button small blocked={mayLoosen} onClick={() => void perform({ label: `Approve ${each.id}`, confirmedBy: "api", run: (step_up) => send<Receipt>(`/config/pending/${each.id}/approve`, { body: { reason: each.reason || "Approved in the cockpit", step_up } }) })}>Approve</Button>}
              <Button small blocked={blocked} onClick={() => void perform({ label: `Cancel ${each.id}`, confirmedBy: "api", run: () => send<Receipt>(`/config/pending/${each.id}`, { method: "DELETE" }) })}>Cancel it</Button>
            </span>
          </div>
        );
      })}
    </div>
  );
}

function FormView({ document, errors, onChange, disabled, at }: { document: DesiredDocument; errors: Record<string, string>; onChange: (next: unknown) => void; disabled: boolean; at?: string[] }) {
  const strategies = useQuery(queries.strategies()).data;
  const given = useQuery(queries.configSchema()).data;
  const schema = useMemo(() => given ?? infer(document), [given, document]);
  return <div className="pt-4"><NodeForm schema={schema} root={schema} value={document} path="" errors={errors} strategies={strategies} onChange={onChange} disabled={disabled} at={at} /></div>;
}

function Raw({ document, onChange, onBroken, disabled }: { document: DesiredDocument; onChange: (next: unknown) => void; onBroken: (why: string | null) => void; disabled: boolean }) {
  const [format, setFormat] = useState<Format>("yaml");
  const [text, setText] = useState(() => write(document, "yaml"));
  const [fault, setFault] = useState<string | null>(null);
  const type = (value: string) => {
    setText(value);
    try {
      const parsed = format === "json" ? (JSON.parse(value) as unknown) : load(value);
      if (!parsed || typeof parsed !== "object") throw new Error("A mapping is needed at the top.");
      setFault(null);
      onBroken(null);
      onChange(parsed);
    } catch (error) {
      const why = error instanceof Error ? (error.message.split("\n")[0] ?? "Not readable.") : "Not readable.";
      setFault(why);
      onBroken(`The text cannot be read: ${why}`);
    }
  };
  return (
    <div className="flex flex-col gap-2 pt-3">
      <div className="flex flex-wrap items-center gap-3">
        <Segmented label="Format" value={format} options={[{ value: "yaml", label: "YAML" }, { value: "json", label: "JSON" }]} onChange={(next) => { setFormat(next); setText(write(document, next)); setFault(null); onBroken(null); }} />
        {fault ? <span className="text-12 text-bad" role="alert">{fault}</span> : <span className="text-12 text-muted">No secret can stand here: the schema and patterns refuse it.</span>}
      </div>
      <textarea className="textarea min-h-[480px] text-12! leading-5!" spellCheck={false} aria-label={`Configuration as ${format.toUpperCase()}`} aria-invalid={fault ? true : undefined} value={text} readOnly={disabled} onChange={(event) => type(event.target.value)} />
    </div>
  );
}

function Apply({ diff, document, base, onClose, onApplied, onRefused }: { diff: ConfigDiff; document: DesiredDocument; base: number; onClose: () => void; onApplied: () => void; onRefused: (problem: Problem) => void }) {
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const loosens = diff.changes.filter((change) => change.effect === "loosens").length;
  const apply = async () => {
    setBusy(true);
    const act = await perform({ label: `Configuration after generation ${base}`, run: (step_up) => send<Receipt>("/config", { method: "PUT", body: { document, reason: reason.trim(), step_up }, ifMatch: base }) });
    setBusy(false);
    if (act.problem) onRefused(act.problem);
    else if (act.phase === "refused") onRefused({ title: "The runner refused it", status: 409, code: "REFUSED", detail: act.note ?? "" });
    else onApplied();
  };
  return (
    <Dialog open onClose={onClose} title="Apply configuration" note={plural(diff.changes.length, "change")} width={760} foot={<><Button onClick={onClose}>Cancel</Button><Button look="primary" pending={busy} blocked={diff.changes.length === 0 ? "There is no difference." : reason.trim() ? null : "Write why first; it stands in the versions and in the audit."} onClick={() => void apply()}>{busy ? "Waiting for the runner" : loosens ? "Apply, loosening waits" : "Apply"}</Button></>}>
      <Changes changes={diff.changes} />
      {loosens > 0 && <p className="border-l-2 border-warn pl-3 text-12">{plural(loosens, "change loosens a limit", "changes loosen limits")}: it needs a one-time code of the host, is recorded as self-approved and applied after {diff.wait_s ? duration(diff.wait_s * 1000) : "a waiting time"}, shown as a countdown. It can be cancelled until then.</p>}
      <Field label="Reason" htmlFor="c-reason"><input id="c-reason" className="input" data-autofocus="true" maxLength={300} value={reason} onChange={(event) => setReason(event.target.value)} /></Field>
    </Dialog>
  );
}

function Versions({ current, chosen, onChoose }: { current: number; chosen: number | null; onChoose: (generation: number | null) => void }) {
  const query = useQuery(queries.configHistory());
  const { zone } = usePrefs();
  const now = useNow();
  const columns = useMemo<Column<ConfigVersion>[]>(() => [
    { id: "generation", header: "Generation", left: true, sort: (row) => row.generation, cell: (row) => <><b>{row.generation}</b>{row.generation === current && <span className="ml-2 text-11 text-ok">newest</span>}</> },
    { id: "at", header: "At", left: true, sort: (row) => row.created_at, cell: (row) => moment(row.created_at, zone, now) },
    { id: "by", header: "By", left: true, sort: (row) => row.by, cell: (row) => row.by },
    { id: "reason", header: "Reason", left: true, cell: (row) => <span className="inline-block max-w-[48ch] truncate align-middle">{row.reason}</span> },
    { id: "changes", header: "Changes", hidePhone: true, cell: (row) => <span className="text-muted">{row.changes?.length ?? "–"}</span> },
    { id: "kind", header: "Kind", left: true, hidePhone: true, cell: (row) => <span className="text-muted">{words(row.kind)}</span> },
  ], [current, zone, now]);
  if (query.isError && !query.data) return <Failure {...problemOf(query.error)} onRetry={() => void query.refetch()} />;
  if (!query.data) return <SkeletonRows />;
  const version = query.data.find((each) => each.generation === chosen);
  return (
    <>
      <DataTable label="Versions" rows={query.data} columns={columns} rowId={(row) => String(row.generation)} activeId={chosen == null ? null : String(chosen)} onOpen={(row) => onChoose(row.generation)} empty={<Empty title="No version yet">Each change becomes an immutable version with author, reason and difference.</Empty>} />
      {version && <VersionDialog version={version} current={current} onClose={() => onChoose(null)} />}
    </>
  );
}

function VersionDialog({ version, current, onClose }: { version: ConfigVersion; current: number; onClose: () => void }) {
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const blocked = useMay("operator");
  const full = useQuery(queries.configVersion(version.generation)).data;
  const newest = version.generation === current;
  const rollback = async () => {
    setBusy(true);
    await perform({ label: `Roll back to generation ${version.generation}`, run: (step_up) => send<Receipt>("/config/rollback", { body: { generation: version.generation, reason: reason.trim(), step_up } }) });
    onClose();
  };
  return (
    <Dialog open onClose={onClose} title={`Generation ${version.generation}`} note={`${version.by} · ${version.reason}`} width={760} foot={<><input className="input mr-auto max-w-80" aria-label="Reason for rolling back" placeholder="Reason for rolling back" value={reason} disabled={newest} onChange={(event) => setReason(event.target.value)} /><Button look="primary" pending={busy} blocked={blocked ?? (newest ? "It is the newest one already." : reason.trim() ? null : "Write why first.")} onClick={() => void rollback()}>Roll back to {version.generation}</Button></>}>
      <Changes changes={version.changes} />
      <details><summary className="text-12 text-muted">Whole document</summary><pre className="code mt-2 max-h-96 overflow-auto rounded-md border border-line bg-bg p-3" tabIndex={0}>{full ? write(full.document, "yaml") : "Reading …"}</pre></details>
    </Dialog>
  );
}

const conditionLook = {
  True: { word: "True", shape: "dot", tone: "ok" },
  False: { word: "False", shape: "triangle", tone: "warn" },
  Unknown: { word: "Unknown", shape: "question", tone: "unknown" },
} satisfies Record<Condition["status"], StateLook>;
function Conditions({ conditions }: { conditions: Condition[] }) {
  const columns: Column<Condition>[] = [
    { id: "subject", header: "Subject", left: true, sort: (row) => row.subject, cell: (row) => row.subject },
    { id: "type", header: "Condition", left: true, sort: (row) => row.type, cell: (row) => row.type.replace(/([a-z])([A-Z])/gu, "$1 $2") },
    { id: "status", header: "Status", left: true, sort: (row) => row.status, cell: (row) => <StateText look={conditionLook[row.status] ?? conditionLook.Unknown} /> },
    { id: "reason", header: "Reason", left: true, hidePhone: true, cell: (row) => codeWords(row.reason) },
    { id: "detail", header: "Detail", left: true, cell: (row) => <span className="text-muted">{row.detail}</span> },
  ];
  return <DataTable label="Conditions" rows={conditions} columns={columns} rowId={(row) => row.subject + row.type} empty={<Empty title="No condition reported">The runner reports what holds and what does not; what is absent is unknown.</Empty>} />;
}
