/* Orders over the trading clock: what was filled above, what was refused below the line. */
import { useEffect, useId, useMemo, useRef, useState } from "react";
import uPlot from "uplot";
import type { Execution } from "~/api/types";
import { integer, plural } from "~/lib/format";
import { parse, tradingTime } from "~/lib/time";
import { syncBy } from "./sync";
import { usePalette, withAlpha, type Palette } from "./theme";

const HEIGHT = 72;
function options(palette: Palette, width: number, range: () => [number, number] | null, sync: string, onMove: (index: number | null) => void): uPlot.Options {
  const bars = uPlot.paths.bars?.({ size: [0.9, 14], align: 1 });
  return {
    width, height: HEIGHT, legend: { show: false }, padding: [6, 0, 4, 0],
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false }, sync: syncBy(sync) },
    scales: {
      x: { time: true, range: (_, min, max) => range() ?? [min, max] },
      n: { range: (_, min, max) => { const most = Math.max(max ?? 1, 1), least = Math.min(min ?? 0, 0); return [least * 1.1, most * 1.1]; } },
    },
    axes: [
      { show: false, size: 0 },
      { scale: "n", side: 1, size: 54, gap: 8, stroke: palette.faint, font: '11px "Inter Variable", Inter, sans-serif', ticks: { show: false }, grid: { stroke: palette.line, width: 1 }, splits: (u) => [0, Math.floor((u.scales.n?.max ?? 1) / 1.1)], values: (_, splits) => splits.map((value) => integer(value)) },
    ],
    series: [
      {},
      { scale: "n", paths: bars, stroke: palette["chart-1"], fill: withAlpha(palette["chart-1"], 0.5), width: 0, points: { show: false } },
      { scale: "n", paths: bars, stroke: palette.warn, fill: palette.warn, width: 0, points: { show: false } },
    ],
    hooks: { setCursor: [(u) => onMove(u.cursor.idx ?? null)] },
  };
}

/** `range` is the time that the chart above shows, in seconds, so that both share one axis. */
export function Throughput({ execution, range, sync, label }: { execution: Execution; range: [number, number] | null; sync: string; label: string }) {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const rangeRef = useRef(range);
  const palette = usePalette();
  const id = useId();
  const [hover, setHover] = useState<number | null>(null);
  const data = useMemo<uPlot.AlignedData>(() => {
    const buckets = execution.buckets;
    return [buckets.map((each) => (parse(each.time) ?? 0) / 1000), buckets.map((each) => each.filled + each.other), buckets.map((each) => -each.refused)];
  }, [execution]);
  const dataRef = useRef(data);
  useEffect(() => {
    rangeRef.current = range;
    dataRef.current = data;
    plot.current?.setData(data);
  }, [data, range]);
  useEffect(() => {
    const element = holder.current;
    if (!element) return undefined;
    const made = new uPlot(options(palette, element.clientWidth, () => rangeRef.current, sync, setHover), dataRef.current, element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [palette, sync]);
  const bucket = hover == null ? null : execution.buckets[hover];
  const summary = bucket ? `from ${tradingTime(bucket.time)}: ${plural(bucket.filled, "order")} filled, ${integer(bucket.refused)} refused, ${integer(bucket.other)} other` : `${plural(execution.orders, "order")}, ${integer(execution.filled)} filled, ${integer(execution.refused)} refused`;
  return (
    <figure aria-labelledby={id} className="min-w-0">
      <figcaption id={id} className="flex justify-between gap-4 text-11 text-muted"><span>{label}</span><span aria-live="off">{summary}</span></figcaption>
      <div ref={holder} className="min-w-0 overflow-hidden" style={{ height: HEIGHT }} aria-hidden="true" />
    </figure>
  );
}
