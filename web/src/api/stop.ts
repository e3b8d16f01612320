/* Stopping: kills, lifts, drills, and how guard and latches stand. A kill is sent with its own id,
   so that sending it twice is one kill; its proof is read back, never assumed. */
import { queryOptions } from "@tanstack/react-query";
import { perform, type Act } from "./acts";
import { API, get, problemOf, send, transport } from "./http";
import type { components } from "./openapi";
import type { Page, Receipt } from "./types";

type Schemas = components["schemas"];
export type KillStep = "pause" | "reduce_only" | "flatten";
export type Holder = "guard" | "runner" | "store";
export type Kill = Schemas["KillView"];
export type KillFull = Schemas["KillFull"];
export type KillLeg = Schemas["KillLeg"];
export type KillPreview = Schemas["KillPreview"];
export type KillReceipt = Schemas["KillReceipt"];
export type Lift = Schemas["LiftView"];
export type LiftPreview = Schemas["LiftPreview"];
export type Guard = Schemas["GuardView"];
export type Drill = Schemas["DrillView"];

const rows = async <T>(path: string, signal?: AbortSignal) => (await get<Page<T>>(path, {}, signal)).items;

export const stopQueries = {
  scopes: () => queryOptions({ queryKey: ["kill-scopes"], queryFn: ({ signal }) => rows<string>("/kills/scopes", signal), staleTime: 10_000 }),
  /** The venue's own book is asked each time: what a kill would do changes under it. */
  preview: (scope: string, flatten: boolean) =>
    queryOptions({ queryKey: ["kill-preview", scope, flatten], queryFn: () => send<KillPreview>("/kills/preview", { body: { scope, step: "flatten", flatten } }), staleTime: 1_000, gcTime: 10_000, refetchInterval: 3_000, retry: false }),
  kills: () => queryOptions({ queryKey: ["kills"], queryFn: ({ signal }) => rows<Kill>("/kills", signal), refetchInterval: 5_000 }),
  kill: (id: string) =>
    queryOptions({ queryKey: ["kills", id], queryFn: ({ signal }) => get<KillFull>(`/kills/${id}`, {}, signal), refetchInterval: (query) => (query.state.data?.state === "done" ? false : 300), retry: 20, retryDelay: 300 }),
  lifts: () => queryOptions({ queryKey: ["lifts"], queryFn: ({ signal }) => rows<Lift>("/lifts", signal), refetchInterval: 2_000 }),
  /** What would stop it again, before anybody lifts. */
  liftPreview: (scope: string) => queryOptions({ queryKey: ["lift-preview", scope], queryFn: ({ signal }) => get<LiftPreview>("/lifts/preview", { scope }, signal), refetchInterval: 3_000, retry: false }),
  guard: () => queryOptions({ queryKey: ["guard"], queryFn: ({ signal }) => get<Guard>("/guard", {}, signal), refetchInterval: 2_000 }),
  drills: () => queryOptions({ queryKey: ["drills"], queryFn: ({ signal }) => rows<Drill>("/drills", signal), refetchInterval: 5_000 }),
};

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
export const killId = () => `kill_${[...crypto.getRandomValues(new Uint8Array(26))].map((byte) => alphabet[byte & 31]).join("")}`;
const stepWord: Record<KillStep, string> = { pause: "Pause entries", reduce_only: "Reduce only", flatten: "Flatten" };

/** Sends a kill; the tray follows it to the guard's proof. */
export function kill(id: string, scope: string, step: KillStep, flatten: boolean, reason: string, onTaken: () => void): Promise<Act> {
  return perform({
    label: `${stepWord[step]}: ${scope}`,
    run: async () => {
      const receipt = await send<KillReceipt>("/kills", { body: { scope, step, flatten, reason }, idempotencyKey: id });
      onTaken();
      return { accepted: true, audit_id: receipt.audit_id, id: receipt.id, detail: receipt.detail } satisfies Receipt;
    },
    confirm: (event) => event.kind === "kill.done" && event.body.id === id,
    timeoutMs: 60_000,
  });
}
export const lift = (scope: string, reason: string) =>
  perform({ label: `Lift: ${scope}`, run: (code) => send<Receipt>("/lifts", { body: { scope, reason, code } }), confirmedBy: "api" });
export const cancelLift = (id: string) =>
  perform({ label: "Keep it stopped", run: () => send<Receipt>(`/lifts/${id}`, { method: "DELETE" }), confirmedBy: "api" });
export const runDrill = () =>
  perform({ label: "Kill drill", run: () => send<Receipt>("/drills", { body: {} }), confirm: (event) => event.kind === "drill.done" || event.kind === "drill.failed", timeoutMs: 60_000 });

/** Saves the evidence of a kill and gives its hash. */
export async function downloadReport(id: string): Promise<string> {
  const response = await transport.fetch(`${API}/kills/${id}/report`, { credentials: "same-origin" });
  if (!response.ok) throw new Error(problemOf(new Error(response.statusText)).detail);
  const hash = response.headers.get("x-content-sha256") ?? "";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = `${id}-${hash.slice(0, 16)}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1_000);
  return hash;
}
