/* Tokens of programs: no more than a program needs, shown once, ended at once. */
import { useState } from "react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { send } from "~/api/http";
import { identityQueries, type IssuedToken, type TokenView } from "~/api/identity";
import type { Role } from "~/api/types";
import { useAttempt, useRowAct } from "~/components/attempt";
import { useMay } from "~/components/hooks";
import { Once } from "~/components/Once";
import { QueryPanel } from "~/components/Panel";
import { Since } from "~/components/Since";
import { useNow } from "~/lib/clock";
import { plural } from "~/lib/format";
import type { StateLook } from "~/lib/look";
import { parse } from "~/lib/time";
import { DataTable, type Column } from "~/table/DataTable";
import { Empty, Field, Segmented } from "~/ui/Bits";
import { Button } from "~/ui/Button";
import { Dialog } from "~/ui/Dialog";
import { StateText } from "~/ui/Mark";
import { FormDialog } from "./FactorDialogs";

type TokenState = "valid" | "expired" | "revoked";
const tokenLook = {
  valid: { word: "Valid", shape: "dot", tone: "ok" },
  expired: { word: "Expired", shape: "hollow", tone: "muted" },
  revoked: { word: "Revoked", shape: "cross", tone: "muted" },
} satisfies Record<TokenState, StateLook>;
export const tokenState = (token: Pick<TokenView, "revoked_at" | "expires_at">, now: number): TokenState => (token.revoked_at ? "revoked" : (parse(token.expires_at) ?? 0) <= now ? "expired" : "valid");

export function Tokens() {
  const blocked = useMay("admin");
  const query = useQuery({ ...identityQueries.tokens(), enabled: blocked === null });
  const act = useRowAct("tokens");
  const now = useNow();
  const [making, setMaking] = useState(false);
  const [old, setOld] = useState(false);
  if (blocked) return <Empty title="Not yours to see">{blocked} Tokens let programs in; whoever keeps them can make one for yours.</Empty>;
  const columns: Column<TokenView>[] = [
    { id: "name", header: "Name", left: true, sort: (row) => row.name, cell: (row) => <span className="ident">{row.name}</span> },
    { id: "state", header: "State", left: true, sort: (row) => tokenState(row, now), cell: (row) => <StateText look={tokenLook[tokenState(row, now)]} /> },
    { id: "role", header: "May", left: true, sort: (row) => row.role, cell: (row) => <span title={row.permissions?.join(", ")}>{row.permissions ? `${plural(row.permissions.length, "permission")} of ${row.role}` : `all of ${row.role}`}</span> },
    { id: "account", header: "Acts as", left: true, hidePhone: true, sort: (row) => row.account, cell: (row) => row.account ?? "the host" },
    { id: "by", header: "Made by", left: true, hidePhone: true, sort: (row) => row.created_by, cell: (row) => <>{row.created_by}, <Since at={row.created_at} /></> },
    { id: "seen", header: "Last used", left: true, hidePhone: true, sort: (row) => row.seen_at, cell: (row) => (row.seen_at ? <Since at={row.seen_at} /> : "never") },
    { id: "expires", header: "Expires", left: true, hidePhone: true, sort: (row) => row.expires_at, cell: (row) => <Since at={row.expires_at} /> },
    { id: "act", header: <span className="sr-only">Revoke</span>, cell: (row) => tokenState(row, now) === "valid" && <Button small aria-label={`Revoke ${row.name}`} onClick={() => void act(`Revoke token ${row.name}`, () => send(`/tokens/${row.id}`, { method: "DELETE" }))}>Revoke</Button> },
  ];
  return (
    <>
      <QueryPanel
        title="Tokens" note="for programs; the secret is shown once and kept nowhere" query={query} deadlineMs={60_000}
        end={<><Segmented label="Which tokens" value={old ? "all" : "valid"} options={[{ value: "valid", label: "Valid" }, { value: "all", label: "All" }]} onChange={(value) => setOld(value === "all")} /><Button small look="primary" onClick={() => setMaking(true)}>New token …</Button></>}
      >
        {(rows) => <DataTable label="Tokens" rows={rows.filter((row) => old || tokenState(row, now) === "valid")} columns={columns} rowId={(row) => row.id} empty={<Empty title={rows.length ? "No valid token" : "No token yet"}>A token lets a program in: a scraper of metrics, CI, a script. It has a role, can be narrowed to single permissions, and expires.</Empty>} />}
      </QueryPanel>
      {making && <NewTokenDialog onClose={() => setMaking(false)} />}
    </>
  );
}

const days = [{ value: "7", label: "7 days" }, { value: "30", label: "30 days" }, { value: "90", label: "90 days" }, { value: "366", label: "A year" }];
function NewTokenDialog({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const roles = useQuery(identityQueries.roles()).data;
  const services = useQuery(identityQueries.people()).data?.filter((each) => each.kind === "service" && !each.disabled) ?? [];
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [lives, setLives] = useState("30");
  const [account, setAccount] = useState("");
  const [narrowed, setNarrowed] = useState<string[] | null>(null);
  const [issued, setIssued] = useState<IssuedToken | null>(null);
  const { busy, problem, attempt } = useAttempt();
  const held = roles?.roles[role] ?? [];
  const make = async () => {
    const given = await attempt(`New token ${name.trim()}`, () => send<IssuedToken>("/tokens", { body: { name: name.trim(), role, days: Number(lives), permissions: narrowed, account: account || undefined } }));
    if (!given) return;
    setIssued(given);
    void client.invalidateQueries({ queryKey: ["tokens"] });
  };
  if (issued) return <Dialog open onClose={onClose} title={`Token ${issued.name}`} note={issued.role} width={520} foot={<Button look="primary" onClick={onClose}>I have kept it</Button>}><Once what="token" secret={issued.token} note="Shown this once. Put it where the program reads it, never into a file of a repository." /></Dialog>;
  const missing = !name.trim() ? "Enter a name first." : narrowed?.length === 0 ? "Choose at least one permission." : null;
  return (
    <FormDialog title="New token" submit="Make it" missing={missing} onClose={onClose} onSubmit={() => void make()} busy={busy} problem={problem} width={540}>
      <Field label="Name" htmlFor="token-name" hint="What the program is; audit records say it."><input id="token-name" className="input" data-autofocus="true" maxLength={100} spellCheck={false} placeholder="metrics" value={name} onChange={(event) => setName(event.target.value)} /></Field>
      <div className="grid grid-cols-2 gap-3 max-sm:grid-cols-1">
        <Field label="Role" htmlFor="token-role"><select id="token-role" className="select" value={role} onChange={(event) => { setRole(event.target.value as Role); setNarrowed(null); }}>{Object.keys(roles?.roles ?? { viewer: 0 }).map((each) => <option key={each}>{each}</option>)}</select></Field>
        <Field label="Valid for" htmlFor="token-days"><select id="token-days" className="select" value={lives} onChange={(event) => setLives(event.target.value)}>{days.map((each) => <option key={each.value} value={each.value}>{each.label}</option>)}</select></Field>
      </div>
      {services.length > 0 && <Field label="Acts as" htmlFor="token-account" hint="Ends with the account."><select id="token-account" className="select" value={account} onChange={(event) => setAccount(event.target.value)}><option value="">me</option>{services.map((each) => <option key={each.id} value={each.name}>{each.name} · {each.role}</option>)}</select></Field>}
      <fieldset className="min-w-0">
        <legend className="pb-1 text-12">May do</legend>
        <Segmented label="How much of the role" value={narrowed ? "some" : "all"} options={[{ value: "all", label: `All of ${role}` }, { value: "some", label: "Only some" }]} onChange={(value) => setNarrowed(value === "all" ? null : ["read"])} />
        {narrowed && (
          <ul className="grid grid-cols-2 gap-x-4 gap-y-1.5 pt-3 text-12 max-sm:grid-cols-1">
            {held.map((each) => <li key={each}><label className="flex items-center gap-2"><input type="checkbox" checked={narrowed.includes(each)} onChange={(event) => setNarrowed(event.target.checked ? [...narrowed, each] : narrowed.filter((one) => one !== each))} /><span className="code">{each}</span></label></li>)}
          </ul>
        )}
      </fieldset>
    </FormDialog>
  );
}
