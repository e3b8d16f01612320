/* What a trader would do now, and every limit that order would be held against. */
import type { LimitCheck, TraderPreview } from "~/api/types";
import { codeWords, num, number, percent, plural, price, quantity, show, words } from "~/lib/format";
import type { MarkShape, StateTone } from "~/lib/look";
import { tradingTime } from "~/lib/time";
import { Meter } from "~/ui/Bits";
import { Mark } from "~/ui/Mark";

const isRatio = (limit: string) => /(exposure|concentration|margin|drawdown|risk|collar)/u.test(limit);
export function limitValue(limit: string, value: LimitCheck["used"]): string {
  if (value == null) return "–";
  return isRatio(limit) && (num(value) ?? 0) <= 20 ? percent(value, 1) : number(value, { maxDigits: 2 });
}
export function Checks({ checks }: { checks: LimitCheck[] }) {
  if (checks.length === 0) return <p className="py-2 text-12 text-muted">No order was wanted, so no limit was asked.</p>;
  return (
    <div className="table-wrap">
      <table className="tbl">
        <thead><tr><th className="l">Limit</th><th>Used</th><th>After</th><th>Bound</th><th className="w-20"><span className="sr-only">Share</span></th></tr></thead>
        <tbody>
          {checks.map((check) => {
            const bound = num(check.bound);
            const after = num(check.after);
            return (
              <tr key={(check.scope ?? "") + check.limit}>
                <td className="l"><span className="state"><Mark shape={check.ok ? "dot" : "diamond"} tone={check.ok ? "ok" : "warn"} />{words(check.limit)}{check.scope && <span className="text-11 text-faint">{check.scope}</span>}</span></td>
                <td className="text-muted">{limitValue(check.limit, check.used)}</td>
                <td className={check.ok ? undefined : "text-warn"}>{limitValue(check.limit, check.after)}</td>
                <td className="text-muted">{limitValue(check.limit, check.bound)}</td>
                <td><Meter ratio={bound && after != null ? after / bound : null} label={`${words(check.limit)} after`} /></td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
export function Inputs({ inputs }: { inputs: Record<string, number> }) {
  const entries = Object.entries(inputs).filter(([name]) => name !== "bars");
  if (entries.length === 0) return null;
  return (
    <dl className="flex flex-wrap gap-x-6 gap-y-1 text-12">
      {entries.map(([name, value]) => <div key={name} className="flex gap-2"><dt className="text-muted">{words(name)}</dt><dd>{number(value, { maxDigits: Math.abs(value) < 1 ? 4 : 2 })}</dd></div>)}
    </dl>
  );
}
export function targetText(target: string | number): string {
  const value = num(target);
  if (value == null) return show(target);
  if (value === 0) return "Flat";
  const side = value > 0 ? "Long" : "Short";
  return Math.abs(value) === 1 ? side : `${side} ${number(Math.abs(value), { maxDigits: 4 })}`;
}
const verdicts = {
  allowed: { shape: "dot", tone: "ok", says: "would pass the gate" },
  denied: { shape: "diamond", tone: "warn", says: "would be denied" },
  reduces: { shape: "dot", tone: "ok", says: "reduces, so no limit holds it back" },
} satisfies Record<TraderPreview["orders"][number]["verdict"], { shape: MarkShape; tone: StateTone; says: string }>;
export function PreviewView({ preview }: { preview: Pick<TraderPreview, "time" | "price" | "signal" | "inputs" | "orders" | "checks" | "wishes"> }) {
  return (
    <div className="flex flex-col gap-3">
      <div>
        <p className="text-11 text-muted">If it decided on the bar of {tradingTime(preview.time)} at {price(preview.price)}</p>
        <p className="text-15 font-semibold">{preview.signal ? `${targetText(preview.signal.target)}: ${preview.signal.reason}` : preview.wishes.length ? plural(preview.wishes.length, "order") : "No signal"}</p>
        {preview.signal?.stop && <p className="text-12 text-muted">Stop at {price(preview.signal.stop)}</p>}
      </div>
      <Inputs inputs={preview.inputs} />
      {preview.orders.map((order, index) => {
        const look = verdicts[order.verdict];
        return <p key={index} className="state text-12"><Mark shape={look.shape} tone={look.tone} /><span><b>{order.side === "BUY" ? "Buy" : "Sell"} {quantity(order.quantity)}</b> {look.says}{order.reason ? `: ${codeWords(order.reason).toLowerCase()}` : ""}</span></p>;
      })}
      {preview.orders.length === 0 && <p className="text-12 text-muted">{preview.signal ? "The position already fits, so it would send no order." : "It would send no order now."}</p>}
      {preview.checks.length > 0 && <Checks checks={preview.checks} />}
    </div>
  );
}
