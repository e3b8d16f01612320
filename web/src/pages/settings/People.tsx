/* Everybody of this deck: role, state, proof; inviting, and ending what somebody may. */
import { useState } from "react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { requestGrant } from "~/api/approvals";
import { problemOf, send } from "~/api/http";
import { identityQueries, type InvitationView, type IssuedInvitation, type PersonView, type RoleTable } from "~/api/identity";
import type { Role } from "~/api/types";
import { useAttempt, useRowAct } from "~/components/attempt";
import { useMay, useSession } from "~/components/hooks";
import { Once } from "~/components/Once";
import { Panel, QueryPanel } from "~/components/Panel";
import { Since } from "~/components/Since";
import { look } from "~/api/states";
import { useNow } from "~/lib/clock";
import { plural } from "~/lib/format";
import type { StateLook } from "~/lib/look";
import { parse } from "~/lib/time";
import { DataTable, type Column } from "~/table/DataTable";
import { Empty, Field, SkeletonRows } from "~/ui/Bits";
import { Button } from "~/ui/Button";
import { Dialog } from "~/ui/Dialog";
import { Icon } from "~/ui/Icon";
import { Mark, StateText } from "~/ui/Mark";
import { Menu, type MenuEntry } from "~/ui/Menu";
import { FormDialog } from "./FactorDialogs";

type PersonState = "active" | "waiting" | "locked" | "disabled";
const personLook = {
  active: { word: "Active", shape: "dot", tone: "ok" },
  waiting: { word: "Waiting", shape: "bars", tone: "warn", meaning: "After wrong passwords or codes; it ends by itself." },
  locked: { word: "Locked", shape: "diamond", tone: "bad", meaning: "After a hundred wrong ones; an admin ends it." },
  disabled: { word: "Disabled", shape: "hollow", tone: "muted", meaning: "Nobody signs in as it." },
} satisfies Record<PersonState, StateLook>;
export const personState = (person: Pick<PersonView, "disabled" | "locked" | "waiting_until">, now: number): PersonState =>
  person.disabled ? "disabled" : person.locked ? "locked" : (parse(person.waiting_until) ?? 0) > now ? "waiting" : "active";

/** How somebody proves who they are, in words; empty is nothing yet. */
export const proofWords = (person: Pick<PersonView, "kind" | "passkeys" | "has_totp" | "has_password">): string =>
  person.kind === "service" ? "tokens" : [person.passkeys ? plural(person.passkeys, "passkey") : "", person.has_totp ? "app" : "", person.has_password ? "password" : ""].filter(Boolean).join(", ");

const invitationLook = {
  open: { word: "Open", shape: "ring", tone: "accent" },
  accepted: { word: "Accepted", shape: "dot", tone: "ok" },
  revoked: { word: "Revoked", shape: "cross", tone: "muted" },
  expired: { word: "Expired", shape: "hollow", tone: "muted" },
} satisfies Record<"open" | "accepted" | "revoked" | "expired", StateLook>;

type Open = null | { name: "invite" | "service" } | { name: "role" | "disable" | "reset"; person: PersonView };

export function People() {
  const mayRead = useMay("risk");
  const blocked = useMay("admin");
  const query = useQuery({ ...identityQueries.people(), enabled: mayRead === null });
  const me = useSession()?.user;
  const now = useNow();
  const act = useRowAct("people", "sessions");
  const [open, setOpen] = useState<Open>(null);
  if (mayRead) return <Empty title="Not yours to see">{mayRead}</Empty>;
  const put = (person: PersonView, label: string, path: string, method: "POST" | "DELETE" = "POST") => void act(`${label} ${person.name}`, () => send(`/people/${person.id}/${path}`, { method }));
  const entries = (person: PersonView): MenuEntry[] => {
    const own = person.id === me ? "Not your own: another admin does it." : blocked;
    const state = personState(person, now);
    return [
      { label: "Change the role …", blocked: own, onSelect: () => setOpen({ name: "role", person }) },
      ...(person.kind === "person" ? [{ label: "End all sessions", blocked, onSelect: () => put(person, "End the sessions of", "sessions", "DELETE") }] : []),
      ...(state === "locked" || state === "waiting" ? [{ label: "Unlock", blocked, onSelect: () => put(person, "Unlock", "unlock") }] : []),
      ...(person.enrolled ? [{ label: "Forget second factors …", blocked: own, onSelect: () => setOpen({ name: "reset", person }) }] : []),
      "line",
      person.disabled ? { label: "Enable", blocked, onSelect: () => put(person, "Enable", "enable") } : { label: "Disable …", blocked: own, onSelect: () => setOpen({ name: "disable", person }) },
    ];
  };
  const columns: Column<PersonView>[] = [
    { id: "name", header: "Name", left: true, sort: (row) => row.name, cell: (row) => <><b className="ident">{row.name}</b>{row.display_name !== row.name && <span className="hide-phone text-muted"> {row.display_name}</span>}{row.id === me && <span className="text-11 text-accent"> · you</span>}</> },
    { id: "kind", header: "Kind", left: true, hidePhone: true, sort: (row) => row.kind, cell: (row) => row.kind },
    { id: "role", header: "Role", left: true, sort: (row) => row.role, cell: (row) => row.role },
    { id: "state", header: "State", left: true, sort: (row) => personState(row, now), cell: (row) => <StateText look={personLook[personState(row, now)]} /> },
    { id: "proof", header: "Proves it by", left: true, hidePhone: true, cell: (row) => proofWords(row) || <span className="state text-muted"><Mark shape="hollow" tone="muted" />link of the host only</span> },
    { id: "seen", header: "Last seen", left: true, hidePhone: true, sort: (row) => row.seen_at, cell: (row) => (row.seen_at ? <Since at={row.seen_at} /> : "never") },
    { id: "by", header: "Made by", left: true, hidePhone: true, sort: (row) => row.created_by, cell: (row) => <>{row.created_by}, <Since at={row.created_at} /></> },
    { id: "act", header: <span className="sr-only">Acts</span>, cell: (row) => <Menu trigger={<Button small icon look="quiet" aria-label={`Acts on ${row.name}`}><Icon name="more" /></Button>} entries={entries(row)} /> },
  ];
  return (
    <div className="flex flex-col gap-8">
      <QueryPanel
        title="People" query={query} deadlineMs={60_000} note="and services, which have tokens and cannot sign in"
        end={<><Button small blocked={blocked} onClick={() => setOpen({ name: "service" })}>New service …</Button><Button small look="primary" blocked={blocked} onClick={() => setOpen({ name: "invite" })}>Invite …</Button></>}
      >
        {(rows) => <DataTable label="People and services" rows={rows} columns={columns} rowId={(row) => row.id} empty={<Empty title="Nobody yet">Whoever uses a link of the host is the first.</Empty>} />}
      </QueryPanel>
      {blocked === null && <Invitations />}
      <Roles />
      {open?.name === "invite" && <InviteDialog onClose={() => setOpen(null)} />}
      {open?.name === "service" && <ServiceDialog onClose={() => setOpen(null)} />}
      {open?.name === "role" && <RoleDialog person={open.person} onClose={() => setOpen(null)} />}
      {(open?.name === "disable" || open?.name === "reset") && (
        <Dialog
          open onClose={() => setOpen(null)} width={420} title={open.name === "disable" ? `Disable ${open.person.name}` : `Forget the second factors of ${open.person.name}`}
          foot={<><Button onClick={() => setOpen(null)}>Cancel</Button><Button look="danger" onClick={() => { setOpen(null); put(open.person, open.name === "disable" ? "Disable" : "Forget second factors of", open.name === "disable" ? "disable" : "reset-factors"); }}>{open.name === "disable" ? "Disable" : "Forget them"}</Button></>}
        >
          <p className="text-12">{open.name === "disable" ? "Every session of it ends at once and every token is revoked. Enabling it again does not bring the tokens back." : "Passkeys, app and recovery codes are gone, and its sessions end. It enrols anew after the next sign-in."}</p>
        </Dialog>
      )}
    </div>
  );
}

function Invitations() {
  const query = useQuery(identityQueries.invitations());
  const act = useRowAct("invitations");
  const columns: Column<InvitationView>[] = [
    { id: "name", header: "Name", left: true, sort: (row) => row.name, cell: (row) => <b className="ident">{row.name}</b> },
    { id: "role", header: "Role", left: true, cell: (row) => row.role },
    { id: "state", header: "State", left: true, sort: (row) => row.state, cell: (row) => <StateText look={look(invitationLook, row.state)} /> },
    { id: "by", header: "Invited by", left: true, hidePhone: true, cell: (row) => <>{row.created_by}, <Since at={row.created_at} /></> },
    { id: "expires", header: "Expires", left: true, hidePhone: true, sort: (row) => row.expires_at, cell: (row) => <Since at={row.expires_at} /> },
    { id: "act", header: <span className="sr-only">Revoke</span>, cell: (row) => row.state === "open" && <Button small aria-label={`Revoke the invitation of ${row.name}`} onClick={() => void act(`Revoke the invitation of ${row.name}`, () => send(`/invitations/${row.id}`, { method: "DELETE" }))}>Revoke</Button> },
  ];
  return (
    <QueryPanel title="Invitations" query={query} deadlineMs={60_000}>
      {(rows) => <DataTable label="Invitations" rows={rows} columns={columns} rowId={(row) => row.id} empty={<Empty title="Nobody is invited">An invitation is a link for one person; it works once and makes the account.</Empty>} />}
    </QueryPanel>
  );
}

/** The permission table itself, as the API holds it. */
function Roles() {
  const table = useQuery(identityQueries.roles()).data;
  if (!table) return <Panel title="Who may do what"><SkeletonRows /></Panel>;
  const roles = Object.keys(table.roles);
  const every = [...new Set(roles.flatMap((role) => table.roles[role] ?? []))].sort((a, b) => holders(table, b) - holders(table, a) || a.localeCompare(b));
  const columns: Column<{ permission: string }>[] = [
    { id: "permission", header: "Permission", left: true, cell: (row) => <span className="code">{row.permission}</span> },
    ...roles.map((role): Column<{ permission: string }> => ({ id: role, header: <span>{role}{table.mfa_roles.includes(role) && <span title="This role asks for a second factor"> *</span>}</span>, left: true, cell: (row) => (table.roles[role]?.includes(row.permission) ? <span className="state"><Mark shape="dot" tone="ok" size={8} /><span className="sr-only">yes</span></span> : <span className="text-faint" aria-label="no">–</span>) })),
    { id: "without", header: <span title="Looking and stopping never wait for one">Without a second factor</span>, left: true, hidePhone: true, cell: (row) => (table.without_mfa.includes(row.permission) ? "enough" : "") },
  ];
  return (
    <Panel title="Who may do what" note={table.mfa_roles.length ? `* asks for a second factor: ${table.mfa_roles.join(", ")}` : undefined}>
      <DataTable label="Who may do what" rows={every.map((permission) => ({ permission }))} columns={columns} rowId={(row) => row.permission} empty={null} />
    </Panel>
  );
}
const holders = (table: RoleTable, permission: string): number => Object.values(table.roles).filter((held) => held.includes(permission)).length;

const roleNotes = {
  viewer: "looks at everything, exports",
  operator: "runs traders, stops, changes what does not loosen",
  risk: "lifts halts, loosens limits, reads the audit",
  admin: "people and tokens too",
} satisfies Record<Role, string>;
const allRoles = Object.keys(roleNotes) as Role[];
function RoleChoice({ value, onChange }: { value: Role; onChange: (role: Role) => void }) {
  return (
    <fieldset className="flex min-w-0 flex-col gap-2 text-12">
      <legend className="pb-1">Role</legend>
      {allRoles.map((role) => <label key={role} className="flex items-baseline gap-2"><input type="radio" name="role" value={role} checked={value === role} onChange={() => onChange(role)} /><b className="w-16 flex-none">{role}</b><span className="text-muted">{roleNotes[role]}</span></label>)}
    </fieldset>
  );
}

const nameRule = /^[a-z0-9][a-z0-9._-]{0,39}$/u;
function NameField({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  return <Field label="Sign-in name" htmlFor="person-name" hint="Audit records say it, and it never changes." error={value && !nameRule.test(value) ? "Small letters, digits, and . _ - between them; 40 at most." : null}><input id="person-name" className="input" data-autofocus="true" autoCapitalize="none" spellCheck={false} autoComplete="off" maxLength={40} value={value} onChange={(event) => onChange(event.target.value.trim())} /></Field>;
}

function InviteDialog({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [issued, setIssued] = useState<IssuedInvitation | null>(null);
  const { busy, problem, attempt } = useAttempt();
  const invite = async () => {
    const given = await attempt(`Invite ${name}`, () => send<IssuedInvitation>("/invitations", { body: { name, role } }));
    if (given) setIssued(given);
    void client.invalidateQueries({ queryKey: ["invitations"] });
  };
  if (issued) return <Dialog open onClose={onClose} title={`Invitation for ${issued.name}`} note={issued.role} width={520} foot={<Button look="primary" onClick={onClose}>I have sent it</Button>}><Once what="link" secret={location.origin + issued.path} note="Shown this once. Whoever opens it first becomes this person: send it to them alone." /></Dialog>;
  return (
    <FormDialog title="Invite somebody" submit="Make the link" missing={nameRule.test(name) ? null : "Enter a name first."} onClose={onClose} onSubmit={() => void invite()} busy={busy} problem={problem}>
      <NameField value={name} onChange={setName} />
      <RoleChoice value={role} onChange={setRole} />
    </FormDialog>
  );
}

function ServiceDialog({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const { busy, problem, attempt } = useAttempt();
  const add = async () => {
    if (!(await attempt(`New service ${name}`, () => send<PersonView>("/service-accounts", { body: { name, role } })))) return;
    void client.invalidateQueries({ queryKey: ["people"] });
    onClose();
  };
  return (
    <FormDialog title="New service account" note="for a runner, CI, a program" submit="Make it" missing={nameRule.test(name) ? null : "Enter a name first."} onClose={onClose} onSubmit={() => void add()} busy={busy} problem={problem}>
      <NameField value={name} onChange={setName} />
      <RoleChoice value={role} onChange={setRole} />
    </FormDialog>
  );
}

function RoleDialog({ person, onClose }: { person: PersonView; onClose: () => void }) {
  const client = useQueryClient();
  const [role, setRole] = useState<Role>(person.role);
  const [reason, setReason] = useState("");
  const [two, setTwo] = useState(false);
  const { busy, problem, attempt, forget } = useAttempt();
  const save = async () => {
    const done = await attempt(`Role of ${person.name}: ${role}`, async () => {
      try {
        return await send<unknown>(`/people/${person.id}/role`, { method: "PUT", body: { role } });
      } catch (error) {
        // Where it takes two people, the request is made here too; somebody else decides it.
        if (problemOf(error).code !== "APPROVAL_REQUIRED") throw error;
        setTwo(true);
        return null;
      }
    });
    if (!done) return;
    void client.invalidateQueries({ queryKey: ["people"] });
    onClose();
  };
  const ask = async () => {
    if (!(await attempt(`Ask: ${person.name} as ${role}`, () => requestGrant(person.id, role, reason.trim())))) return;
    void client.invalidateQueries({ queryKey: ["approvals"] });
    onClose();
  };
  return (
    <FormDialog
      title={`Role of ${person.name}`} note={two ? "takes two people" : "in force at once, also in open sessions"} submit={two ? "Ask for it" : "Change it"} onClose={onClose} onSubmit={() => void (two ? ask() : save())} busy={busy} problem={problem}
      missing={role === person.role && !two ? `It is ${person.role} already.` : two && !reason.trim() ? "Write the reason first." : null}
    >
      <RoleChoice value={role} onChange={(next) => { setRole(next); setTwo(false); forget(); }} />
      {two && <Field label="Why" htmlFor="grant-reason" hint="Giving this role takes two people here: another one with the right decides it under Approvals, within an hour."><input id="grant-reason" className="input" autoFocus maxLength={200} value={reason} onChange={(event) => setReason(event.target.value)} /></Field>}
    </FormDialog>
  );
}
