import { afterEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "./http";
import type { StepUpQuestion } from "./stepUp";

// The store is read without React: what the dialog would see is what `useSyncExternalStore` reads.
vi.mock("react", () => ({ useSyncExternalStore: (_: unknown, read: () => unknown) => read() }));
const { proveNow, useStepUp: asked, withStepUp } = await import("./stepUp");
const refusal = (ways?: string[]) => new ApiError({ title: "Not allowed", status: 403, code: "STEP_UP_REQUIRED", detail: "Needs a second factor.", ways });
const open = async (): Promise<StepUpQuestion> => {
  await new Promise((resolve) => setTimeout(resolve, 0));
  const question = asked();
  if (!question) throw new Error("nobody was asked");
  return question;
};

afterEach(() => asked()?.answer(null));

describe("stepping up", () => {
  it("asks nobody where the act is taken", async () => {
    expect(await withStepUp("Pause", () => Promise.resolve("taken"))).toBe("taken");
    expect(asked()).toBeNull();
  });
  it("runs the act again once the session has stepped up, without a code", async () => {
    const codes: (string | undefined)[] = [];
    const done = withStepUp("Make a token", (code) => (codes.push(code), codes.length === 1 ? Promise.reject(refusal(["totp", "host", "oracle"])) : Promise.resolve("made")));
    const question = await open();
    expect(question).toMatchObject({ label: "Make a token", ways: ["totp", "host"], again: false });
    question.answer("");
    expect(await done).toBe("made");
    expect(codes).toEqual([undefined, undefined]);
    expect(asked()).toBeNull();
  });
  it("gives the act the code that it takes itself, and says when that was wrong", async () => {
    const codes: (string | undefined)[] = [];
    const done = withStepUp("Lift: all", (code) => (codes.push(code), code === "right" ? Promise.resolve("lifted") : Promise.reject(refusal())));
    (await open()).answer("wrong");
    const second = await open();
    expect(second).toMatchObject({ ways: [], again: true });
    second.answer("right");
    expect(await done).toBe("lifted");
    expect(codes).toEqual([undefined, "wrong", "right"]);
  });
  it("leaves the act refused when the dialog is left", async () => {
    const done = withStepUp("Make a token", () => Promise.reject(refusal(["host"])));
    (await open()).answer(null);
    await expect(done).rejects.toMatchObject({ problem: { code: "STEP_UP_REQUIRED" } });
  });
  it("does not ask for any other refusal", async () => {
    await expect(withStepUp("x", () => Promise.reject(new ApiError({ title: "No", status: 403, code: "FORBIDDEN" })))).rejects.toThrow();
    expect(asked()).toBeNull();
  });
  it("says whether somebody proved it", async () => {
    const proven = proveNow("Read this", "", ["totp"]);
    (await open()).answer("");
    expect(await proven).toBe(true);
  });
});
