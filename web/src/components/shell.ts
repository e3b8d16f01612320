/* Which of the shell's dialogs is open. Tiny, so that any page can open kill or the palette. */
import { useSyncExternalStore } from "react";

export type ShellDialog = null | { name: "kill"; scope: string } | { name: "palette" } | { name: "help" };
let current: ShellDialog = null;
const listeners = new Set<() => void>();
export function openDialog(next: ShellDialog) {
  current = next;
  listeners.forEach((listener) => listener());
}
export const closeDialog = () => openDialog(null);
export const openKill = (scope = "all") => openDialog({ name: "kill", scope });
const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => void listeners.delete(listener);
};
export const useDialog = () => useSyncExternalStore(subscribe, () => current);
