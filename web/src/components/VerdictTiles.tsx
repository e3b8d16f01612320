/* One question, one answer, one reason, one act each. */
import { Link } from "@tanstack/react-router";
import { Mark } from "~/ui/Mark";
import { openKill } from "./shell";
import type { Verdict } from "./verdicts";

export function VerdictTiles({ list }: { list: Verdict[] }) {
  return (
    <div className="verdicts">
      {list.map((verdict) => (
        <section className="verdict" key={verdict.question}>
          <h2><Mark shape={verdict.shape} tone={verdict.tone} />{verdict.question}</h2>
          <b title={verdict.answer}>{verdict.answer}</b>
          <p>
            {verdict.detail}
            {verdict.link && <> · <Link to={verdict.link.to} search={verdict.link.search as never}>{verdict.link.label}</Link></>}
            {verdict.act === "kill" && <> · <button type="button" className="link" onClick={() => openKill()}>open</button></>}
            {verdict.act === "alerts" && <> · <a href="#alerts">acknowledge</a></>}
          </p>
        </section>
      ))}
    </div>
  );
}
