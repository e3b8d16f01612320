import { lazy, Suspense, useEffect, type ReactNode } from "react";
import { Link, Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { approvalQueries } from "~/api/approvals";
import { whenUnauthorised } from "~/api/http";
import { identityQueries } from "~/api/identity";
import { forgetGap, startLive, useConnection, useGap } from "~/api/live";
import { haltLook, look } from "~/api/states";
import { proveNow, useStepUp } from "~/api/stepUp";
import { plural } from "~/lib/format";
import { usePrefs } from "~/lib/prefs";
import { clock, moment } from "~/lib/time";
import { useNow } from "~/lib/clock";
import { Button } from "~/ui/Button";
import { Icon, type IconName } from "~/ui/Icon";
import { Mark } from "~/ui/Mark";
import { Menu } from "~/ui/Menu";
import { ActTray } from "./ActTray";
import { useSession, useStatus, useStatusPart } from "./hooks";
import { closeDialog, openDialog, openKill, useDialog } from "./shell";
import { places, useShortcuts, type Place } from "./shortcuts";
import { KillButton, StatusRail } from "./StatusRail";
import { Tour } from "./Tour";

const KillPanel = lazy(() => import("./KillPanel").then((module) => ({ default: module.KillPanel })));
const Palette = lazy(() => import("./Palette").then((module) => ({ default: module.Palette })));
const StepUp = lazy(() => import("./StepUp").then((module) => ({ default: module.StepUp })));
const Help = lazy(() => import("./Help").then((module) => ({ default: module.Help })));

const groups: { heading: string | null; items: Place[] }[] = [
  { heading: null, items: ["/", "/traders", "/orders"] },
  { heading: "Improve", items: ["/backtests", "/config"] },
  { heading: "Operate", items: ["/emergency", "/risk", "/operations", "/approvals", "/audit"] },
  { heading: "Deck", items: ["/settings"] },
];
const placeOf = (to: Place) => places.find((place) => place.to === to);

/** How many requests wait for this person. */
const useWaiting = (): number => useQuery({ ...approvalQueries.all(), select: (all) => all.filter((each) => each.may_approve).length }).data ?? 0;
function Waiting() {
  const count = useWaiting();
  return count ? <span className="rounded-md bg-raised px-1.5 text-11 text-warn"><span className="sr-only">, waiting for you: </span>{count}</span> : null;
}

function Navigation() {
  return (
    <nav className="nav" aria-label="Pages">
      {groups.map((group) => (
        <div key={group.heading ?? "main"} className="contents">
          {group.heading && <h2>{group.heading}</h2>}
          {group.items.map((to) => {
            const place = placeOf(to);
            return <Link key={to} to={to} activeOptions={{ exact: to === "/", includeSearch: false }} activeProps={{ "aria-current": "page" }}>{place?.label}{to === "/approvals" && <Waiting />}<kbd aria-hidden="true">g {place?.key}</kbd></Link>;
          })}
        </div>
      ))}
      <div className="mt-auto flex items-center justify-between px-2.5 pt-4 text-11 text-faint">
        <button type="button" className="link text-faint!" onClick={() => openDialog({ name: "palette" })}>Search and act</button>
        <kbd>⌘ K</kbd>
      </div>
    </nav>
  );
}

const phonePlaces: { to: Place; label: string; icon: IconName }[] = [{ to: "/", label: "Deck", icon: "deck" }, { to: "/traders", label: "Traders", icon: "traders" }, { to: "/orders", label: "Orders", icon: "orders" }];
function PhoneBar() {
  const waiting = useWaiting();
  const navigate = useNavigate();
  return (
    <nav className="phone-bar" aria-label="Pages, short">
      {phonePlaces.map((place) => <Link key={place.to} to={place.to} activeOptions={{ exact: place.to === "/", includeSearch: false }} activeProps={{ "aria-current": "page" }}><Icon name={place.icon} size={16} />{place.label}</Link>)}
      <Menu
        align="end"
        trigger={<button type="button"><Icon name="more" size={16} className={waiting ? "text-warn" : undefined} />More{waiting > 0 && <span className="sr-only">, {plural(waiting, "approval")} waiting</span>}</button>}
        entries={[...places.slice(3).map((place) => ({ label: place.label, detail: place.to === "/approvals" && waiting ? `${waiting} waiting` : undefined, onSelect: () => void navigate({ to: place.to }) })), "line", { label: "Search and act", onSelect: () => openDialog({ name: "palette" }) }]}
      />
      <KillButton short />
    </nav>
  );
}

/** What must be said on every page: lost connection, lost events, halts, blocked trading. */
function Notices() {
  const connection = useConnection();
  const gap = useGap();
  const { zone } = usePrefs();
  const now = useNow();
  const halts = useStatusPart((status) => status.halts);
  const unreachable = useStatus().isError;
  const session = useSession();
  const client = useQueryClient();
  const me = useQuery({ ...identityQueries.me(), enabled: session?.needs_mfa === true }).data;
  return (
    <div role="status" aria-live="polite">
      {(connection.state === "down" || unreachable) && (
        <div className="notice"><Mark shape="triangle" tone="bad" /><b>Reconnecting{connection.state === "down" ? ` since ${clock(connection.since, zone)}` : ""}</b><span className="text-muted">What you see is as old as each panel says. Traders go on without this page.</span></div>
      )}
      {gap && (
        <div className="notice"><Mark shape="question" tone="unknown" /><b>{plural(gap.to - gap.from + 1, "event")} could not be replayed</b><span className="text-muted">Numbers {gap.from} to {gap.to}. Figures were read again from snapshots; the timeline has a hole there.</span><Button small look="quiet" className="ml-auto" onClick={forgetGap}>Understood</Button></div>
      )}
      {session?.needs_mfa && (
        <div className="notice">
          <Mark shape="hollow" tone="warn" /><b>Signed in without your second factor</b><span className="text-muted">You can look and stop. Everything else of the role {session.role} asks for it.</span>
          <Button small look="quiet" className="ml-auto" onClick={() => void proveNow("Sign-in", `The role ${session.role} needs a second factor.`, me?.step_up_ways ?? ["host"]).then(async (proven) => { if (proven) await client.invalidateQueries(); })}>Show it now</Button>
        </div>
      )}
      {halts?.map((halt) => (
        <div className="notice" key={halt.scope + halt.level}>
          <Mark shape={look(haltLook, halt.level).shape} tone={look(haltLook, halt.level).tone} /><b>{look(haltLook, halt.level).word}: {halt.scope}</b>
          <span className="text-muted">since {moment(halt.at, zone, now)} by {halt.by}{halt.reason ? ` · ${halt.reason}` : ""}</span>
          <Button small look="quiet" className="ml-auto" onClick={() => openKill(halt.scope)}>Open</Button>
        </div>
      ))}
    </div>
  );
}

function Live({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const ready = useStatus().data !== undefined;
  useEffect(() => {
    // Several reads are refused at once; only the first of them knows where the person was.
    const toSignIn = () => void (location.pathname === "/sign-in" || navigate({ to: "/sign-in", search: { next: location.pathname + location.search } }));
    whenUnauthorised(toSignIn);
    if (!ready) return undefined;
    const from = client.getQueryData<{ last_seq: number }>(["status"])?.last_seq ?? 0;
    return startLive(client, from, toSignIn);
  }, [client, navigate, ready]);
  return children;
}

export function Shell() {
  const navigate = useNavigate();
  const dialog = useDialog();
  const question = useStepUp();
  const path = useRouterState({ select: (state) => state.location.pathname });
  useShortcuts({ go: (to) => void navigate({ to }), palette: () => openDialog({ name: "palette" }), help: () => openDialog({ name: "help" }), kill: () => openKill() });
  useEffect(() => {
    const place = places.find((each) => (each.to === "/" ? path === "/" : path.startsWith(each.to)));
    document.title = place ? `${place.label} · Tradedeck` : "Tradedeck";
  }, [path]);
  return (
      <Live>
        <a href="#work" className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50 focus:bg-panel focus:p-2">Skip to the page</a>
        <div className="app">
          <StatusRail />
          <Navigation />
          <main className="work" id="work" tabIndex={-1}>
            <Notices />
            <Outlet />
          </main>
        </div>
        <PhoneBar />
        <ActTray />
        <Tour />
        <Suspense fallback={null}>
          {question && <StepUp />}
          {dialog?.name === "kill" && <KillPanel initialScope={dialog.scope} onClose={closeDialog} />}
          {dialog?.name === "palette" && <Palette onClose={closeDialog} />}
          {dialog?.name === "help" && <Help onClose={closeDialog} />}
        </Suspense>
      </Live>
  );
}
