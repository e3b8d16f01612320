import { Link } from "@tanstack/react-router";
import { useNow } from "~/lib/clock";
import { usePrefs } from "~/lib/prefs";
import { clock, date } from "~/lib/time";
import { Empty } from "~/ui/Bits";
import { Mark } from "~/ui/Mark";
import type { TimelineItem } from "./timeline";

export function Timeline({ items, empty }: { items: TimelineItem[]; empty?: string }) {
  const { zone } = usePrefs();
  const today = date(useNow(), zone);
  if (items.length === 0) return <Empty title="Nothing yet">{empty ?? "Orders, acts and alerts appear here as they happen."}</Empty>;
  return (
    <ol className="timeline">
      {items.map((item) => {
        const day = date(item.at, zone);
        const inner = <>{item.title}<small className="truncate" title={item.detail}>{item.detail}</small></>;
        return (
          <li key={item.key}>
            <time dateTime={item.at} title={`${day} ${clock(item.at, zone)} ${zone === "utc" ? "UTC" : ""}`}>{day === today ? clock(item.at, zone) : day.slice(5)}</time>
            <Mark shape={item.shape} tone={item.tone} size={11} className="mt-[3px]" />
            {item.order ? <Link to="/orders" search={{ order: item.order }} className="min-w-0 text-text">{inner}</Link> : <div className="min-w-0">{inner}</div>}
          </li>
        );
      })}
    </ol>
  );
}
