import { describe, expect, it, vi } from "vitest";
import type { LiveEvent, Receipt } from "./types";

const taps: ((event: LiveEvent) => void)[] = [];
vi.mock("./live", () => ({ tapEvents: (tap: (event: LiveEvent) => void) => (taps.push(tap), () => undefined) }));
const { perform } = await import("./acts");
const { ApiError } = await import("./http");
const say = (kind: string, body: Record<string, unknown>) => taps.forEach((tap) => tap({ seq: 1, at: "", source: "local", kind, body }));
const receipt: Receipt = { id: "c-1", audit_id: "a-1", accepted: true };

describe("an act", () => {
  it("is confirmed only by the runner's own event", async () => {
    const done = perform({ label: "Pause", run: () => Promise.resolve(receipt) });
    await Promise.resolve();
    await new Promise((resolve) => setTimeout(resolve, 5));
    say("command.done", { id: "c-other", outcome: "done" });
    say("command.done", { id: "c-1", outcome: "done" });
    expect(await done).toMatchObject({ phase: "confirmed", auditId: "a-1" });
  });
  it("does not miss an event that overtakes the answer of the call", async () => {
    const done = perform({ label: "Pause", run: () => { say("command.done", { id: "c-1", outcome: "done" }); return Promise.resolve(receipt); } });
    expect((await done).phase).toBe("confirmed");
  });
  it("says when nobody confirms", async () => {
    expect((await perform({ label: "Pause", run: () => Promise.resolve(receipt), timeoutMs: 10 })).phase).toBe("silent");
  });
  it("is refused by the API or by the runner", async () => {
    const refused = await perform({ label: "Pause", run: () => Promise.reject(new ApiError({ title: "Not allowed", status: 403, code: "FORBIDDEN", detail: "Needs operator." })) });
    expect(refused).toMatchObject({ phase: "refused", note: "Needs operator." });
    const done = perform({ label: "Apply", run: () => Promise.resolve({ generation: 18 }) });
    await new Promise((resolve) => setTimeout(resolve, 5));
    say("config.refused", { generation: 18, code: "CEILING", detail: "above the host's" });
    expect(await done).toMatchObject({ phase: "refused", note: "CEILING: above the host's" });
  });
});
