import type { ConfigChange } from "~/api/types";
import type { StateLook } from "~/lib/look";
import { show } from "~/lib/format";
import { StateText } from "~/ui/Mark";

const effects = {
  tightens: { word: "Tightens", shape: "dot", tone: "ok" },
  loosens: { word: "Loosens", shape: "triangle", tone: "warn" },
  neutral: { word: "Neutral", shape: "dash", tone: "muted" },
} satisfies Record<NonNullable<ConfigChange["effect"]>, StateLook>;

/** Old and new, line by line, with what each change does to the limits. */
export function Changes({ changes }: { changes: ConfigChange[] }) {
  if (changes.length === 0) return <p className="py-2 text-12 text-muted">No difference.</p>;
  return (
    <div className="table-wrap">
      <table className="tbl">
        <thead><tr><th className="l">Where</th><th className="l">Old</th><th className="l">New</th><th className="l hide-phone">Effect</th></tr></thead>
        <tbody>
          {changes.map((change) => (
            <tr key={change.path}>
              <td className="l wrap code text-muted">{change.path}</td>
              <td className="l wrap code "><del className="no-underline">{show(change.old)}</del></td>
              <td className="l wrap code "><ins className="no-underline">{show(change.new)}</ins></td>
              <td className="l hide-phone">{change.effect ? <StateText look={effects[change.effect]} /> : "–"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
