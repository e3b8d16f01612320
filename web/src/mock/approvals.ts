/* Requests for a second person's word. `?solo` begins without any. */
import type { Approval, Governance } from "~/api/approvals";
import { canonical, exact, sha256 } from "~/lib/canonical";

interface Request { body: Record<string, unknown>; params: Record<string, string> }
interface Kit {
  on(method: string, path: string, handler: (request: Request) => Response | Promise<Response>): void;
  json(body: unknown, status?: number): Response;
  problem(status: number, code: string, title: string, detail: string, extra?: Record<string, unknown>): Response;
}
const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();

export function installApprovals({ on, json, problem }: Kit) {
  const solo = new URLSearchParams(location.search).has("solo");
  const make = (id: string, kind: Approval["kind"], requester: string, reason: string, act: Approval["act"], minutes: number, more: Partial<Approval> = {}): Approval => ({ id, kind, status: "open", act, digest: "", challenge: null, requester, approver: null, reason, detail: "", signed_by: [], created_at: ago(minutes), expires_at: ago(minutes - 60), decided_at: null, used_at: null, mine: requester === "admin", may_approve: requester !== "admin" && (more.status ?? "open") === "open", ...more });
  let all: Approval[] = solo ? [] : [
    make("apr_1", "config.loosen", "risk-mira", "More room for the close of the quarter", { pending: "pnd_01", base_generation: 17, changes: [{ path: "accounts/paper-demo/limits/day_loss_max", old: "2500", new: "4000", effect: "loosens" }, { path: "accounts/paper-demo/limits/drawdown_max", old: "0.08", new: "0.12", effect: "loosens" }] }, 4),
    make("apr_2", "halt.lift", "risk-mira", "Feed is back, books are equal", { act: "halt.lift", scope: "trader/gold-scalp", reason: "Feed is back, books are equal", host: "guard.local", subject: 1764316800, nonce: "9f2c4e0b7a11d38855c0be0f2ad94e61" }, 11),
    make("apr_3", "role.grant", "admin", "Stands in for Mira next week", { user: "usr_3", name: "ole", role: "risk", from: "operator", disabled: false }, 22),
    make("apr_4", "role.grant", "admin", "Audit season", { user: "usr_4", name: "paul", role: "admin", from: "viewer", disabled: true }, 3 * 24 * 60, { status: "refused", approver: "risk-mira", detail: "Viewer is enough for that.", decided_at: ago(3 * 24 * 60 - 9) }),
    make("apr_5", "halt.lift", "admin", "Drill is over", { act: "halt.lift", scope: "all", reason: "Drill is over", host: "guard.local", subject: 1764230400, nonce: "00c1" }, 26 * 60, { status: "used", approver: "risk-mira", decided_at: ago(26 * 60 - 2), used_at: ago(26 * 60 - 3) }),
  ];
  const hashed = Promise.all(all.map(async (each) => { each.digest = await sha256(canonical(exact(JSON.stringify(each.act)))); }));
  const change = (id: string | undefined, next: Partial<Approval>) => { all = all.map((each) => (each.id === id ? { ...each, may_approve: false, ...next } : each)); return json(all.find((each) => each.id === id)); };
  on("GET", "/governance", () => json({ rights: [{ right: "halt.clear", profile: solo ? "solo" : "desk", holders: solo ? 1 : 2 }, { right: "config.loosen", profile: solo ? "solo" : "desk", holders: solo ? 1 : 2 }, { right: "people.manage", profile: "solo", holders: 1 }] } satisfies Governance));
  on("GET", "/approvals", async () => { await hashed; return json({ items: all }); });
  on("GET", "/approvals/:id", async ({ params }) => { await hashed; const found = all.find((each) => each.id === params.id); return found ? json(found) : problem(404, "NOT_FOUND", "Not found", "There is no such request."); });
  on("POST", "/approvals/:id/approve", ({ params, body }) => {
    const found = all.find((each) => each.id === params.id);
    if (found?.digest !== body.digest) return problem(409, "CONFLICT", "In conflict with the present state", "What was approved is another act.");
    return change(params.id, { status: found?.kind === "halt.lift" ? "approved" : "used", approver: "admin", decided_at: ago(0) });
  });
  on("POST", "/approvals/:id/refuse", ({ params, body }) => change(params.id, { status: "refused", approver: "admin", detail: String(body.reason), decided_at: ago(0) }));
}
