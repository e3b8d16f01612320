/* Number words of the cockpit: one minus sign, thin groups, signs on deltas, units once. Pure. */

export type Numeric = string | number | null | undefined;
export const DASH = "–";
const MINUS = "−";

/** A decimal string or number as a number; null where there is none. For display and plotting only. */
export function num(value: Numeric): number | null {
  if (value == null || value === "") return null;
  const parsed = typeof value === "number" ? value : Number(value);
  return Number.isFinite(parsed) ? parsed : null;
}

const formatters = new Map<string, Intl.NumberFormat>();
function formatter(min: number, max: number): Intl.NumberFormat {
  const key = `${min}/${max}`;
  let found = formatters.get(key);
  if (!found) {
    found = new Intl.NumberFormat("en-US", { minimumFractionDigits: min, maximumFractionDigits: max });
    formatters.set(key, found);
  }
  return found;
}

function signed(text: string, value: number, sign: boolean): string {
  const zero = !/[1-9]/.test(text);
  if (zero) return text.replace("-", "");
  if (value < 0) return text.replace("-", MINUS);
  return sign ? `+${text}` : text;
}

export interface NumberStyle { digits?: number; maxDigits?: number; sign?: boolean }

export function number(value: Numeric, style: NumberStyle = {}): string {
  const parsed = num(value);
  if (parsed == null) return DASH;
  const digits = style.digits ?? 0;
  return signed(formatter(digits, style.maxDigits ?? digits).format(parsed), parsed, style.sign ?? false);
}

export const money = (value: Numeric, sign = false): string => number(value, { digits: 2, sign });
export const delta = (value: Numeric): string => money(value, true);
/** Prices keep up to five decimals (currencies), never fewer than two. */
export const price = (value: Numeric): string => number(value, { digits: 2, maxDigits: 5 });
export const quantity = (value: Numeric, sign = false): string => number(value, { digits: 0, maxDigits: 6, sign });
export const integer = (value: Numeric): string => number(value);

/** A ratio 0..1 as percent with a thin gap, as in `1.92 %`. */
export function percent(ratio: Numeric, digits = 2, sign = false): string {
  const parsed = num(ratio);
  if (parsed == null) return DASH;
  return `${number(parsed * 100, { digits, sign })} %`;
}
/** A drawdown, whichever sign the source gives it, always shown as the loss that it is. */
export function drawdown(ratio: Numeric, digits = 2): string {
  const parsed = num(ratio);
  if (parsed == null) return DASH;
  return percent(-Math.abs(parsed), digits);
}

export function compact(value: Numeric): string {
  const parsed = num(value);
  if (parsed == null) return DASH;
  const size = Math.abs(parsed);
  if (size >= 1e9) return `${number(parsed / 1e9, { maxDigits: 1 })} G`;
  if (size >= 1e6) return `${number(parsed / 1e6, { maxDigits: 1 })} M`;
  if (size >= 1e4) return `${number(parsed / 1e3, { maxDigits: 1 })} k`;
  return number(parsed, { maxDigits: size < 10 ? 2 : 0 });
}

export type Tone = "up" | "down" | "flat";
export function tone(value: Numeric): Tone {
  const parsed = num(value);
  if (parsed == null || Math.abs(parsed) < 0.005) return "flat";
  return parsed > 0 ? "up" : "down";
}
export const toneClass: Record<Tone, string> = { up: "text-up", down: "text-down", flat: "text-muted" };

/** A signed position as an operator says it: `+120 AAPL`, `flat`. */
export function position(size: Numeric, instrument: string): string {
  const parsed = num(size);
  if (parsed == null) return DASH;
  return parsed === 0 ? "flat" : `${quantity(parsed, true)} ${instrument}`;
}

export function basisPoints(value: Numeric): string {
  const parsed = num(value);
  return parsed == null ? DASH : `${number(parsed, { digits: 1, sign: true })} bp`;
}
export function millis(value: Numeric): string {
  const parsed = num(value);
  if (parsed == null) return DASH;
  if (parsed < 10) return `${number(parsed, { digits: 1 })} ms`;
  if (parsed < 1000) return `${number(parsed)} ms`;
  return duration(parsed);
}

/** How long, in the largest two units that matter: `0.3 s`, `42 s`, `3 min`, `2 h 14 min`, `4 d 3 h`. */
export function duration(ms: Numeric): string {
  const parsed = num(ms);
  if (parsed == null) return DASH;
  const seconds = Math.max(0, parsed) / 1000;
  if (seconds < 10) return `${number(seconds, { digits: 1 })} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  const days = Math.floor(hours / 24);
  return hours % 24 ? `${days} d ${hours % 24} h` : `${days} d`;
}

export const plural = (count: number, one: string, many = `${one}s`): string => `${integer(count)} ${count === 1 ? one : many}`;

/** `order_value_max` → `Order value`, for names the API gives in code. */
export function words(code: string): string {
  const text = code.replace(/_(max|s|ms)$/u, "").replaceAll("_", " ").replaceAll("-", " ").trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}
/** `EXPOSURE_GROSS` stays recognisable as a code but reads as words. */
export const codeWords = (code: string): string => words(code.toLowerCase());

export function show(value: unknown): string {
  if (value == null) return "none";
  if (typeof value === "string") return value;
  if (typeof value === "number") return number(value, { maxDigits: 8 });
  if (typeof value === "boolean") return value ? "yes" : "no";
  return JSON.stringify(value);
}

export function bytes(value: Numeric): string {
  const parsed = num(value);
  return parsed == null ? DASH : `${number(parsed, { digits: parsed < 10 ? 1 : 0 })} MB`;
}
