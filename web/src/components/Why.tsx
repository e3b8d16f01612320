/* Why did it trade, or not, on one bar: inputs, signal, verdict, and each limit with its numbers. */
import { Link } from "@tanstack/react-router";
import type { Decision } from "~/api/types";
import { codeWords, position, price, quantity } from "~/lib/format";
import type { StateLook } from "~/lib/look";
import { tradingTime } from "~/lib/time";
import { Empty } from "~/ui/Bits";
import { StateText } from "~/ui/Mark";
import { Checks, Inputs, targetText } from "./Preview";
import { numbersText } from "./timeline";

export const verdictLook = {
  none: { word: "No order", shape: "dash", tone: "muted" },
  allowed: { word: "Traded", shape: "dot", tone: "ok" },
  denied: { word: "Denied by the gate", shape: "diamond", tone: "warn" },
  mixed: { word: "Partly allowed", shape: "diamond", tone: "warn" },
} satisfies Record<Decision["verdict"], StateLook>;

/** The one sentence an operator would say. */
export function sentence(decision: Decision): string {
  if (!decision.signal) return "The strategy gave no signal on this bar.";
  const wanted = `${targetText(decision.signal.target)}: ${decision.signal.reason}.`;
  if (decision.verdict === "allowed") return wanted;
  if (decision.verdict === "none") return `${wanted} The position already fits, so nothing was sent.`;
  const first = decision.refusals[0];
  return first ? `${wanted} Refused: ${codeWords(first.reason).toLowerCase()}.` : wanted;
}

export function Why({ decision }: { decision: Decision | null | undefined }) {
  if (!decision) return <Empty title="No decision on this bar">The trader was not running, or the bar came before its first decision. Choose another bar in the chart.</Empty>;
  return (
    <div className="flex flex-col gap-3 pt-3">
      <div>
        <p className="text-11 text-muted">{tradingTime(decision.time)} · {price(decision.price)} · held {position(decision.position, decision.instrument ?? "")}</p>
        <p className="pt-0.5 text-15 font-semibold"><StateText look={verdictLook[decision.verdict] ?? verdictLook.none} /></p>
        <p className="text-12 text-muted">{sentence(decision)}</p>
      </div>
      <Inputs inputs={decision.inputs} />
      {decision.refusals.map((refusal, index) => (
        <div key={index} className="border-l-2 border-warn pl-3 text-12">
          <b>{codeWords(refusal.reason)}</b> <span className="code text-faint">{refusal.reason}</span>
          <p className="text-muted">{refusal.intent.side === "BUY" ? "Buy" : "Sell"} {quantity(refusal.intent.quantity)} was refused. {numbersText(refusal.numbers)}</p>
        </div>
      ))}
      <Checks checks={decision.checks} />
      {decision.orders.length > 0 && <p className="flex flex-wrap gap-x-3 text-12">{decision.orders.map((order) => <Link key={order} to="/orders" search={{ order }} className="code max-w-[20ch] truncate" title={order}>{order}</Link>)}</p>}
    </div>
  );
}
