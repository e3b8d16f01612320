/* Canvas charts cannot see CSS variables: they are read once per theme. */
import { effectiveTheme, usePrefs } from "~/lib/prefs";

const names = ["bg", "panel", "raised", "line", "line-strong", "text", "muted", "faint", "accent", "ok", "warn", "bad", "up", "down", "chart-1", "chart-2", "chart-3", "chart-4", "shade"] as const;
export type Palette = Record<(typeof names)[number], string>;
export const readPalette = (): Palette => {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()])) as Palette;
};
const cache = new Map<string, Palette>();
/** Changes identity when the theme or the up/down colours change, so that charts are drawn anew. */
export function usePalette(): Palette {
  const prefs = usePrefs();
  const key = effectiveTheme(prefs) + String(prefs.swapUpDown);
  let palette = cache.get(key);
  if (!palette) cache.set(key, (palette = readPalette()));
  return palette;
}
export const withAlpha = (color: string, alpha: number): string => `color-mix(in srgb, ${color} ${Math.round(alpha * 100)}%, transparent)`;
