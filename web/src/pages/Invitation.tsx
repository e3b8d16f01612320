import { useState } from "react";
import { problemOf } from "~/api/http";
import { byInvitation } from "~/api/identity";
import type { Problem, Session } from "~/api/types";
import { Refusal } from "~/components/Proof";
import { PasswordField } from "~/forms/PasswordField";
import { Field } from "~/ui/Bits";
import { Button } from "~/ui/Button";

/** Somebody invited says how they are called and sets a password; the account begins with that. */
export function Invitation({ token, onSession }: { token: string; onSession: (session: Session) => Promise<void> }) {
  const [display, setDisplay] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const missing = !display.trim() ? "Enter your name first." : !password ? "Choose a password first." : null;
  const accept = async () => {
    setBusy(true);
    setProblem(null);
    try {
      await onSession(await byInvitation(token, display, password));
    } catch (error) {
      setProblem(problemOf(error));
      setBusy(false);
    }
  };
  return (
    <form className="flex flex-col gap-4 pt-1" onSubmit={(event) => { event.preventDefault(); if (!missing && !busy) void accept(); }}>
      <p className="text-muted">You are invited to this deck. Your sign-in name was chosen by whoever invited you; it stands at the top once you are in.</p>
      <Field label="How you are called" htmlFor="display"><input id="display" className="input" autoComplete="name" autoFocus maxLength={100} value={display} onChange={(event) => setDisplay(event.target.value)} /></Field>
      <PasswordField label="Password" value={password} onChange={setPassword} alone />
      {problem && <Refusal problem={problem} />}
      <Button type="submit" look="primary" pending={busy} blocked={missing}>{busy ? "Joining" : "Join"}</Button>
    </form>
  );
}
