/* Invented daily bars that pass through roughly where these shares once traded. Seeded: every run of
   the mock back end shows the same history. */
import type { Bar } from "~/api/types";

export function random(seed: number): () => number {
  let state = seed % 2147483647;
  return () => (state = (state * 16807) % 2147483647) / 2147483647;
}
type Anchor = [string, number];
const anchors: Record<string, { seed: number; volatility: number; through: Anchor[] }> = {
  AAPL: { seed: 11, volatility: 0.021, through: [["2004-08-19", 15.4], ["2005-01-03", 31.6], ["2005-12-30", 71.9], ["2006-07-14", 50.7], ["2007-06-29", 122], ["2007-12-28", 199.8], ["2008-02-26", 119.2], ["2008-06-05", 189.4], ["2008-10-10", 96.8], ["2009-06-30", 142.4], ["2009-12-31", 210.7]] },
  MSFT: { seed: 23, volatility: 0.012, through: [["2004-08-19", 27.1], ["2005-06-30", 24.8], ["2006-06-13", 21.5], ["2007-01-31", 30.9], ["2007-11-02", 37.1], ["2008-03-10", 28.1], ["2008-10-10", 21.5], ["2009-03-09", 15.2], ["2009-12-31", 30.5]] },
  IBM: { seed: 37, volatility: 0.011, through: [["2004-08-19", 84.9], ["2005-01-03", 97.8], ["2005-04-29", 76.4], ["2006-07-21", 75.1], ["2007-10-11", 118.7], ["2008-01-17", 101.1], ["2008-08-29", 121.7], ["2008-10-10", 87.8], ["2009-12-31", 130.9]] },
  GOOG: { seed: 41, volatility: 0.02, through: [["2004-08-19", 100.3], ["2005-01-03", 202.7], ["2005-12-30", 414.9], ["2006-03-10", 337.5], ["2007-11-06", 741.8], ["2008-03-10", 413.6], ["2008-05-30", 585.8], ["2008-10-10", 332], ["2009-12-31", 620]] },
  GE: { seed: 67, volatility: 0.011, through: [["2004-08-19", 32.6], ["2005-12-30", 35.1], ["2007-10-01", 41.8], ["2008-10-10", 21.5], ["2009-03-05", 6.7], ["2009-12-31", 15.1]] },
  XAUUSD: { seed: 53, volatility: 0.009, through: [["2004-08-19", 408], ["2006-05-12", 711], ["2008-03-14", 1003], ["2008-10-10", 849], ["2009-12-31", 1096]] },
};
const DAY = 86_400_000;
function businessDays(from: string, to: string): number[] {
  const days: number[] = [];
  for (let at = Date.parse(`${from}T00:00:00Z`); at <= Date.parse(`${to}T00:00:00Z`); at += DAY) {
    const weekday = new Date(at).getUTCDay();
    if (weekday !== 0 && weekday !== 6) days.push(at);
  }
  return days;
}
export const instruments = Object.keys(anchors);
export const days = businessDays("2004-08-19", "2009-12-31");

function bridge(name: string): Bar[] {
  const spec = anchors[name];
  if (!spec) return [];
  const next = random(spec.seed);
  const gauss = () => Math.sqrt(-2 * Math.log(next() || 1e-9)) * Math.cos(2 * Math.PI * next());
  const closes: number[] = [];
  for (let leg = 0; leg + 1 < spec.through.length; leg += 1) {
    const [fromDay, fromPrice] = spec.through[leg] as Anchor;
    const [toDay, toPrice] = spec.through[leg + 1] as Anchor;
    const span = days.filter((day) => day >= Date.parse(fromDay) && day < Date.parse(toDay));
    let walk = 0;
    const walks = span.map(() => (walk += gauss() * spec.volatility));
    span.forEach((_, index) => {
      const share = index / span.length;
      closes.push(Math.exp(Math.log(fromPrice) * (1 - share) + Math.log(toPrice) * share + (walks[index] ?? 0) - walk * share));
    });
  }
  while (closes.length < days.length) closes.push(closes[closes.length - 1] ?? 1);
  const round = (value: number) => Math.round(value * 100) / 100;
  return days.map((day, index) => {
    const close = closes[index] ?? 1;
    const open = (closes[index - 1] ?? close) * (1 + gauss() * spec.volatility * 0.3);
    const reach = Math.abs(gauss()) * spec.volatility * 0.6;
    return { time: new Date(day).toISOString().replace(".000", ""), open: round(open), high: round(Math.max(open, close) * (1 + reach)), low: round(Math.min(open, close) * (1 - reach)), close: round(close), volume: Math.round(2e6 + next() * 3e6) };
  });
}
const made = new Map<string, Bar[]>();
export function barsOf(name: string): Bar[] {
  let bars = made.get(name);
  if (!bars) made.set(name, (bars = bridge(name)));
  return bars;
}
