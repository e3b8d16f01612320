/* The four questions of the first five seconds, answered from the snapshot. Pure. */
import { look, reconcileLook } from "~/api/states";
import type { Headroom, Order, Status } from "~/api/types";
import { codeWords, duration, num, plural } from "~/lib/format";
import type { MarkShape, StateTone } from "~/lib/look";
import { closestFirst, limitName, usedRatio, usedText } from "./headroom";

export interface Verdict { question: string; answer: string; detail: string; shape: MarkShape; tone: StateTone; link?: { to: "/operations" | "/traders" | "/orders" | "/risk" | "/emergency" | "/config"; label: string; search?: Record<string, string> }; act?: "kill" | "alerts" }
export const good = { shape: "dot", tone: "ok" } as const;
export const warn = { shape: "triangle", tone: "warn" } as const;
export const bad = { shape: "triangle", tone: "bad" } as const;
const unsure = { shape: "question", tone: "unknown" } as const;

export function safe(status: Status, limits: Headroom[] | undefined): Verdict {
  const question = "Are we safe?";
  const halted = status.halts[0];
  if (halted) return { question, answer: halted.level === "halted" ? "Halted" : halted.level === "pause" ? "Entries paused" : "Reduce only", detail: `${halted.scope} · ${halted.by}`, ...warn, act: "kill" };
  const ranked = closestFirst(limits ?? []);
  const closest = ranked.find((limit) => limit.action != null && (usedRatio(limit) ?? 0) > 1) ?? ranked[0];
  const ratio = closest ? (usedRatio(closest) ?? 0) : 0;
  const detail = closest ? `${limitName(closest)} is closest: ${usedText(closest, status.accounts[0]?.currency)}` : limits ? "No limit is set" : "Limits not read yet";
  // A limit without an action holds orders back: beyond it stands what was refused, not what is held.
  if (closest && ratio > 1 && closest.action == null) return { question, answer: "Yes, orders refused", detail: `${limitName(closest)}: wanted ${usedText(closest, status.accounts[0]?.currency)}`, ...warn, link: { to: "/orders", label: "see them", search: { status: "refused" } } };
  if (ratio > 1) return { question, answer: "Limit exceeded", detail, ...bad, act: "kill" };
  if (status.mode === "signals") return { question, answer: "Yes, signals only", detail: "No account can execute; every order is refused", ...good };
  if (status.mode === "blocked") return { question, answer: "Blocked", detail: status.mode_reasons.map(codeWords).join(", ") || "A condition is unmet", ...warn, link: { to: "/operations", label: "see why" } };
  if (!closest && status.mode !== "live" && limits) return { question, answer: "No limits", detail: "Nothing bounds the traders", ...warn };
  return { question, answer: ratio >= 1 ? "At a limit" : "Yes", detail, ...(ratio >= 1 ? warn : good), link: closest && { to: "/risk", label: "all limits" } };
}

export function book(status: Status, unknownOrders: Order[] | undefined): Verdict {
  const question = "Is the book true?";
  const open = status.traders.filter((trader) => (num(trader.position) ?? 0) !== 0).length;
  const unknown = unknownOrders?.length ?? 0;
  const orders = unknownOrders ? plural(unknown, "unknown order") : "orders not read yet";
  if (unknown > 0) return { question, answer: `${plural(unknown, "order")} unknown`, detail: "Counted at worst case until the broker's log resolves it", ...unsure, link: { to: "/orders", label: "work it", search: { status: "UNKNOWN" } } };
  const verdict = look(reconcileLook, status.reconcile.verdict);
  if (status.reconcile.verdict === "drift") return { question, answer: "Drift", detail: status.reconcile.detail ?? "Ours and the broker's differ", ...bad };
  if (status.reconcile.verdict === "clean") return { question, answer: `${plural(open, "position")}, all match`, detail: orders, ...good };
  return { question, answer: `${plural(open, "position")}, unverified`, detail: `${orders} · ${status.reconcile.verdict === "stale" ? "compared too long ago" : "not reconciled"}`, shape: verdict.shape, tone: verdict.tone };
}

/** Whether nobody knows how things stand: this page hears nothing, or the api hears no runner. A
    runner that stopped in order has said how it stands. */
export function silent(status: Status, streamDownMs: number | null): boolean {
  return (streamDownMs ?? 0) > 2_000 || !["running", "stopped"].includes(status.runner.state) || (status.runner.state === "running" && (status.runner.age_ms ?? Infinity) > 10_000);
}

/** Without word from the deck nobody knows: what was true is shown as the past that it is. */
export function lastKnown(verdict: Verdict, at: string): Verdict {
  return { question: verdict.question, answer: "Unknown", detail: `Last known at ${at}: ${verdict.answer}`, ...unsure, act: verdict.act === "kill" ? "kill" : undefined };
}

export function broken(status: Status, streamDownMs: number | null): Verdict {
  const question = "Is anything broken?";
  if (streamDownMs != null) return { question, answer: "Connection lost", detail: `This page has heard nothing for ${duration(streamDownMs)}`, ...bad };
  if ((status.runner.age_ms ?? Infinity) > 10_000) return { question, answer: "Runner silent", detail: status.runner.age_ms == null ? "It has not reported yet" : `No word for ${duration(status.runner.age_ms)}`, ...bad, link: { to: "/operations", label: "open" } };
  const faulted = status.traders.filter((trader) => trader.state === "faulted" || trader.state === "blocked");
  if (faulted[0]) return { question, answer: faulted.length === 1 ? `${faulted[0].id} ${faulted[0].state}` : `${plural(faulted.length, "trader")} down`, detail: faulted[0].reason ?? "", ...bad, link: { to: "/traders", label: "open" } };
  const feeds = status.feeds.filter((feed) => feed.state === "stale" || feed.state === "failed");
  if (feeds[0]) return { question, answer: `Feed ${feeds[0].id} ${feeds[0].state}`, detail: feeds[0].age_ms == null ? (feeds[0].reason ?? "") : `Last frame ${duration(feeds[0].age_ms)} ago`, ...(feeds[0].state === "failed" ? bad : warn), link: { to: "/operations", label: "open", search: { tab: "feeds" } } };
  if (status.desired_generation !== status.observed_generation) return { question, answer: "Not in force yet", detail: `Generation ${status.desired_generation} wanted, ${status.observed_generation} applied`, ...warn };
  return { question, answer: "Nothing", detail: `${plural(status.traders.length, "trader")} and ${plural(status.feeds.length, "feed")} healthy`, ...good };
}

export function needs(status: Status, now: number): Verdict {
  const question = "What needs me?";
  const { unacknowledged, oldest_at } = status.alerts;
  if (unacknowledged > 0) return { question, answer: plural(unacknowledged, "alert"), detail: oldest_at ? `Open for ${duration(now - Date.parse(oldest_at))}` : "Not acknowledged", shape: "hollow", tone: "accent", act: "alerts" };
  if (status.traders.length === 0) return { question, answer: "Deploy a trader", detail: "None is configured yet", shape: "hollow", tone: "accent", link: { to: "/traders", label: "deploy", search: { deploy: "true" } } };
  return { question, answer: "Nothing", detail: "No alert waits for anyone", ...good };
}
