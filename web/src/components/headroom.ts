import type { Headroom } from "~/api/types";
import { num, number, percent, words } from "~/lib/format";

export const usedRatio = (limit: Headroom): number | null => {
  const used = num(limit.used), bound = num(limit.bound);
  return used == null || bound == null || bound === 0 ? null : Math.max(0, used / bound);
};
/** The limit in words; one of a trader says whose. */
export const limitName = (limit: Headroom): string => words(limit.label || limit.limit) + (limit.scope.startsWith("trader/") ? ` · ${limit.scope.slice(7)}` : "");
/** `62 of 100 %`, `40 of 60 shares`: the unit stands once. */
export function usedText(limit: Headroom, currency = ""): string {
  if (num(limit.bound) == null) return "no limit set";
  const ratio = limit.unit === "ratio" || limit.unit === "x" || limit.unit === "%";
  if (ratio) return `${percent(limit.used, 1).replace(" %", "")} of ${number((num(limit.bound) ?? 0) * 100)} %`;
  return `${number(limit.used, { maxDigits: 2 })} of ${number(limit.bound, { maxDigits: 2 })} ${limit.unit === "currency" ? currency : limit.unit === "orders" || limit.unit === "number" || limit.unit === "count" ? "" : limit.unit}`.trim();
}
/** Closest first; what has no bound is not headroom. */
export const closestFirst = (limits: Headroom[]): Headroom[] => limits.filter((limit) => usedRatio(limit) != null).sort((a, b) => (usedRatio(b) ?? 0) - (usedRatio(a) ?? 0));
