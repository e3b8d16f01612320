import { useEffect, useRef, useState } from "react";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useQueryClient } from "@tanstack/react-query";
import { problemOf, send } from "~/api/http";
import type { Problem, Session } from "~/api/types";
import { Logo } from "~/components/StatusRail";
import { Button } from "~/ui/Button";
import { Mark } from "~/ui/Mark";

const Command = ({ children }: { children: string }) => <code className="code mt-1 block rounded-md border border-line bg-bg px-3 py-2 select-all">{children}</code>;

/** Where to go after signing in: only a path of this page, never another site. */
export const safeNext = (next: string | undefined): string => (next && /^\/(?![/\\])/u.test(next) && !next.startsWith("/sign-in") ? next : "/");

export function SignIn() {
  const { next } = useSearch({ from: "/sign-in" });
  // Read raw: the router would parse a token that looks like a number into one.
  const [token] = useState(() => new URLSearchParams(location.search).get("token"));
  const navigate = useNavigate();
  const client = useQueryClient();
  const [problem, setProblem] = useState<Problem | null>(null);
  const [typed, setTyped] = useState("");
  const [busy, setBusy] = useState(Boolean(token));
  const exchanged = useRef<string | null>(null);

  const exchange = async (value: string) => {
    setBusy(true);
    setProblem(null);
    try {
      const session = await send<Session>("/sessions", { body: { token: value }, quiet401: true });
      client.clear();
      if (session.role) client.setQueryData(["session"], session);
      await navigate({ to: safeNext(next), replace: true });
    } catch (error) {
      setProblem(problemOf(error));
    } finally {
      setBusy(false);
    }
  };
  useEffect(() => {
    document.title = "Sign in · Tradedeck";
    if (!token || exchanged.current === token) return;
    exchanged.current = token; // The link works once: a second effect run must not spend it again.
    // The token leaves the address bar and the history before anything else happens.
    history.replaceState(history.state, "", next ? `/sign-in?next=${encodeURIComponent(next)}` : "/sign-in");
    void exchange(token);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- exchange is made anew on each render; the token alone decides.
  }, [token]);

  const pasted = () => {
    const value = typed.trim();
    try {
      return new URL(value).searchParams.get("token") ?? value;
    } catch {
      return value;
    }
  };
  const used = problem?.code.includes("USED");
  const expired = problem?.code.includes("EXPIRED");
  return (
    <main className="grid min-h-dvh place-items-center p-4">
      <div className="w-full max-w-[400px]">
        <p className="flex items-center gap-2 pb-6 text-15 font-semibold"><Logo />Tradedeck</p>
        {busy ? (
          <div role="status"><h1 className="text-22 font-semibold">Signing in</h1><p className="pt-1 text-muted">Exchanging your link for a session.</p></div>
        ) : (
          <>
            <h1 className="text-22 font-semibold">
              {problem ? (used ? "This link was already used" : expired ? "This link has expired" : problem.status === 0 ? "The deck does not answer" : "This link does not work") : "Sign in"}
            </h1>
            <p className="pt-1 text-muted">
              {problem
                ? used ? "Each link works once. If it was not you who used it, make a new one and look at the sessions in the audit."
                  : expired ? "Links are valid for 15 minutes."
                  : problem.status === 0 ? "Nothing answered at this address. Is the deck still running on the host?" : (problem.detail ?? problem.title)
                : "Open the sign-in link that the deck printed when it started, or make a new one on the host:"}
            </p>
            {problem && problem.status !== 0 && <p className="state pt-4 text-12"><Mark shape="dash" tone="muted" />Make a new one on the host:</p>}
            <div className="pt-2"><Command>{problem?.status === 0 ? "tradedeck up" : "tradedeck token link"}</Command></div>
            <form className="flex gap-2 pt-4" onSubmit={(event) => { event.preventDefault(); if (typed.trim()) void exchange(pasted()); }}>
              <input className="input" aria-label="Sign-in link or token" placeholder="Or paste the link here" value={typed} autoComplete="off" spellCheck={false} onChange={(event) => setTyped(event.target.value)} />
              <Button type="submit" look="primary" blocked={typed.trim() ? null : "Paste the link first."}>Sign in</Button>
            </form>
            {problem && <p className="code pt-4 text-faint">{problem.code}</p>}
          </>
        )}
      </div>
    </main>
  );
}
