import { Link, useNavigate } from "@tanstack/react-router";
import { send } from "~/api/http";
import { useConnection } from "~/api/live";
import { look, modeLook, reconcileLook, sessionLook } from "~/api/states";
import type { Status } from "~/api/types";
import { useNow } from "~/lib/clock";
import { delta, duration, num, number, plural, tone, toneClass, words } from "~/lib/format";
import { setPrefs, usePrefs, type Prefs } from "~/lib/prefs";
import { clock, parse, tradingTime } from "~/lib/time";
import { Meter, Skeleton } from "~/ui/Bits";
import { HoldButton } from "~/ui/Button";
import { Mark, toneText } from "~/ui/Mark";
import { Menu } from "~/ui/Menu";
import { Tip } from "~/ui/Tip";
import { useMay, useSession, useStatus } from "./hooks";
import { openDialog, openKill } from "./shell";

export const Logo = () => (
  <svg width="16" height="16" viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.4" strokeLinecap="round" aria-hidden="true"><path d="M2 11.5h12M4 11.5V6M8 11.5V3M12 11.5V8" /></svg>
);

/** A kill that is latched outranks the mode: what counts is that nothing trades. */
export const shownMode = (status: Status) => look(modeLook, status.halts.some((halt) => halt.scope === "all" && halt.level === "halted") ? "halted" : status.mode);

/** What counts as heard: a mode that nobody confirms any more is the last known one. */
const heard = (status: Status) => status.runner.state === "running" || status.runner.state === "stopped";

function ModeSegment({ status }: { status: Status }) {
  const mode = heard(status) ? shownMode(status) : { ...shownMode(status), shape: "question" as const, tone: "unknown" as const };
  const reasons = status.mode_reasons.length ? ` Reasons: ${status.mode_reasons.map((reason) => words(reason.toLowerCase())).join(", ")}.` : "";
  return (
    <Tip side="bottom" text={`${mode.meaning ?? ""}${reasons}`}>
      <Link to="/operations" className="seg text-text">
        <b className={`state tracking-wide ${toneText[mode.tone]}`}><Mark shape={mode.shape} tone={mode.tone} size={11} /><span className="truncate font-semibold">{mode.word}</span></b>
        <small>{heard(status) ? "" : "last known · "}{status.simulated ? "SIMULATED · " : ""}{words(status.data_mode).toLowerCase()} · {status.execution_capable_accounts} <span className="hide-phone">can trade</span><span className="only-phone">armed</span></small>
      </Link>
    </Tip>
  );
}

/* What people call the exchanges whose calendars have other names. */
const venues: Record<string, string> = { XNYS: "NYSE", XNAS: "Nasdaq", XLON: "London", XTKS: "Tokyo", XETR: "Xetra" };

function SessionSegment({ status }: { status: Status }) {
  const session = status.session[0];
  if (!session) return <div className="seg"><b>No session</b><small>no calendar in use</small></div>;
  const verdict = look(sessionLook, session.verdict);
  const cursor = status.feeds.filter((feed) => feed.kind === "replay").reduce((newest, feed) => Math.max(newest, parse(feed.cursor) ?? 0), 0);
  const replaying = status.data_mode === "replay" && cursor > 0;
  const until = parse(session.until);
  const detail = replaying ? tradingTime(cursor) : until ? `${session.verdict === "open" ? "closes" : "opens"} in ${duration(until - (parse(status.at) ?? until))}` : verdict.word;
  return (
    <div className="seg" title={replaying ? "The session follows the clock of the replay." : undefined}>
      <b>{venues[session.calendar] ?? session.calendar} {verdict.word}</b><small>{detail}</small>
    </div>
  );
}

function ProfitSegment({ status }: { status: Status }) {
  const account = status.accounts[0];
  if (!account) return <div className="seg"><b>No account</b><small>day P&amp;L</small></div>;
  const total = status.accounts.filter((each) => each.currency === account.currency).reduce((sum, each) => sum + (num(each.day_pnl) ?? 0), 0);
  const bound = num(account.day_loss_max);
  const used = bound ? Math.max(0, -total) / bound : null;
  return (
    <Link to="/" className="seg text-text" title={bound ? `Day loss limit ${number(bound)} ${account.currency}` : "No day loss limit set"}>
      <b className={toneClass[tone(total)]}>{delta(total)}<span className="hide-phone"> {account.currency}</span></b>
      {bound ? <span className="mt-1.5 block"><Meter ratio={used} label="Day loss limit used" /></span> : <small>today · no limit</small>}
    </Link>
  );
}

function ReconcileSegment({ status }: { status: Status }) {
  const now = useNow();
  const verdict = look(reconcileLook, status.reconcile.verdict);
  const checked = parse(status.reconcile.checked_at);
  return (
    <div className="seg" title={status.reconcile.detail ?? undefined}>
      <b className={toneText[verdict.tone]}>{verdict.word}</b>
      <small>{checked ? <><span className="hide-phone">checked </span>{duration(now - checked)} ago</> : "not checked"}</small>
    </div>
  );
}

function DataSegment({ status }: { status: Status }) {
  const connection = useConnection();
  const { zone } = usePrefs();
  if (connection.state === "down") {
    return <div className="seg" role="status"><b className="text-bad">Reconnecting</b><small>since {clock(connection.since, zone)}</small></div>;
  }
  const runnerSilent = !heard(status) || (status.runner.age_ms ?? Infinity) > 10_000;
  if (runnerSilent) {
    return <Link to="/operations" className="seg text-text"><b className="text-bad">Runner silent</b><small>{status.runner.age_ms == null ? "not heard yet" : `for ${duration(status.runner.age_ms)}`}</small></Link>;
  }
  const broken = status.feeds.filter((feed) => feed.state === "stale" || feed.state === "failed");
  const ages = status.feeds.filter((feed) => feed.state === "running").map((feed) => feed.age_ms).filter((age): age is number => age != null);
  const oldest = ages.length ? Math.max(...ages) : null;
  return (
    <Link to="/operations" search={{ tab: "feeds" }} className="seg text-text">
      <b className={broken.length ? "text-warn" : undefined}>Data {oldest == null ? "idle" : duration(oldest)}</b>
      <small>{status.feeds.length - broken.length} of {status.feeds.length} feeds fresh</small>
    </Link>
  );
}

function AlertSegment({ status }: { status: Status }) {
  const now = useNow();
  const { unacknowledged, oldest_at } = status.alerts;
  const oldest = parse(oldest_at);
  return (
    <Link to="/" hash="alerts" className="seg text-text">
      <b className={unacknowledged ? "text-warn" : undefined}>{unacknowledged ? plural(unacknowledged, "alert") : "No alerts"}</b>
      <small>{unacknowledged && oldest ? `open ${duration(now - oldest)}` : <><span className="hide-phone">all acknowledged</span><span className="only-phone">none open</span></>}</small>
    </Link>
  );
}

const themes: { value: Prefs["theme"]; label: string }[] = [{ value: "system", label: "Theme: as the system" }, { value: "dark", label: "Theme: dark" }, { value: "light", label: "Theme: light" }];
export function UserMenu() {
  const session = useSession();
  const prefs = usePrefs();
  const navigate = useNavigate();
  const signOut = () => void send("/session", { method: "DELETE", quiet401: true }).finally(() => location.assign("/sign-in"));
  return (
    <Menu
      trigger={
        <button type="button" className="seg">
          <b>{session?.actor ?? "–"}</b><small>{session?.role ?? "no role"}<span className="sr-only">: preferences and sign out</span></small>
        </button>
      }
      entries={[
        { label: "My account", detail: "g s", onSelect: () => void navigate({ to: "/settings" }) },
        "line" as const,
        ...themes.map((theme) => ({ label: theme.label, checked: prefs.theme === theme.value, onSelect: () => setPrefs({ theme: theme.value }) })),
        "line" as const,
        { label: "Times in UTC", checked: prefs.zone === "utc", onSelect: () => setPrefs({ zone: "utc" }) },
        { label: "Times as on this device", checked: prefs.zone === "local", onSelect: () => setPrefs({ zone: "local" }) },
        { label: "Red is up", checked: prefs.swapUpDown, onSelect: () => setPrefs({ swapUpDown: !prefs.swapUpDown }) },
        "line" as const,
        { label: "Show the tour again", onSelect: () => setPrefs({ tourDone: false }) },
        { label: "Keyboard shortcuts", detail: "?", onSelect: () => openDialog({ name: "help" }) },
        { label: "API reference", onSelect: () => window.open("/docs", "_blank", "noopener") },
        "line" as const,
        { label: "Sign out", onSelect: signOut },
      ]}
    />
  );
}

export function KillButton({ short }: { short?: boolean }) {
  const blocked = useMay("operator");
  return (
    <HoldButton
      onHeld={() => openKill()} holdMs={500} blocked={blocked} className={short ? undefined : "my-auto mr-4 ml-3"}
      label={`${short ? "Kill" : "Hold to kill"}: opens pause, reduce only and flatten. Shift K.`}
    >
      {short ? "Kill" : "Hold to kill"}
    </HoldButton>
  );
}

export function StatusRail() {
  const status = useStatus().data;
  return (
    <div className="rail" role="region" aria-label="Status">
      <Link to="/" className="rail-brand"><Logo />Tradedeck</Link>
      {status ? (
        <>
          <ModeSegment status={status} />
          <SessionSegment status={status} />
          <TradersSegment status={status} />
          <ProfitSegment status={status} />
          <ReconcileSegment status={status} />
          <DataSegment status={status} />
          <AlertSegment status={status} />
        </>
      ) : (
        Array.from({ length: 7 }, (_, index) => <div className="seg gap-1.5" key={index}><Skeleton className="h-3 w-16" /><Skeleton className="h-2 w-20" /></div>)
      )}
      <div className="rail-grow flex-1" />
      <UserMenu />
      <span className="rail-kill flex"><KillButton /></span>
    </div>
  );
}

function TradersSegment({ status }: { status: Status }) {
  const count = (state: string) => status.traders.filter((trader) => trader.state === state).length;
  const broken = count("faulted") + count("blocked"), unknown = count("unknown");
  return (
    <Link to="/traders" className="seg text-text">
      <b className={unknown ? "text-unknown" : undefined}>{unknown ? `${unknown} unknown` : `${count("running")} running`}</b>
      <small>{count("paused")} paused<span className="hide-phone"> · <span className={broken ? "text-bad" : undefined}>{broken} faulted</span></span><span className={`only-phone ${broken ? "text-bad" : ""}`}> · {broken} bad</span></small>
    </Link>
  );
}
