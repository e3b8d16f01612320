/* A second person's word on one exact act. The page computes the digest of the act that it shows,
   and says yes to that digest, not to the one it was told. */
import { queryOptions } from "@tanstack/react-query";
import { canonical, exact, sha256 } from "~/lib/canonical";
import { address, ApiError, get, send, transport } from "./http";
import type { Page, Problem, Schemas } from "./types";

export type Approval = Schemas["ApprovalView"];
export type Governance = Schemas["Governance"];
/** An act as it is hashed: its canonical text and the digest computed here. */
export interface ReadAct { text: string; digest: string }

export async function readAct(id: string): Promise<ReadAct> {
  const response = await transport.fetch(address(`/approvals/${id}`), { headers: { Accept: "application/json" }, credentials: "same-origin" });
  if (!response.ok) throw new ApiError({ ...((await response.json()) as Problem), status: response.status });
  const parsed = exact(await response.text()) as { act: unknown };
  const text = canonical(parsed.act);
  return { text, digest: await sha256(text) };
}
export const approvalQueries = {
  all: () => queryOptions({ queryKey: ["approvals"], queryFn: async ({ signal }) => (await get<Page<Approval>>("/approvals", {}, signal)).items, staleTime: 2_000, refetchInterval: 10_000 }),
  act: (id: string) => queryOptions({ queryKey: ["approvals", id, "act"], queryFn: () => readAct(id), staleTime: 60_000 }),
  governance: () => queryOptions({ queryKey: ["governance"], queryFn: ({ signal }) => get<Governance>("/governance", {}, signal), staleTime: 30_000 }),
};
export const approve = (id: string, digest: string) => send<Approval>(`/approvals/${id}/approve`, { body: { digest } });
export const refuse = (id: string, reason: string) => send<Approval>(`/approvals/${id}/refuse`, { body: { reason } });
export const requestGrant = (user: string, role: string, reason: string) => send<Approval>("/approvals", { body: { kind: "role.grant", user, role, reason } });
export const requestLift = (scope: string, reason: string) => send<Approval>("/approvals", { body: { kind: "halt.lift", scope, reason } });
/** A lift that two people agreed on is done by the guard. */
export const liftApproved = (id: string, scope: string, reason: string) => send("/lifts", { body: { scope, reason, approval: id } });
