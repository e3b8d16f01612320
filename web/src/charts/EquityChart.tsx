/* Equity with its drawdown beneath, on one time axis and one canvas, with marks for acts and alerts. */
import { useEffect, useId, useMemo, useRef, useState } from "react";
import uPlot from "uplot";
import type { EquityPoint } from "~/api/types";
import { compact, drawdown, money, percent } from "~/lib/format";
import { parse, tradingTime } from "~/lib/time";
import { syncBy } from "./sync";
import { usePalette, withAlpha, type Palette } from "./theme";

export interface ChartMark { at: number; label: string; tone: "accent" | "warn" | "bad" }
/** A stretch of time behind the curve, in seconds; hatched where it is a warning, never colour alone. */
export interface ChartBand { from: number; to: number; hatched: boolean }
/** Equity takes the upper 70 %, drawdown the lower 26 %. */
const SPLIT = 0.3;

function options(palette: Palette, width: number, height: number, marks: () => ChartMark[], bands: () => ChartBand[], sync: string | undefined, onMove: (index: number | null) => void): uPlot.Options {
  const font = '11px "Inter Variable", Inter, sans-serif';
  const axis = { stroke: palette.faint, font, ticks: { show: false } };
  return {
    width, height, pxAlign: 1, legend: { show: false }, padding: [10, 0, 0, 0],
    cursor: { y: false, points: { size: 6, fill: palette["chart-1"] }, drag: { x: true, y: false, setScale: true }, ...(sync ? { sync: syncBy(sync) } : {}) },
    scales: {
      x: { time: true },
      e: { range: (_, min, max) => { const span = max - min || Math.abs(max) * 0.01 || 1; return [min - span * (SPLIT / (1 - SPLIT)) - span * 0.04, max + span * 0.03]; } },
      d: { range: (_, min) => { const worst = Math.min(min ?? 0, -0.001) * 1.06; return [worst, -worst * ((1 - SPLIT + 0.03) / (SPLIT - 0.03))]; } },
    },
    axes: [
      { ...axis, grid: { show: false }, space: 90, size: 38 },
      {
        ...axis, scale: "e", side: 1, size: 54, gap: 8, space: 40, grid: { stroke: palette.line, width: 1 },
        splits: (u, _axis, min, max, increment) => {
          const floor = min + (max - min) * SPLIT;
          const splits: number[] = [];
          for (let value = Math.ceil(floor / increment) * increment; value <= max; value += increment) splits.push(value);
          return splits.length > 1 ? splits : [u.scales.e?.max ?? max];
        },
        values: (_, splits) => splits.map((value) => compact(value)),
      },
      { scale: "d", side: 1, size: 0, show: false },
    ],
    series: [
      {},
      { scale: "e", stroke: palette["chart-1"], width: 1.5, fill: (u) => {
        const [top, bottom] = [u.bbox.top, u.bbox.top + u.bbox.height * (1 - SPLIT)];
        const gradient = u.ctx.createLinearGradient(0, top, 0, bottom);
        gradient.addColorStop(0, palette.shade); // One flat shade that stops where the drawdown begins.
        gradient.addColorStop(1, palette.shade);
        gradient.addColorStop(1, "rgba(0,0,0,0)");
        return gradient;
      }, points: { show: false } },
      { scale: "d", stroke: palette.down, width: 1, fill: withAlpha(palette.down, 0.22), fillTo: 0, points: { show: false } },
    ],
    hooks: {
      setCursor: [(u) => onMove(u.cursor.idx ?? null)],
      drawClear: [(u) => drawBands(u, bands(), palette)],
      draw: [(u) => {
        const { ctx, bbox } = u;
        const ratio = devicePixelRatio;
        ctx.save();
        ctx.font = `${11 * ratio}px "Inter Variable", Inter, sans-serif`;
        ctx.textBaseline = "top";
        // The drawdown's two figures stand in the same column as the equity's.
        ctx.fillStyle = palette.faint;
        ctx.textBaseline = "middle";
        const worst = (u.scales.d?.min ?? 0) / 1.06;
        for (const value of [0, worst]) ctx.fillText(percent(value, Math.abs(value) < 0.1 && value !== 0 ? 1 : 0), bbox.left + bbox.width + 8 * ratio, u.valToPos(value, "d", true));
        ctx.textBaseline = "top";
        let lastRight = -Infinity;
        for (const mark of marks()) {
          const x = Math.round(u.valToPos(mark.at, "x", true));
          if (x < bbox.left || x > bbox.left + bbox.width) continue;
          ctx.strokeStyle = palette[mark.tone];
          ctx.fillStyle = palette[mark.tone];
          ctx.setLineDash([2 * ratio, 3 * ratio]);
          ctx.lineWidth = ratio;
          ctx.beginPath();
          ctx.moveTo(x + 0.5, bbox.top - 8 * ratio);
          ctx.lineTo(x + 0.5, bbox.top + bbox.height);
          ctx.stroke();
          const wide = ctx.measureText(mark.label).width;
          const left = x + 4 * ratio + wide > bbox.left + bbox.width ? x - wide - 4 * ratio : x + 4 * ratio;
          if (left > lastRight + 6 * ratio) {
            ctx.fillText(mark.label, left, bbox.top - 8 * ratio);
            lastRight = left + wide;
          }
        }
        ctx.restore();
      }],
    },
  };
}

function drawBands(u: uPlot, bands: ChartBand[], palette: Palette) {
  const { ctx, bbox } = u;
  const [left, right] = [bbox.left, bbox.left + bbox.width];
  const height = bbox.height * (1 - SPLIT);
  ctx.save();
  for (const band of bands) {
    const from = Math.max(left, u.valToPos(band.from, "x", true)), to = Math.min(right, u.valToPos(band.to, "x", true));
    if (to - from < 1) continue;
    ctx.fillStyle = withAlpha(band.hatched ? palette.warn : palette.faint, band.hatched ? 0.07 : 0.1);
    ctx.fillRect(from, bbox.top, to - from, height);
    if (!band.hatched) continue;
    ctx.save();
    ctx.beginPath();
    ctx.rect(from, bbox.top, to - from, height);
    ctx.clip();
    ctx.strokeStyle = withAlpha(palette.warn, 0.28);
    ctx.lineWidth = devicePixelRatio;
    ctx.beginPath();
    // From the left edge of the plot, so that neighbouring bands share one hatching.
    for (let x = left - height; x < to; x += 8 * devicePixelRatio) {
      ctx.moveTo(x, bbox.top + height);
      ctx.lineTo(x + height, bbox.top);
    }
    ctx.stroke();
    ctx.restore();
  }
  ctx.restore();
}

export function EquityChart({ points, marks = [], bands = [], height = 280, currency, label, sync, onRange }: { points: Pick<EquityPoint, "time" | "equity" | "drawdown">[]; marks?: ChartMark[]; bands?: ChartBand[]; height?: number; currency: string; label: string; sync?: string; onRange?: (from: number, to: number) => void }) {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const marksRef = useRef(marks);
  const bandsRef = useRef(bands);
  const rangeRef = useRef(onRange);
  const palette = usePalette();
  const [hover, setHover] = useState<number | null>(null);
  const id = useId();
  const data = useMemo<uPlot.AlignedData>(() => {
    const xs: number[] = [], equity: number[] = [], down: number[] = [];
    for (const point of points) {
      const at = parse(point.time);
      if (at == null || at / 1000 <= (xs[xs.length - 1] ?? -Infinity)) continue; // The axis must rise strictly.
      xs.push(at / 1000);
      equity.push(Number(point.equity));
      down.push(-Math.abs(Number(point.drawdown)));
    }
    return [xs, equity, down];
  }, [points]);
  const dataRef = useRef(data);
  useEffect(() => {
    marksRef.current = marks;
    bandsRef.current = bands;
    rangeRef.current = onRange;
    dataRef.current = data;
    plot.current?.setData(data);
  }, [data, marks, bands, onRange]);
  useEffect(() => {
    const element = holder.current;
    if (!element) return undefined;
    const made = new uPlot(options(palette, element.clientWidth, height, () => marksRef.current, () => bandsRef.current, sync, setHover), dataRef.current, element);
    (made.hooks.setScale ??= []).push((u, key) => {
      const { min, max } = u.scales.x ?? {};
      if (key === "x" && min != null && max != null) rangeRef.current?.(min, max);
    });
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [palette, height, sync]);
  const index = hover ?? data[0].length - 1;
  const at = data[0][index];
  const summary = at == null ? "No data." : `${tradingTime(at * 1000)} · ${money(data[1]?.[index])} ${currency} · ${drawdown(data[2]?.[index])} below the peak`;
  return (
    <figure
      aria-labelledby={id} tabIndex={0} className="min-w-0"
      onKeyDown={(event) => {
        const step = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
        if (!step || !plot.current) return;
        event.preventDefault();
        const next = Math.max(0, Math.min(data[0].length - 1, index + step * (event.shiftKey ? 20 : 1)));
        plot.current.setCursor({ left: plot.current.valToPos(data[0][next] ?? 0, "x"), top: 10 });
      }}
    >
      <figcaption id={id} className="h-4 text-right text-11 text-muted"><span className="sr-only">{label}: </span><span aria-live="off">{hover == null ? <span className="sr-only">{summary}</span> : summary}</span></figcaption>
      <div ref={holder} className="min-w-0 overflow-hidden" style={{ height }} aria-hidden="true" />
    </figure>
  );
}
