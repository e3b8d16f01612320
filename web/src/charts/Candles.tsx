/* Prices with what the trader wanted, sent and got. A bar can be chosen by pointer or by arrow keys. */
import { useEffect, useMemo, useRef, useState } from "react";
import { CandlestickSeries, ColorType, createChart, createSeriesMarkers, CrosshairMode, LineSeries, LineStyle, type IChartApi, type ISeriesApi, type ISeriesMarkersPluginApi, type SeriesMarker, type Time, type UTCTimestamp } from "lightweight-charts";
import type { Bar, BarMark, Decision } from "~/api/types";
import { num, number, price, quantity } from "~/lib/format";
import { parse, tradingTime } from "~/lib/time";
import { usePalette, type Palette } from "./theme";

const seconds = (time: string): UTCTimestamp => Math.floor((parse(time) ?? 0) / 1000) as UTCTimestamp;
interface Line { name: string; onPrice: boolean; points: { time: UTCTimestamp; value: number }[] }

/** Inputs in the range of the price are drawn over it; others (returns, oscillators) below. */
export function inputLines(decisions: Decision[]): Line[] {
  const lines = new Map<string, Line>();
  for (const decision of [...decisions].sort((a, b) => seconds(a.time) - seconds(b.time))) {
    const at = seconds(decision.time);
    const close = num(decision.price) ?? 0;
    for (const [name, raw] of Object.entries(decision.inputs)) {
      const value = num(raw);
      if (value == null || name === "bars") continue; // The count of bars seen is no line.
      const line = lines.get(name) ?? { name, onPrice: close > 0 && value > close * 0.4 && value < close * 2.5, points: [] };
      if (line.points[line.points.length - 1]?.time !== at) line.points.push({ time: at, value });
      lines.set(name, line);
    }
  }
  return [...lines.values()].slice(0, 6);
}
interface Merged { at: UTCTimestamp; side: BarMark["side"]; denied: boolean; quantity: number }
/** One mark per bar, side and kind: a reversal closes and opens in two orders, and is one move. */
export function mergeMarks(marks: BarMark[]): Merged[] {
  const merged = new Map<string, Merged>();
  for (const mark of marks) {
    if (mark.kind !== "fill" && mark.kind !== "denied") continue;
    const at = seconds(mark.time), denied = mark.kind === "denied";
    const known = merged.get(`${at}${mark.side}${denied}`);
    const size = num(mark.quantity) ?? 0;
    if (known) known.quantity += size;
    else merged.set(`${at}${mark.side}${denied}`, { at, side: mark.side, denied, quantity: size });
  }
  return [...merged.values()].sort((a, b) => a.at - b.at);
}
function markers(marks: BarMark[], palette: Palette, chosen: number | null): SeriesMarker<Time>[] {
  const list = mergeMarks(marks).map((mark): SeriesMarker<Time> => {
    const buy = mark.side === "BUY";
    if (mark.denied) return { time: mark.at, position: buy ? "belowBar" : "aboveBar", shape: "square", color: palette.warn, text: "denied", size: 0.8 };
    return { time: mark.at, position: buy ? "belowBar" : "aboveBar", shape: buy ? "arrowUp" : "arrowDown", color: palette.accent, text: `${buy ? "+" : "−"}${quantity(mark.quantity)}`, size: 1 };
  });
  if (chosen != null) list.push({ time: chosen as UTCTimestamp, position: "aboveBar", shape: "circle", color: palette.text, size: 0.6 });
  return list.sort((a, b) => Number(a.time) - Number(b.time));
}

export interface CandlesProps { bars: Bar[]; marks: BarMark[]; decisions: Decision[]; chosen: string | null; onChoose: (time: string) => void; height?: number; label: string }
export function Candles({ bars, marks, decisions, chosen, onChoose, height = 420, label }: CandlesProps) {
  const holder = useRef<HTMLDivElement>(null);
  const chart = useRef<IChartApi>(null);
  const series = useRef<ISeriesApi<"Candlestick">>(null);
  const overlay = useRef(new Map<string, ISeriesApi<"Line">>());
  const plugin = useRef<ISeriesMarkersPluginApi<Time>>(null);
  const choose = useRef(onChoose);
  const timesRef = useRef(new Map<number, string>());
  const palette = usePalette();
  const lines = useMemo(() => inputLines(decisions), [decisions]);
  const lineKey = lines.map((line) => `${line.name}${line.onPrice}`).join("|");
  const [hovered, setHovered] = useState<number | null>(null);
  const chosenAt = chosen ? seconds(chosen) : null;
  useEffect(() => {
    choose.current = onChoose;
    timesRef.current = new Map(bars.map((bar) => [seconds(bar.time), bar.time]));
  }, [onChoose, bars]);

  useEffect(() => {
    const element = holder.current;
    if (!element) return undefined;
    const made = createChart(element, {
      autoSize: true,
      layout: { background: { type: ColorType.Solid, color: palette.bg }, textColor: palette.muted, fontFamily: '"Inter Variable", Inter, sans-serif', fontSize: 11, attributionLogo: false, panes: { separatorColor: palette.line, separatorHoverColor: palette.line, enableResize: false } },
      grid: { vertLines: { visible: false }, horzLines: { color: palette.line } },
      rightPriceScale: { borderVisible: false }, timeScale: { borderColor: palette.line, timeVisible: false, rightOffset: 4, minBarSpacing: 1 },
      crosshair: { mode: CrosshairMode.Normal, vertLine: { color: palette.faint, style: LineStyle.Dashed, labelBackgroundColor: palette.raised }, horzLine: { color: palette.faint, style: LineStyle.Dashed, labelBackgroundColor: palette.raised } },
      handleScroll: { vertTouchDrag: false },
    });
    const candles = made.addSeries(CandlestickSeries, { upColor: palette.up, downColor: palette.down, borderVisible: false, wickUpColor: palette.up, wickDownColor: palette.down, priceLineColor: palette.faint, priceLineStyle: LineStyle.Dotted });
    chart.current = made;
    series.current = candles;
    plugin.current = createSeriesMarkers(candles, []);
    const drawn = overlay.current;
    const colors = [palette["chart-1"], palette["chart-3"], palette["chart-4"], palette["chart-2"], palette.muted, palette.faint];
    lineKey.split("|").filter(Boolean).forEach((key, index) => {
      const onPrice = key.endsWith("true");
      const name = key.replace(/(true|false)$/u, "");
      drawn.set(name, made.addSeries(LineSeries, { color: colors[index % colors.length], lineWidth: 1, priceLineVisible: false, lastValueVisible: !onPrice, crosshairMarkerVisible: false, title: "" }, onPrice ? 0 : 1));
    });
    const below = made.panes()[1];
    if (below) below.setStretchFactor(0.28);
    made.subscribeClick((event) => {
      const time = event.time == null ? undefined : timesRef.current.get(Number(event.time));
      if (time) choose.current(time);
    });
    made.subscribeCrosshairMove((event) => setHovered(event.time == null ? null : Number(event.time)));
    return () => {
      drawn.clear();
      made.remove();
      chart.current = null;
      series.current = null;
      plugin.current = null;
    };
  }, [palette, lineKey]);

  useEffect(() => {
    const candles = series.current;
    if (!candles) return;
    const range = chart.current?.timeScale().getVisibleLogicalRange();
    const fresh = candles.data().length === 0;
    candles.setData(bars.map((bar) => ({ time: seconds(bar.time), open: Number(bar.open), high: Number(bar.high), low: Number(bar.low), close: Number(bar.close) })));
    const first = seconds(bars[0]?.time ?? "");
    for (const line of lines) overlay.current.get(line.name)?.setData(line.points.filter((point) => point.time >= first));
    const known = new Set(bars.map((bar) => seconds(bar.time)));
    plugin.current?.setMarkers(markers(marks.filter((mark) => known.has(seconds(mark.time))), palette, chosenAt));
    if (fresh) chart.current?.timeScale().setVisibleLogicalRange({ from: Math.max(0, bars.length - 140), to: bars.length + 4 });
    else if (range && range.to < bars.length - 1) chart.current?.timeScale().setVisibleLogicalRange(range);
  }, [bars, marks, lines, palette, chosenAt, lineKey]);

  const at = chosen ? bars.findIndex((bar) => seconds(bar.time) === chosenAt) : bars.length - 1;
  const bar = (hovered == null ? undefined : bars.find((each) => seconds(each.time) === hovered)) ?? bars[at < 0 ? bars.length - 1 : at];
  const valueAt = (line: Line) => (bar ? line.points.find((point) => point.time === seconds(bar.time))?.value : undefined);
  return (
    <div
      role="group" tabIndex={0} aria-label={`${label}. Arrow keys choose a bar. ${bar ? `${tradingTime(bar.time)}: open ${price(bar.open)}, high ${price(bar.high)}, low ${price(bar.low)}, close ${price(bar.close)}.` : ""}`}
      onKeyDown={(event) => {
        const step = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
        const next = step ? bars[Math.max(0, Math.min(bars.length - 1, (at < 0 ? bars.length - 1 : at) + step))] : undefined;
        if (!next) return;
        event.preventDefault();
        onChoose(next.time);
      }}
    >
      <div className="flex flex-wrap items-center gap-x-4 gap-y-0.5 py-1.5 text-11 text-muted">
        {bar && <span><span className="text-text">{tradingTime(bar.time)}</span> · O {price(bar.open)} · H {price(bar.high)} · L {price(bar.low)} · C <span className={Number(bar.close) >= Number(bar.open) ? "text-up" : "text-down"}>{price(bar.close)}</span></span>}
        {lines.map((line, index) => <span key={line.name} className="state"><i className="h-0.5 w-3" style={{ background: [palette["chart-1"], palette["chart-3"], palette["chart-4"], palette["chart-2"], palette.muted, palette.faint][index % 6] }} />{line.name.replaceAll("_", " ")} {valueAt(line) != null && <span className="text-text">{number(valueAt(line), { maxDigits: Math.abs(valueAt(line) ?? 0) < 1 ? 4 : 2 })}</span>}</span>)}
      </div>
      <div ref={holder} style={{ height }} aria-hidden="true" />
      <p className="pt-1 text-right text-11 text-faint">Chart by <a className="text-faint! underline!" href="https://www.tradingview.com/" target="_blank" rel="noreferrer">TradingView</a></p>
    </div>
  );
}
