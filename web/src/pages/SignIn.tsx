import { useEffect, useRef, useState, type ReactNode } from "react";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useQueryClient } from "@tanstack/react-query";
import { problemOf } from "~/api/http";
import { byLink, byPassword, bySecond, isSession, type SecondNeeded } from "~/api/identity";
import { canPasskey, signInByPasskey } from "~/api/passkeys";
import type { Problem, Session } from "~/api/types";
import { Proof, Refusal } from "~/components/Proof";
import { useAttempt } from "~/components/attempt";
import { Logo } from "~/components/StatusRail";
import { Field } from "~/ui/Bits";
import { Button } from "~/ui/Button";
import { Command } from "~/ui/Command";
import { Invitation } from "./Invitation";

/** Where to go after signing in: only a path of this page, never another site. */
export const safeNext = (next: string | undefined): string => (next && /^\/(?![/\\])/u.test(next) && !next.startsWith("/sign-in") ? next : "/");

/** The secret of a pasted link, or what was pasted. */
export function secretOf(pasted: string): string {
  const value = pasted.trim();
  try {
    return new URL(value).searchParams.get("token") ?? value;
  } catch {
    return value; // Not an address: the bare secret.
  }
}

type Step = { name: "start" } | { name: "link" } | { name: "second"; asked: SecondNeeded };

export function SignIn() {
  const { next } = useSearch({ from: "/sign-in" });
  // Read raw: the router would parse a token that looks like a number into one.
  const [token] = useState(() => new URLSearchParams(location.search).get("token"));
  const [invitation] = useState(() => new URLSearchParams(location.search).get("invitation"));
  const navigate = useNavigate();
  const client = useQueryClient();
  const [step, setStep] = useState<Step>(token ? { name: "link" } : { name: "start" });
  const [linkProblem, setLinkProblem] = useState<Problem | null>(null);
  const exchanged = useRef<string | null>(null);

  const enter = async (session: Session) => {
    client.clear();
    if (session.role) client.setQueryData(["session"], session);
    await navigate({ to: safeNext(next), replace: true });
  };
  const exchange = async (secret: string) => {
    setStep({ name: "link" });
    setLinkProblem(null);
    try {
      await enter(await byLink(secret));
    } catch (error) {
      setLinkProblem(problemOf(error));
      setStep({ name: "start" });
    }
  };
  useEffect(() => {
    document.title = "Sign in · Tradedeck";
    // A secret leaves the address bar and the history before anything else happens.
    if (token || invitation) history.replaceState(history.state, "", next ? `/sign-in?next=${encodeURIComponent(next)}` : "/sign-in");
    if (!token || exchanged.current === token) return;
    exchanged.current = token; // The link works once: a second effect run must not spend it again.
    void exchange(token);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- exchange is made anew on each render; the token alone decides.
  }, [token, invitation]);

  if (invitation) return <Gate title="Welcome"><Invitation token={invitation} onSession={enter} /></Gate>;

  if (step.name === "link") {
    return <Gate title="Signing in"><p className="pt-1 text-muted" role="status">Exchanging your link for a session.</p></Gate>;
  }
  if (step.name === "second") {
    return (
      <Gate title="Second factor">
        <p className="pt-1 pb-5 text-muted">The password was right. Your account asks for one thing more.</p>
        <Proof
          ways={step.asked.ways} submit="Sign in" leave={<Button look="quiet" className="mr-auto -ml-2" onClick={() => setStep({ name: "start" })}>Back</Button>}
          onPasskey={canPasskey() ? async () => enter(await signInByPasskey()) : undefined}
          onCode={async (way, code) => enter(await bySecond(step.asked.challenge, way, code))}
        />
      </Gate>
    );
  }
  return (
    <Gate title="Sign in">
      <ByPassword onSession={enter} onAsked={(asked) => setStep({ name: "second", asked })} />
      {canPasskey() && <ByPasskey onSession={enter} />}
      <ByLink problem={linkProblem} onLink={(pasted) => void exchange(secretOf(pasted))} />
    </Gate>
  );
}

/** The one column that everything before the deck stands in. */
export function Gate({ title, children }: { title: string; children: ReactNode }) {
  return (
    <main className="gate grid min-h-dvh justify-center content-start px-4 pt-[max(32px,16dvh)] pb-8">
      <div className="w-[min(360px,calc(100vw-32px))]">
        <p className="flex items-center gap-2 pb-6 text-15 font-semibold"><Logo />Tradedeck</p>
        <h1 className="text-22 font-semibold">{title}</h1>
        {children}
      </div>
    </main>
  );
}

function ByPassword({ onSession, onAsked }: { onSession: (session: Session) => Promise<void>; onAsked: (asked: SecondNeeded) => void }) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const field = useRef<HTMLInputElement>(null);
  const missing = !name.trim() ? "Enter your name first." : !password ? "Enter your password first." : null;
  const submit = async () => {
    setBusy(true);
    setProblem(null);
    try {
      const answer = await byPassword(name, password);
      if (isSession(answer)) await onSession(answer);
      else onAsked(answer);
    } catch (error) {
      setProblem(problemOf(error));
      setPassword("");
      setBusy(false);
      field.current?.focus();
    }
  };
  return (
    <form className="flex flex-col gap-4 pt-5" onSubmit={(event) => { event.preventDefault(); if (!missing && !busy) void submit(); }}>
      <Field label="Name" htmlFor="name"><input id="name" className="input" autoComplete="username" autoCapitalize="none" spellCheck={false} autoFocus maxLength={100} value={name} onChange={(event) => setName(event.target.value)} /></Field>
      <Field label="Password" htmlFor="password"><input ref={field} id="password" type="password" className="input" autoComplete="current-password" maxLength={1024} aria-invalid={problem?.status === 401 || undefined} value={password} onChange={(event) => setPassword(event.target.value)} /></Field>
      {problem && <Refusal problem={problem} />}
      <Button type="submit" look="primary" pending={busy} blocked={missing}>{busy ? "Checking" : "Sign in"}</Button>
    </form>
  );
}

/** The browser offers the passkeys of this address; no name is typed. */
function ByPasskey({ onSession }: { onSession: (session: Session) => Promise<void> }) {
  const { busy, problem, attempt } = useAttempt();
  return (
    <div className="flex flex-col gap-4 pt-3">
      <Button pending={busy} onClick={() => void attempt("Sign in", async () => onSession(await signInByPasskey()))}>{busy ? "Waiting for the passkey" : "Sign in with a passkey"}</Button>
      {problem && <Refusal problem={problem} />}
    </div>
  );
}

/** A link of the host signs in whoever has none of the rest, the first admin among them. */
function ByLink({ problem, onLink }: { problem: Problem | null; onLink: (pasted: string) => void }) {
  const [typed, setTyped] = useState("");
  return (
    <section aria-labelledby="by-link" className="mt-8 border-t border-line pt-4">
      <h2 id="by-link" className="text-13 font-semibold">Without a password</h2>
      <div className="flex flex-col gap-3 pt-1">
        {problem ? <Refusal problem={problem} /> : <p className="text-12 text-muted">The host prints a link that signs you in once, for 15 minutes:</p>}
        <Command>{problem?.status === 0 ? "tradedeck up" : "tradedeck token link"}</Command>
        <form className="flex gap-2" onSubmit={(event) => { event.preventDefault(); if (typed.trim()) onLink(typed); }}>
          <input className="input" aria-label="Sign-in link or token" placeholder="Paste the link here" value={typed} autoComplete="off" spellCheck={false} onChange={(event) => setTyped(event.target.value)} />
          <Button type="submit" blocked={typed.trim() ? null : "Paste the link first."}>Use the link</Button>
        </form>
      </div>
    </section>
  );
}
