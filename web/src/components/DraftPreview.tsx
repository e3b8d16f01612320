/* What a draft would do and change, before the act: first signal, orders, limits, difference. */
import type { ReactNode } from "react";
import type { Problem, TraderPreview } from "~/api/types";
import { duration, plural, words } from "~/lib/format";
import { Failure, Skeleton } from "~/ui/Bits";
import { Mark } from "~/ui/Mark";
import { Changes } from "./Changes";
import { PreviewView } from "./Preview";
import { paramsText } from "./TraderCells";

interface Props {
  title: ReactNode;
  preview: TraderPreview | undefined;
  problem: Problem | null;
  waiting: boolean;
  /** False while the form itself shows what is wrong. */
  asked: boolean;
  whole: string[];
  onRetry: () => void;
  /** Shown where there is no signal yet: what will hold its orders. */
  otherwise?: ReactNode;
}
export function DraftPreview({ title, preview, problem, waiting, asked, whole, onRetry, otherwise }: Props) {
  return (
    <section className="flex min-w-0 flex-col gap-4" aria-label="Preview" aria-busy={waiting}>
      <h3 className="flex items-baseline gap-2 text-12 font-semibold">{title}<span className="ml-auto text-11 font-normal text-muted" role="status">{waiting ? "asking …" : ""}</span></h3>
      {!asked ? <p className="text-12 text-muted">Put the marked fields right; then the runner is asked what this trader would do.</p>
        : problem && !waiting ? <Failure {...problem} onRetry={onRetry} />
        : !preview ? <Skeleton className="h-40" />
        : <div className={waiting ? "opacity-60" : undefined}><Answer preview={preview} whole={whole} otherwise={otherwise} /></div>}
    </section>
  );
}

function Answer({ preview, whole, otherwise }: { preview: TraderPreview; whole: string[]; otherwise?: ReactNode }) {
  if (!preview.valid) {
    return (
      <div className="flex flex-col gap-2 text-12">
        <p className="state"><Mark shape="diamond" tone="warn" /><b>Not possible as it is</b></p>
        {whole.length > 0 ? whole.map((reason) => <p key={reason}>{reason}</p>) : <p className="text-muted">{plural(preview.errors.length, "value")} marked in the form.</p>}
        {otherwise}
      </div>
    );
  }
  return (
    <div className="flex flex-col gap-5">
      {preview.time ? <PreviewView preview={preview} /> : (
        <div className="flex flex-col gap-1 text-12">
          <p className="text-15 font-semibold">No signal yet</p>
          <p className="text-muted">{preview.detail} {preview.hint}</p>
        </div>
      )}
      {preview.checks.length === 0 && otherwise}
      <Difference preview={preview} />
    </div>
  );
}

/** A new trader is one line with its parameters in full; a change is shown old beside new. */
function Difference({ preview }: { preview: TraderPreview }) {
  const made = preview.changes.find((change) => change.path === `traders.${preview.trader}` && change.old == null);
  return (
    <div className="flex flex-col gap-1 text-12">
      <h4 className="text-11 text-muted">What changes</h4>
      {made
        ? <p>Adds <b className="ident">{preview.trader}</b>{Object.keys(preview.params).length > 0 && <span className="text-muted"> with {paramsText(preview.params)}</span>}. Nothing else changes.</p>
        : <Changes changes={preview.changes.map((change) => ({ ...change, path: change.path.replace(`traders.${preview.trader}.`, "") }))} />}
      {preview.needs_step_up && <p className="state text-warn"><Mark shape="triangle" tone="warn" />{words(preview.effect)} a limit: needs a one-time code, then waits {duration(preview.wait_s * 1000)}.</p>}
    </div>
  );
}
