/* Where people are signed in: one's own sessions, and an admin's view of all. */
import { useQuery } from "@tanstack/react-query";
import { send } from "~/api/http";
import { identityQueries, type OwnSession } from "~/api/identity";
import { agentWords } from "~/components/agent";
import { useRowAct } from "~/components/attempt";
import { useHolds, useMay } from "~/components/hooks";
import { QueryPanel } from "~/components/Panel";
import { Since } from "~/components/Since";
import { plural } from "~/lib/format";
import { DataTable, type Column } from "~/table/DataTable";
import { Empty } from "~/ui/Bits";
import { Button } from "~/ui/Button";
import { Mark } from "~/ui/Mark";

const methodWords = { link: "host's link", password: "password", passkey: "passkey", invitation: "invitation", oidc: "single sign-on" } satisfies Record<OwnSession["method"], string>;

const columns = (end: (session: OwnSession) => void, whose: boolean, blocked: string | null): Column<OwnSession>[] => [
  ...(whose ? [{ id: "who", header: "Who", left: true, sort: (row: OwnSession) => row.actor, cell: (row: OwnSession) => <><span className="ident">{row.actor}</span> <span className="hide-phone text-11 text-muted">{row.role}</span></> }] : []),
  { id: "where", header: "Where", left: true, sort: (row) => row.agent, cell: (row) => <><span title={row.agent}>{agentWords(row.agent)}</span>{row.current && <span className="text-11 text-accent"> · this one</span>}</> },
  { id: "address", header: "Address", left: true, hidePhone: true, sort: (row) => row.address, cell: (row) => <span className="code">{row.address || "–"}</span> },
  { id: "how", header: "Signed in by", left: true, hidePhone: true, sort: (row) => row.method, cell: (row) => methodWords[row.method] },
  { id: "mfa", header: "Second factor", left: true, hidePhone: true, sort: (row) => Number(row.mfa), cell: (row) => <span className="state"><Mark shape={row.mfa ? "dot" : "hollow"} tone={row.mfa ? "ok" : "muted"} />{row.mfa ? "shown" : "not shown"}</span> },
  { id: "seen", header: "Last seen", left: true, sort: (row) => row.seen_at, cell: (row) => <Since at={row.seen_at} /> },
  { id: "began", header: "Since", left: true, hidePhone: true, sort: (row) => row.created_at, cell: (row) => <Since at={row.created_at} /> },
  { id: "ends", header: "Ends at the latest", left: true, hidePhone: true, sort: (row) => row.expires_at, cell: (row) => <Since at={row.expires_at} /> },
  { id: "act", header: <span className="sr-only">End</span>, cell: (row) => (row.current ? null : <Button small blocked={blocked} aria-label={`End the session of ${row.actor}, ${agentWords(row.agent)}`} onClick={() => end(row)}>End</Button>) },
];

export function MySessions() {
  const query = useQuery(identityQueries.mySessions());
  const act = useRowAct("me");
  const others = query.data?.filter((each) => !each.current).length ?? 0;
  return (
    <QueryPanel title="My sessions" note="each ends after 12 hours, or 30 minutes idle" query={query} deadlineMs={60_000} end={<Button small blocked={others ? null : "There is no other session."} onClick={() => void act(`End ${plural(others, "other session")}`, () => send("/me/sessions", { method: "DELETE" }))}>End all others</Button>}>
      {(rows) => <DataTable label="My sessions" rows={rows} columns={columns((row) => void act(`End session, ${agentWords(row.agent)}`, () => send(`/me/sessions/${row.id}`, { method: "DELETE" })), false, null)} rowId={(row) => row.id} empty={<Empty title="No session">You are signed in by other means.</Empty>} />}
    </QueryPanel>
  );
}

export function AllSessions() {
  const mayRead = useHolds("people.manage");
  const blocked = useMay("admin");
  const query = useQuery({ ...identityQueries.sessions(), enabled: blocked === null });
  const act = useRowAct("sessions");
  if (blocked && !mayRead) return <Empty title="Not yours to see">{blocked} Your own sessions stand under My account.</Empty>;
  const people = new Set(query.data?.map((each) => each.user)).size;
  return (
    <QueryPanel title="Open sessions" note={query.data ? `${plural(people, "person", "people")}; one that is ended loses its streams within five seconds` : undefined} query={query} deadlineMs={60_000}>
      {(rows) => <DataTable label="Open sessions" rows={rows} columns={columns((row) => void act(`End session of ${row.actor}`, () => send(`/sessions/${row.id}`, { method: "DELETE" })), true, blocked)} rowId={(row) => row.id} empty={<Empty title="Nobody is signed in">Sessions of people stand here while they are open.</Empty>} />}
    </QueryPanel>
  );
}
