import type { ReactNode } from "react";
import type { UseQueryResult } from "@tanstack/react-query";
import { problemOf } from "~/api/http";
import { proveNow } from "~/api/stepUp";
import { cx } from "~/lib/cx";
import { duration } from "~/lib/format";
import { usePrefs } from "~/lib/prefs";
import { clock } from "~/lib/time";
import { Failure, SkeletonRows } from "~/ui/Bits";
import { Button } from "~/ui/Button";
import { Mark } from "~/ui/Mark";
import { useFreshness } from "./hooks";

interface PanelProps { title: ReactNode; note?: ReactNode; end?: ReactNode; className?: string; id?: string; children: ReactNode }
/** A section under a hairline. No box: the page itself is the surface. */
export function Panel({ title, note, end, className, id, children }: PanelProps) {
  return (
    <section className={cx("panel min-w-0", className)} id={id}>
      <header>
        <h2>{title}</h2>
        {note && <span className="note">{note}</span>}
        {end && <span className="end">{end}</span>}
      </header>
      <div className="panel-body">{children}</div>
    </section>
  );
}

interface QueryPanelProps<T> extends Omit<PanelProps, "children"> {
  query: Pick<UseQueryResult<T>, "data" | "error" | "isError" | "isStale" | "dataUpdatedAt"> & { refetch: () => unknown };
  deadlineMs?: number;
  skeleton?: ReactNode;
  children: (data: T) => ReactNode;
}
/** A panel that waits, fails, ages and greys in the same way everywhere. */
export function QueryPanel<T>({ query, deadlineMs, skeleton, children, title, note, end, className, id }: QueryPanelProps<T>) {
  const fresh = useFreshness(query, deadlineMs);
  const { zone } = usePrefs();
  const failed = query.isError && query.data === undefined;
  const problem = query.isError ? problemOf(query.error) : null;
  return (
    <section className={cx("panel min-w-0", className)} data-stale={fresh.stale} id={id}>
      <header>
        <h2>{title}</h2>
        {note && <span className="note">{note}</span>}
        <span className="end">
          {end}
          {fresh.ageMs != null && !failed && (
            fresh.stale
              ? <span className="state text-warn"><Mark shape="triangle" tone="warn" />stale since {clock(fresh.since, zone)}</span>
              : <span title="Age of this panel's data">{duration(fresh.ageMs)}</span>
          )}
        </span>
      </header>
      <div className="panel-body">
        {failed && problem
          ? <Failure title={problem.title} detail={problem.detail} hint={problem.hint} code={problem.code} onRetry={() => void query.refetch()}>
              {problem.ways && problem.ways.length > 0 && <Button small look="primary" onClick={() => void proveNow("Read this", problem.detail ?? "", problem.ways ?? []).then((proven) => proven && query.refetch())}>Show that it is you</Button>}
            </Failure>
          : query.data === undefined ? (skeleton ?? <SkeletonRows />) : children(query.data)}
      </div>
    </section>
  );
}
