import { useMemo, useState } from "react";
import { useNavigate } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import { replay, traderAct } from "~/api/acts";
import { queries } from "~/api/queries";
import { runDrill } from "~/api/stop";
import { cx } from "~/lib/cx";
import { setPrefs, usePrefs } from "~/lib/prefs";
import { Dialog } from "~/ui/Dialog";
import { useMay, useStatus } from "./hooks";
import { openDialog, openKill } from "./shell";
import { places } from "./shortcuts";

export interface Entry { group: string; label: string; hint?: string; run: () => void; blocked?: string | null }

/** Every word of the query must occur, in any order; earlier matches first. Pure. */
export function match(entries: Entry[], query: string): Entry[] {
  const terms = query.toLowerCase().split(/\s+/u).filter(Boolean);
  if (terms.length === 0) return entries;
  return entries
    .map((entry) => ({ entry, text: `${entry.label} ${entry.group}`.toLowerCase() }))
    .filter(({ text }) => terms.every((term) => text.includes(term)))
    .sort((a, b) => a.text.indexOf(terms[0] ?? "") - b.text.indexOf(terms[0] ?? ""))
    .map(({ entry }) => entry);
}

function useEntries(): Entry[] {
  const navigate = useNavigate();
  const status = useStatus().data;
  const strategies = useQuery(queries.strategies()).data;
  const blocked = useMay("operator");
  const prefs = usePrefs();
  return useMemo(() => {
    const entries: Entry[] = places.map((place) => ({ group: "Go", label: place.label, hint: `g ${place.key}`, run: () => void navigate({ to: place.to }) }));
    entries.push(
      { group: "Act", label: "Kill switch: pause, reduce only, flatten", hint: "⇧K", run: () => openKill() },
      { group: "Act", label: "Run a kill drill", blocked, run: () => { void navigate({ to: "/emergency" }); void runDrill(); } },
      { group: "Act", label: "Deploy a trader", blocked, run: () => void navigate({ to: "/traders", search: { deploy: true } }) },
      { group: "Act", label: "Start a backtest", blocked, run: () => void navigate({ to: "/backtests", search: { start: true } }) },
      { group: "Act", label: "Edit configuration", run: () => void navigate({ to: "/config" }) },
    );
    for (const trader of status?.traders ?? []) {
      entries.push({ group: "Trader", label: `Open ${trader.id}`, hint: trader.instrument, run: () => void navigate({ to: "/traders/$id", params: { id: trader.id } }) });
      const running = trader.state === "running";
      entries.push({ group: "Trader", label: `${running ? "Pause" : "Resume"} ${trader.id}`, blocked, run: () => void traderAct(trader.id, running ? "pause" : trader.state === "stopped" ? "start" : "resume") });
      entries.push({ group: "Trader", label: `Kill switch of ${trader.id} …`, run: () => openKill(`trader/${trader.id}`) });
      for (const strategy of strategies ?? []) if (strategy.id !== trader.strategy) entries.push({ group: "Switch", label: `Switch ${trader.id} to ${strategy.name} …`, blocked, run: () => void navigate({ to: "/traders/$id", params: { id: trader.id }, search: { tab: "parameters", strategy: strategy.id } }) });
    }
    for (const feed of status?.feeds ?? []) {
      if (feed.kind !== "replay") continue;
      entries.push({ group: "Replay", label: `${feed.state === "paused" ? "Play" : "Pause"} ${feed.id}`, blocked, run: () => void replay(feed.id, { paused: feed.state !== "paused" }) });
      entries.push({ group: "Replay", label: `Step ${feed.id} one bar`, blocked, run: () => void replay(feed.id, { step: 1 }) });
    }
    entries.push(
      { group: "View", label: `Theme: ${document.documentElement.dataset.theme === "light" ? "dark" : "light"}`, run: () => setPrefs({ theme: document.documentElement.dataset.theme === "light" ? "dark" : "light" }) },
      { group: "View", label: prefs.zone === "utc" ? "Times as on this device" : "Times in UTC", run: () => setPrefs({ zone: prefs.zone === "utc" ? "local" : "utc" }) },
      { group: "View", label: prefs.swapUpDown ? "Green is up" : "Red is up", run: () => setPrefs({ swapUpDown: !prefs.swapUpDown }) },
      { group: "View", label: "Keyboard shortcuts", hint: "?", run: () => openDialog({ name: "help" }) },
    );
    return entries;
  }, [navigate, status, strategies, blocked, prefs]);
}

export function Palette({ onClose }: { onClose: () => void }) {
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const found = match(useEntries(), query).slice(0, 60);
  const chosen = found[Math.min(at, found.length - 1)];
  const run = (entry: Entry | undefined) => {
    if (!entry || entry.blocked) return;
    onClose();
    entry.run();
  };
  return (
    <Dialog open onClose={onClose} title="Go or act" note="↑ ↓ to choose, Enter to do" width={560}>
      <input
        className="input" data-autofocus="true" role="combobox" aria-expanded="true" aria-controls="palette" aria-activedescendant={chosen ? `entry-${found.indexOf(chosen)}` : undefined}
        aria-label="Command" placeholder="Trader, page or act" value={query}
        onChange={(event) => { setQuery(event.target.value); setAt(0); }}
        onKeyDown={(event) => {
          const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
          if (step) {
            event.preventDefault();
            const next = (at + step + found.length) % Math.max(1, found.length);
            setAt(next);
            document.getElementById(`entry-${next}`)?.scrollIntoView({ block: "nearest" });
          }
          if (event.key === "Enter") {
            event.preventDefault();
            run(chosen);
          }
        }}
      />
      <ul id="palette" role="listbox" aria-label="Commands" className="-mx-2 -mt-2 max-h-[46dvh] min-h-24 overflow-auto text-12">
        {found.length === 0 && <li className="px-2 py-2 text-muted">Nothing matches. Try a trader’s name, “pause” or “replay”.</li>}
        {found.map((entry, index) => (
          <li
            key={entry.group + entry.label} id={`entry-${index}`} role="option" aria-selected={entry === chosen} aria-disabled={entry.blocked ? true : undefined} title={entry.blocked ?? undefined}
            className={cx("flex h-8 cursor-pointer items-center gap-3 rounded px-2", entry === chosen && "bg-raised", entry.blocked && "text-faint")}
            onMouseMove={() => setAt(index)} onClick={() => run(entry)}
          >
            <span className="w-14 flex-none text-11 text-faint">{entry.group}</span>
            <span className="truncate">{entry.label}</span>
            <span className="ml-auto code text-faint">{entry.blocked ? "not allowed" : entry.hint}</span>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
