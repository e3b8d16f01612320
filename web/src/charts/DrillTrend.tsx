/* Drills over time: how long to the last cancel sent, to cancelled, to flat. */
import { useEffect, useId, useMemo, useRef } from "react";
import uPlot from "uplot";
import type { Drill } from "~/api/stop";
import { number } from "~/lib/format";
import { parse } from "~/lib/time";
import { usePalette, type Palette } from "./theme";

const lines = [["to_last_cancel_sent_ms", "chart-2", [2, 3]], ["to_cancelled_ms", "chart-3", [6, 3]], ["to_flat_ms", "chart-1", []]] as const;

const says = { to_flat_ms: "flat", to_cancelled_ms: "cancelled", to_last_cancel_sent_ms: "last cancel sent" } as const;

function options(palette: Palette, width: number, height: number): uPlot.Options {
  const axis = { stroke: palette.faint, font: '11px "Inter Variable", Inter, sans-serif', ticks: { show: false } };
  return {
    width, height, pxAlign: 1, legend: { show: false }, padding: [10, 0, 0, 0], cursor: { show: false },
    scales: { x: { time: true }, y: { range: (_, __, max) => [0, (max || 1) * 1.15] } },
    axes: [{ ...axis, grid: { show: false }, space: 90, size: 30 }, { ...axis, side: 1, size: 54, gap: 8, space: 36, grid: { stroke: palette.line, width: 1 }, values: (_, splits) => splits.map((value) => `${number(value)} ms`) }],
    series: [{}, ...lines.map(([, color, dash]) => ({ stroke: palette[color], width: 1.5, dash: [...dash], spanGaps: false, points: { show: true, size: 5, fill: palette[color] } }))],
  };
}

export function DrillTrend({ drills, height = 180 }: { drills: Drill[]; height?: number }) {
  const holder = useRef<HTMLDivElement>(null);
  const palette = usePalette();
  const id = useId();
  const data = useMemo<uPlot.AlignedData>(() => {
    const sorted = [...drills].reverse();
    return [sorted.map((drill) => (parse(drill.at) ?? 0) / 1000), ...lines.map(([name]) => sorted.map((drill) => drill[name]))] as uPlot.AlignedData;
  }, [drills]);
  useEffect(() => {
    const element = holder.current;
    if (!element) return undefined;
    const made = new uPlot(options(palette, element.clientWidth, height), data, element);
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [palette, height, data]);
  const flat = drills.map((drill) => drill.to_flat_ms).filter((value): value is number => value != null);
  return (
    <figure aria-labelledby={id} className="min-w-0">
      <figcaption id={id} className="flex flex-wrap gap-x-4 text-11 text-muted">
        {[...lines].reverse().map(([name, color, dash]) => (
          <span key={name} className="inline-flex items-center gap-1.5">
            <svg width="18" height="6" aria-hidden="true"><path d="M0 3h18" stroke={`var(--${color})`} strokeWidth="1.5" strokeDasharray={dash.join(" ")} /></svg>{says[name]}
          </span>
        ))}
        <span className="sr-only">{flat.length} drills; flat after {number(Math.min(...flat), { maxDigits: 1 })} to {number(Math.max(...flat), { maxDigits: 1 })} ms.</span>
      </figcaption>
      <div ref={holder} className="min-w-0 overflow-hidden" style={{ height }} aria-hidden="true" />
    </figure>
  );
}
