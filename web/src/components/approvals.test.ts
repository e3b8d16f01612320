import { describe, expect, it } from "vitest";
import type { Approval } from "~/api/approvals";
import { approvalWords, sorted } from "./approvals";

const of = (id: string, status: Approval["status"], may_approve = false) => ({ id, status, may_approve }) as Approval;
describe("requests for a second word", () => {
  it("wait for whom they wait", () => {
    const found = sorted([of("a", "open", true), of("b", "open"), of("c", "approved"), of("d", "used"), of("e", "expired")]);
    expect(Object.fromEntries(Object.entries(found).map(([name, rows]) => [name, rows.map((each: Approval) => each.id)]))).toEqual({ forMe: ["a"], forOthers: ["b"], agreed: ["c"], past: ["d", "e"] });
  });
  it("say their act, with what it is now", () => {
    expect(approvalWords({ kind: "role.grant", act: { name: "ole", role: "risk", from: "operator", disabled: true } })).toBe("Make ole risk, now operator and disabled");
    expect(approvalWords({ kind: "halt.lift", act: { scope: "all" } })).toBe("Lift the halt of all");
    expect(approvalWords({ kind: "config.loosen", act: { changes: [{}, {}] } })).toBe("Loosen 2 limits");
  });
});
