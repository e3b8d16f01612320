/* Preferences of this browser (theme, colours, zone, tour). Never a secret, never state of the deck. */
import { useSyncExternalStore } from "react";
import type { Zone } from "./time";

export interface Prefs {
  theme: "system" | "dark" | "light";
  swapUpDown: boolean;
  zone: Zone;
  tourDone: boolean;
}
const KEY = "tradedeck.prefs";
const defaults: Prefs = { theme: "system", swapUpDown: false, zone: "utc", tourDone: false };

function load(): Prefs {
  try {
    return { ...defaults, ...(JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Prefs>) };
  } catch {
    return defaults; // Storage may be forbidden or hold something else; defaults are always right.
  }
}
let current: Prefs = typeof localStorage === "undefined" ? defaults : load();
const listeners = new Set<() => void>();

export function effectiveTheme(prefs: Prefs = current): "dark" | "light" {
  if (prefs.theme !== "system") return prefs.theme;
  return matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
}
function apply() {
  const root = document.documentElement;
  root.dataset.theme = effectiveTheme();
  if (current.swapUpDown) root.dataset.swap = "true";
  else delete root.dataset.swap;
  document.querySelector('meta[name="theme-color"]')?.setAttribute("content", root.dataset.theme === "light" ? "#ffffff" : "#0f1216");
}
export function setPrefs(change: Partial<Prefs>) {
  current = { ...load(), ...change };
  try {
    localStorage.setItem(KEY, JSON.stringify(current));
  } catch {
    // A browser that refuses storage keeps the choice for this page only.
  }
  tell();
}
function tell() {
  apply();
  listeners.forEach((listener) => listener());
}
export function startPrefs() {
  apply();
  // The system's theme is nobody's choice: it is shown, not stored over what another tab chose.
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", tell);
}
const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => void listeners.delete(listener);
};
export const usePrefs = (): Prefs => useSyncExternalStore(subscribe, () => current);
