/* The live terminal: follow, level, search, jump to the order. Lines are kept in a bounded ring. */
import { useEffect, useRef, useState } from "react";
import { Link } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { address, API } from "~/api/http";
import { queries } from "~/api/queries";
import { openStream } from "~/api/stream";
import type { LogLine } from "~/api/types";
import { cx } from "~/lib/cx";
import { show } from "~/lib/format";
import { usePrefs } from "~/lib/prefs";
import { clock } from "~/lib/time";
import { Empty, Failure, SkeletonRows } from "~/ui/Bits";
import { Button } from "~/ui/Button";
import { problemOf } from "~/api/http";

export const KEPT_LINES = 2_000;
const colors: Record<string, string> = { debug: "text-faint", info: "text-muted", warning: "text-warn", error: "text-bad", critical: "text-bad" };

export interface LogFilter { process?: string; level?: string; q?: string }
export function useLogLines(filter: LogFilter) {
  const query = useQuery({ ...queries.logs({ ...filter, limit: 500 }), refetchOnMount: "always" });
  const [tail, setTail] = useState<{ key: string; lines: LogLine[] }>({ key: "", lines: [] });
  const key = JSON.stringify(filter);
  useEffect(() => {
    const { process, level, q } = JSON.parse(key) as LogFilter;
    let waiting: LogLine[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const flush = () => {
      timer = undefined;
      const fresh = waiting;
      waiting = [];
      setTail((now) => ({ key, lines: [...(now.key === key ? now.lines : []), ...fresh].slice(-KEPT_LINES) }));
    };
    const stop = openStream(0, {
      onOpen: () => undefined, onGap: () => undefined, onDown: () => undefined, onUnauthorised: () => undefined,
      onEvents: (events) => {
        waiting.push(...(events as unknown as LogLine[]));
        timer ??= setTimeout(flush, 120); // Lines come in bursts; the screen follows eight times a second.
      },
    }, { path: address("/logs/stream", { process, level, q }).slice(API.length), loose: true });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [key]);
  const tailLines = tail.key === key ? tail.lines : [];
  return { query, lines: [...(query.data ?? []), ...tailLines].slice(-KEPT_LINES) };
}

export function LogView({ filter, height = 480 }: { filter: LogFilter; height?: number }) {
  const { query, lines } = useLogLines(filter);
  const { zone } = usePrefs();
  const [follow, setFollow] = useState(true);
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({ count: lines.length, getScrollElement: () => scroller.current, estimateSize: () => 24, overscan: 20 });
  useEffect(() => {
    if (follow && lines.length) virtual.scrollToIndex(lines.length - 1, { align: "end" });
  }, [follow, lines.length, virtual]);
  if (query.isError && !query.data) {
    const problem = problemOf(query.error);
    return <Failure title={problem.title} detail={problem.detail} code={problem.code} onRetry={() => void query.refetch()} />;
  }
  if (!query.data) return <SkeletonRows />;
  if (lines.length === 0) return <Empty title="No line matches">Lower the level or search for something else. Each process writes here as it works.</Empty>;
  return (
    <div className="relative">
      <div
        ref={scroller} className="code overflow-auto border-b border-line" style={{ height }} tabIndex={0} role="log" aria-label="Log lines"
        onWheel={(event) => event.deltaY < 0 && setFollow(false)} onTouchMove={() => setFollow(false)}
        onScroll={(event) => { const box = event.currentTarget; if (box.scrollHeight - box.scrollTop - box.clientHeight < 24) setFollow(true); }}
      >
        <div className="relative w-full min-w-max" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const line = lines[item.index];
            if (!line) return null;
            const order = typeof line.fields?.order === "string" ? line.fields.order : null;
            return (
              <div key={item.key} className="absolute top-0 left-0 flex h-6 items-center gap-3 whitespace-nowrap hover:bg-raised" style={{ transform: `translateY(${item.start}px)` }}>
                <time className="text-faint">{clock(line.at, zone)}</time>
                <span className={cx("w-12 flex-none", colors[line.level])}>{line.level === "warning" ? "warn" : line.level}</span>
                <span className="w-20 flex-none truncate text-muted">{line.process}</span>
                <span className={line.level === "error" ? "text-bad" : undefined}>{line.event}</span>
                <span className="text-faint">{Object.entries(line.fields ?? {}).filter(([name, value]) => name !== "order" && value !== "" && value != null).map(([name, value]) => `${name}=${show(value)}`).join(" ")}</span>
                {order && <Link to="/orders" search={{ order }}>{order}</Link>}
              </div>
            );
          })}
        </div>
      </div>
      {!follow && <Button small className="absolute! right-4 bottom-3" onClick={() => setFollow(true)}>Follow</Button>}
    </div>
  );
}
