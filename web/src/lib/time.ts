/* Times on screen. Every function takes the zone and `now`; none reads a clock by itself. */

export type Zone = "utc" | "local";
const cache = new Map<string, Intl.DateTimeFormat>();
function formatter(zone: Zone, parts: "date" | "time" | "seconds"): Intl.DateTimeFormat {
  const key = zone + parts;
  let found = cache.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat("en-GB", {
      ...(zone === "utc" ? { timeZone: "UTC" } : {}),
      ...(parts === "date"
        ? { year: "numeric", month: "2-digit", day: "2-digit" }
        : { hour: "2-digit", minute: "2-digit", ...(parts === "seconds" ? { second: "2-digit" } : {}), hourCycle: "h23" }),
    });
    cache.set(key, found);
  }
  return found;
}

export function parse(at: string | number | null | undefined): number | null {
  if (at == null) return null;
  const value = typeof at === "number" ? at : Date.parse(at);
  return Number.isFinite(value) ? value : null;
}

/** ISO date, `2008-10-09`. */
export function date(at: string | number | null | undefined, zone: Zone): string {
  const value = parse(at);
  if (value == null) return "–";
  const parts = formatter(zone, "date").formatToParts(value);
  const pick = (type: string) => parts.find((part) => part.type === type)?.value ?? "";
  return `${pick("year")}-${pick("month")}-${pick("day")}`;
}
export function clock(at: string | number | null | undefined, zone: Zone): string {
  const value = parse(at);
  return value == null ? "–" : formatter(zone, "seconds").format(value);
}
export function dateTime(at: string | number | null | undefined, zone: Zone): string {
  const value = parse(at);
  return value == null ? "–" : `${date(value, zone)} ${clock(value, zone)}`;
}
/** The trading clock: a daily bar is a date; an intraday one also a time. Always UTC, like the bar. */
export function tradingTime(at: string | number | null | undefined): string {
  const value = parse(at);
  if (value == null) return "–";
  const day = date(value, "utc");
  const seconds = Math.floor(value / 1000) % 86_400;
  const isDayBar = seconds === 0 || (seconds >= 19 * 3600 && seconds % 1800 === 0);
  return isDayBar ? day : `${day} ${formatter("utc", "time").format(value)}`;
}
/** Today as a time, another day as a date with time. */
export function moment(at: string | number | null | undefined, zone: Zone, now: number): string {
  const value = parse(at);
  if (value == null) return "–";
  return date(value, zone) === date(now, zone) ? clock(value, zone) : `${date(value, zone)} ${formatter(zone, "time").format(value)}`;
}
