import { useState } from "react";
import { setPrefs, usePrefs } from "~/lib/prefs";
import { Button } from "~/ui/Button";

const stops = [
  { title: "The rail tells the truth", text: "Mode, session, traders, day P&L against its limit, reconcile, data age and alerts. It never scrolls away, and what has not been checked says so." },
  { title: "Pause costs nothing", text: "Open Traders, select rows with x, pause and resume. Each act shows pending, then the runner's own confirmation with its audit id." },
  { title: "Try the kill", text: "Hold the red button, or Shift K. You see counts and notional before you hold a step: pause entries, reduce only, flatten. On paper, try it now." },
  { title: "Ask why", text: "Open a trader and click a bar: the inputs, the signal and every limit the decision was held against, also when it did not trade." },
];
/** A small card for the first visit; never in the way of an act. */
export function Tour() {
  const { tourDone } = usePrefs();
  const [at, setAt] = useState(0);
  const stop = stops[at];
  if (tourDone || !stop) return null;
  const last = at === stops.length - 1;
  return (
    <aside aria-label="Tour" className="fixed bottom-12 left-2 z-20 w-[192px] max-lg:w-[340px] max-w-[calc(100vw-24px)] rounded-md border border-line-strong bg-panel p-3 shadow-lg max-lg:bottom-[68px] max-md:left-3">
      <p className="text-11 text-muted">First hour · {at + 1} of {stops.length}</p>
      <b className="text-15">{stop.title}</b>
      <p className="pt-1 text-12 text-muted">{stop.text}</p>
      <div className="flex items-center gap-2 pt-3">
        <Button small look="quiet" onClick={() => setPrefs({ tourDone: true })}>Skip</Button>
        <span className="flex-1" />
        {at > 0 && <Button small onClick={() => setAt(at - 1)}>Back</Button>}
        <Button small look="primary" onClick={() => (last ? setPrefs({ tourDone: true }) : setAt(at + 1))}>{last ? "Done" : "Next"}</Button>
      </div>
    </aside>
  );
}
