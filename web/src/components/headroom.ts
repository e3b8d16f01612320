import type { Headroom } from "~/api/types";
import { num, number, percent, words } from "~/lib/format";

/** Share of the bound that is used; null where there is none. A window of time is no headroom. */
export const usedRatio = (limit: Headroom): number | null => {
  if (limit.unit === "seconds") return null;
  const used = num(limit.used), bound = num(limit.bound);
  return used == null || bound == null || bound === 0 ? null : Math.max(0, used / bound);
};
/** The limit in words; one of a trader says whose. */
export const limitName = (limit: Headroom): string => words(limit.label || limit.limit) + (limit.scope.startsWith("trader/") ? ` · ${limit.scope.slice(7)}` : "");
const isRatio = (limit: Headroom): boolean => limit.unit === "ratio" || limit.unit === "x" || limit.unit === "%";
const unitOf = (limit: Headroom, currency: string): string => (limit.unit === "currency" ? currency : ["orders", "number", "count"].includes(limit.unit) ? "" : limit.unit);
/** Cents say nothing about thousands. */
const amount = (value: number | null): string => number(value, { maxDigits: Math.abs(value ?? 0) >= 1000 ? 0 : 2 });
/** `62 of 100 %`, `40 of 60 shares`: the unit stands once. */
export function usedText(limit: Headroom, currency = ""): string {
  if (num(limit.bound) == null) return "no limit set";
  if (limit.unit === "seconds") return `${number(limit.bound)} s window`;
  if (isRatio(limit)) return `${percent(limit.used, 1).replace(" %", "")} of ${number((num(limit.bound) ?? 0) * 100, { maxDigits: 2 })} %`;
  return `${amount(limit.used)} of ${amount(limit.bound)} ${unitOf(limit, currency)}`.trim();
}
/** What is left of it, `3.1 %` or `20 USD`; what is beyond it is said to be over. */
export function leftText(limit: Headroom, currency = ""): string {
  const used = num(limit.used), bound = num(limit.bound);
  if (used == null || bound == null || usedRatio(limit) == null) return "–";
  const left = bound - used, over = left < 0 ? " over" : "";
  if (isRatio(limit)) return `${percent(Math.abs(left), 1)}${over}`;
  return `${amount(Math.abs(left))} ${unitOf(limit, currency)}`.trim() + over;
}
/** Closest first; what has no bound is not headroom. */
export const closestFirst = (limits: Headroom[]): Headroom[] => limits.filter((limit) => usedRatio(limit) != null).sort((a, b) => (usedRatio(b) ?? 0) - (usedRatio(a) ?? 0));
