/* Keyboard of the whole page. Single keys never act on the market: they move, search or explain. */
import { useEffect } from "react";

export const places = [
  { key: "c", to: "/", label: "Command Center" },
  { key: "t", to: "/traders", label: "Traders" },
  { key: "o", to: "/orders", label: "Orders and positions" },
  { key: "r", to: "/risk", label: "Risk" },
  { key: "e", to: "/emergency", label: "Emergency" },
  { key: "b", to: "/backtests", label: "Backtests" },
  { key: "f", to: "/config", label: "Configuration" },
  { key: "p", to: "/operations", label: "Operations" },
  { key: "v", to: "/approvals", label: "Approvals" },
  { key: "a", to: "/audit", label: "Audit" },
  { key: "s", to: "/settings", label: "Settings" },
] as const;
export type Place = (typeof places)[number]["to"];

export function isTyping(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null;
  return Boolean(element?.closest?.("input, textarea, select, [contenteditable=true]"));
}
export interface ShortcutHandlers { go(to: Place): void; palette(): void; help(): void; kill(): void }

const CHORD_MS = 1_200;
export function useShortcuts({ go, palette, help, kill }: ShortcutHandlers) {
  useEffect(() => {
    let chordUntil = 0;
    const onKey = (event: KeyboardEvent) => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        palette();
        return;
      }
      if (event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target)) return;
      if (document.querySelector("dialog[open]")) return;
      if (event.shiftKey && event.key.toLowerCase() === "k") {
        event.preventDefault();
        kill();
        return;
      }
      if (event.timeStamp < chordUntil) {
        chordUntil = 0;
        const place = places.find((each) => each.key === event.key);
        if (place) {
          event.preventDefault();
          go(place.to);
        }
        return;
      }
      if (event.key === "g") chordUntil = event.timeStamp + CHORD_MS;
      else if (event.key === "?") {
        event.preventDefault();
        help();
      } else if (event.key === "/") {
        const search = document.querySelector<HTMLInputElement>("[data-search]");
        if (search) {
          event.preventDefault();
          search.focus();
          search.select();
        }
      }
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [go, palette, help, kill]);
}
